"""The extractor of job archives, against archives made to do harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies

from tests.hostile_archives import (
    FILES,
    FOREIGN,
    GOOD,
    HARMLESS,
    HOSTILE,
    SIGNATURE,
    Maker,
    bounded,
    cuts,
    member,
    packed,
    tree,
)
from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml.archive import unpack

ALLOWED = {"model.onnx": 1000, "signature.json": 100}
REFUSED = HOSTILE | FOREIGN


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """The folder to unpack into; beside it lies one to aim at."""
    for name in ("into", "outside"):
        (tmp_path / name).mkdir()
    (tmp_path / "model.onnx").write_bytes(b"not to be touched")
    (tmp_path / "outside" / "model.onnx").write_bytes(b"not to be touched")
    return tmp_path / "into"


def test_there_are_enough() -> None:
    assert len(REFUSED) >= 30


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED.keys())
def test_it_is_refused_and_nothing_is_written(tmp_path: Path, into: Path, make: Maker) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(make(tmp_path / "outside"))
    before = tree(tmp_path)
    with bounded(), pytest.raises(ArtefactInvalid) as refused:
        unpack(archive, into, ALLOWED)
    assert tree(tmp_path) == before
    told = str(refused.value)
    assert "model.tar.gz` " in told, told
    assert told.isprintable()
    assert len(told) < 700


def test_it_is_refused_wherever_it_is_cut(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    for cut in cuts():
        archive.write_bytes(cut)
        with pytest.raises(ArtefactInvalid, match="not a whole tar"):
            unpack(archive, into, ALLOWED)
        assert not list(into.iterdir())


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_odd_and_harmless_is_unpacked(tmp_path: Path, into: Path, make: Maker) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(make(tmp_path / "outside"))
    unpack(archive, into, ALLOWED)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == FILES
    assert not any(path.stat().st_mode & 0o7111 for path in into.iterdir())


@settings(max_examples=300, deadline=None)
@given(
    place=strategies.integers(0, len(GOOD) - 1),
    changed=strategies.binary(min_size=1, max_size=12)
    | strategies.sampled_from([b"x", b"g", b"L", b"S", b"\xff" * 12]),
)
def test_whatever_is_changed_it_is_refused_or_only_the_allowed_files_are_written(
    tmp_path_factory: pytest.TempPathFactory, place: int, changed: bytes
) -> None:
    text = bytearray(GOOD)
    text[place : place + len(changed)] = changed
    for at in range(0, len(GOOD), 512):
        if GOOD[at + 257 : at + 262] == b"ustar":  # a header: its checksum is made to hold again
            text[at + 148 : at + 156] = b" " * 8
            text[at + 148 : at + 156] = b"%06o\0 " % sum(text[at : at + 512])
    folder = tmp_path_factory.mktemp("changed")
    into, archive = folder / "into", folder / "model.tar.gz"
    into.mkdir()
    archive.write_bytes(packed(bytes(text)))
    try:
        unpack(archive, into, ALLOWED)
    except ArtefactInvalid:
        assert not list(into.iterdir())
    else:
        assert {path.name for path in into.iterdir()} == set(FILES)


def test_the_times_of_an_incremental_archive_of_gnu_are_no_part_of_a_name(tmp_path: Path, into: Path) -> None:
    onnx = member(b"model.onnx", FILES["model.onnx"], magic=b"ustar  \0", prefix=b"14000000000\0")
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(packed(onnx, SIGNATURE))
    unpack(archive, into, ALLOWED)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == FILES


def test_a_link_that_lies_in_the_folder_is_replaced_and_not_followed(tmp_path: Path, into: Path) -> None:
    (into / "model.onnx").symlink_to(tmp_path / "outside" / "model.onnx")
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(HARMLESS["plain"](tmp_path))
    unpack(archive, into, ALLOWED)
    assert (into / "model.onnx").read_bytes() == FILES["model.onnx"]
    assert (tmp_path / "outside" / "model.onnx").read_bytes() == b"not to be touched"


def test_an_archive_larger_than_its_files_is_not_even_read(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    with archive.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ArtefactInvalid, match="has 1,099,511,627,776 bytes; allowed are the files"):
        unpack(archive, into, ALLOWED)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, into: Path) -> None:
    os.mkfifo(tmp_path / "model.tar.gz")
    with pytest.raises(ArtefactInvalid, match="is not a file"):
        unpack(tmp_path / "model.tar.gz", into, ALLOWED)
