"""Model archives: what is let through, and the ways an archive is refused before it leaves a file behind."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from localaws.services.models.archive import ArchiveRefused, Limits, extract


def archive(tmp_path: Path, *members: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    """A tar.gz of files, or of headers without content."""
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return path


def header(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_files_and_folders_come_out_as_they_went_in(tmp_path: Path) -> None:
    packed = archive(
        tmp_path,
        header("./", tarfile.DIRTYPE),
        ("./model.onnx", b"onnx"),
        header("code/", tarfile.DIRTYPE),
        ("code/inference.py", b"pass"),
    )
    extract(packed, tmp_path / "model")
    assert (tmp_path / "model/model.onnx").read_bytes() == b"onnx"
    assert (tmp_path / "model/code/inference.py").read_bytes() == b"pass"


def test_an_empty_archive_makes_an_empty_model_folder(tmp_path: Path) -> None:
    extract(archive(tmp_path), tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []


def test_the_mode_bits_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    info = tarfile.TarInfo("run")
    info.mode = 0o4777
    extract(archive(tmp_path, info), tmp_path / "model")
    assert (tmp_path / "model/run").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (("/etc/cron.d/job", b"x"), "absolute"),
        (("../outside", b"x"), r"`\.\.`"),
        (("a/../../outside", b"x"), r"`\.\.`"),
        (("a\\..\\outside", b"x"), "backslash"),
        (header("link", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link"),
        (header("link", tarfile.LNKTYPE, "model.onnx"), "hard link"),
        (header("pipe", tarfile.FIFOTYPE), "pipe"),
        (header("disk", tarfile.BLKTYPE), "device"),
        (header("tty", tarfile.CHRTYPE), "device"),
        (("a" * 300, b"x"), "255"),
    ],
    ids=["absolute", "up", "up-inside", "backslash", "symlink", "hardlink", "fifo", "block", "char", "long-name"],
)
def test_a_member_that_is_no_plain_file_inside_is_refused_and_nothing_remains(
    tmp_path: Path, member: tuple[str, bytes] | tarfile.TarInfo, says: str
) -> None:
    packed = archive(tmp_path, ("model.onnx", b"good"), member)
    with pytest.raises(ArchiveRefused, match=says):
        extract(packed, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["model.tar.gz"]


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="twice"):
        extract(archive(tmp_path, ("a", b"1"), ("a", b"2")), tmp_path / "model")


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="twice"):
        extract(archive(tmp_path, ("a", b"1"), ("a/b", b"2")), tmp_path / "model")


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused, match="more than 3 files"):
        extract(archive(tmp_path, *((str(n), b"") for n in range(4))), tmp_path / "model", Limits(files=3))


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    packed = archive(tmp_path, ("a", bytes(600)), ("b", bytes(600)))
    with pytest.raises(ArchiveRefused, match="more than 1000 bytes"):
        extract(packed, tmp_path / "model", Limits(total_bytes=1000))


def test_a_bomb_hidden_in_a_header_is_refused_early(tmp_path: Path) -> None:
    info = tarfile.TarInfo("model.onnx")
    info.pax_headers = {"comment": "x" * (8 << 20)}
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(ArchiveRefused, match="header"):
        extract(path, tmp_path / "model")


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", gzip.compress(b"not a tar file" * 100), gzip.compress(bytes(10240))[:-12]],
    ids=["empty", "text", "gzip-of-text", "cut-short"],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ArchiveRefused):
        extract(path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_archive_cut_inside_a_file_is_refused(tmp_path: Path) -> None:
    packed = archive(tmp_path, ("model.onnx", bytes(range(256)) * 400))
    packed.write_bytes(packed.read_bytes()[:200])
    with pytest.raises(ArchiveRefused, match=r"cut short|Compressed|ended"):
        extract(packed, tmp_path / "model")
