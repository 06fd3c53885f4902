"""The embedded SageMaker's reader of model archives, against archives made to do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from localaws.services.models.archive import ArchiveRefused, Limits, extract
from tests.hostile_archives import FILES, FOREIGN, HARMLESS, HOSTILE, Maker, bounded, cuts, tree

LIMITS = Limits(total_bytes=1 << 20)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """The folder to make; beside it lies one to aim at."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "model.onnx").write_bytes(b"not to be touched")
    (tmp_path / "outside" / "model.onnx").write_bytes(b"not to be touched")
    return tmp_path / "model"


def test_there_are_enough() -> None:
    assert len(HOSTILE) >= 30


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_and_nothing_is_written(tmp_path: Path, into: Path, make: Maker) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(make(tmp_path / "outside"))
    before = tree(tmp_path)
    with bounded(), pytest.raises(ArchiveRefused) as refused:
        extract(archive, into, LIMITS)
    assert tree(tmp_path) == before
    told = str(refused.value)
    assert told.isprintable()
    assert 20 < len(told) < 300


def test_it_is_refused_wherever_it_is_cut(tmp_path: Path, into: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    for cut in cuts():
        archive.write_bytes(cut)
        with pytest.raises(ArchiveRefused):
            extract(archive, into, LIMITS)
        assert not into.exists()


@pytest.mark.parametrize("make", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_odd_and_harmless_is_unpacked(tmp_path: Path, into: Path, make: Maker) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(make(tmp_path / "outside"))
    extract(archive, into, LIMITS)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == FILES
    assert not any(path.stat().st_mode & 0o7111 for path in into.iterdir())


@pytest.mark.parametrize(
    ("make", "files"),
    [
        pytest.param(FOREIGN["large letters"], {"MODEL.ONNX", "signature.json"}, id="large letters"),
        pytest.param(FOREIGN["dot behind"], {"model.onnx.", "signature.json"}, id="dot behind"),
        pytest.param(
            FOREIGN["the model in two folders"], {"a/model.onnx", "b/model.onnx", "signature.json"}, id="two folders"
        ),
        pytest.param(FOREIGN["long name that is the right one"], set(FILES), id="long name"),
        pytest.param(FOREIGN["letter and accent"], {*FILES, "mode\u0301l.onnx"}, id="letter and accent"),
    ],
)
def test_files_of_any_name_stay_apart_as_they_do_on_sagemaker(
    tmp_path: Path, into: Path, make: Maker, files: set[str]
) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(make(tmp_path / "outside"))
    extract(archive, into, LIMITS)
    assert {str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()} == files
