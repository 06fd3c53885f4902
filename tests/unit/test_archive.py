"""The extractor of job archives: an archive may be anything."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml.archive import unpack

ALLOWED = {"model.onnx": 1000, "signature.json": 100}


def member(name: str, content: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(content) if kind == tarfile.REGTYPE else 0
    if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = "/etc/passwd"
    return info, content


def pack(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("prefix", ["", "./"])
def test_the_allowed_files_are_written(tmp_path: Path, into: Path, prefix: str) -> None:
    files = [member(f"{prefix}model.onnx", b"m" * 1000), member(f"{prefix}signature.json", b"{}")]
    unpack(pack(tmp_path / "model.tar.gz", member("./", kind=tarfile.DIRTYPE), *files), into, ALLOWED)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == {
        "model.onnx": b"m" * 1000,
        "signature.json": b"{}",
    }


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(member("extra.py"), id="another file"),
        pytest.param(member("../model.onnx"), id="a path out of the folder"),
        pytest.param(member("/model.onnx"), id="an absolute path"),
        pytest.param(member("code/model.onnx"), id="a folder inside"),
        pytest.param(member("model.onnx", kind=tarfile.SYMTYPE), id="a symbolic link"),
        pytest.param(member("model.onnx", kind=tarfile.LNKTYPE), id="a hard link"),
        pytest.param(member("model.onnx", kind=tarfile.CHRTYPE), id="a device"),
        pytest.param(member("model.onnx", kind=tarfile.FIFOTYPE), id="a pipe"),
        pytest.param(member("model.onnx", kind=tarfile.DIRTYPE), id="a folder with the name of a file"),
        pytest.param(member("model.onnx", b"m" * 1001), id="a file too large"),
        pytest.param(member("signature.json"), id="the same file twice"),
    ],
)
def test_anything_else_is_refused_and_named(tmp_path: Path, into: Path, bad: tuple[tarfile.TarInfo, bytes]) -> None:
    archive = pack(tmp_path / "model.tar.gz", member("signature.json"), bad)
    with pytest.raises(ArtefactInvalid, match=r"`model.tar.gz` holds .*allowed are the files `model.onnx` up to 1,000"):
        unpack(archive, into, ALLOWED)
    assert {path.name for path in into.iterdir()} <= {"signature.json"}


def test_a_missing_file_is_named(tmp_path: Path, into: Path) -> None:
    with pytest.raises(ArtefactInvalid, match=r"lacks `signature.json`; it holds `model.onnx`"):
        unpack(pack(tmp_path / "model.tar.gz", member("model.onnx")), into, ALLOWED)


@pytest.mark.parametrize("content", [b"", b"not gzip", gzip.compress(b"not tar" * 100)], ids=["empty", "text", "gzip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, into: Path, content: bytes) -> None:
    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(ArtefactInvalid):
        unpack(archive, into, ALLOWED)


def test_an_archive_cut_short_is_refused(tmp_path: Path, into: Path) -> None:
    archive = pack(tmp_path / "model.tar.gz", member("model.onnx", bytes(range(256)) * 3), member("signature.json"))
    archive.write_bytes(archive.read_bytes()[:-40])
    with pytest.raises(ArtefactInvalid, match=r"not a whole tar\.gz"):
        unpack(archive, into, ALLOWED)


def test_a_header_that_unpacks_without_end_is_refused(tmp_path: Path, into: Path) -> None:
    info, content = member("model.onnx")
    info.pax_headers = {"comment": "x" * 50_000_000}
    archive = pack(tmp_path / "model.tar.gz", (info, content))
    assert archive.stat().st_size < 100_000
    with pytest.raises(ArtefactInvalid, match="an extended header has 50,000,018 bytes"):
        unpack(archive, into, ALLOWED)


def test_a_file_that_is_not_there_is_told(tmp_path: Path, into: Path) -> None:
    with pytest.raises(ArtefactInvalid, match=r"model\.tar\.gz"):
        unpack(tmp_path / "model.tar.gz", into, ALLOWED)


@pytest.mark.parametrize("names", [("model.onnx",), ("model.npz",)], ids=["the first", "the second"])
def test_one_of_several_names_is_enough(tmp_path: Path, into: Path, names: tuple[str, ...]) -> None:
    allowed, several = {**ALLOWED, "model.npz": 1000}, ("model.onnx", "model.npz")
    members = [member("signature.json"), *(member(name) for name in names)]
    unpack(pack(tmp_path / "model.tar.gz", *members), into, allowed, several)
    assert {path.name for path in into.iterdir()} == {"signature.json", *names}


@pytest.mark.parametrize("names", [(), ("model.onnx", "model.npz")], ids=["none", "both"])
def test_none_or_more_than_one_of_several_names_is_refused(tmp_path: Path, into: Path, names: tuple[str, ...]) -> None:
    allowed, several = {**ALLOWED, "model.npz": 1000}, ("model.onnx", "model.npz")
    members = [member("signature.json"), *(member(name) for name in names)]
    with pytest.raises(ArtefactInvalid, match=r"allowed is exactly one of `model\.npz`, `model\.onnx`"):
        unpack(pack(tmp_path / "model.tar.gz", *members), into, allowed, several)
