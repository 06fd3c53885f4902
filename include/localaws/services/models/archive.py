"""Model archives, unpacked by an allow-list: regular files and folders inside the model folder, and nothing else."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

MOST_HEADER_BYTES = 16 << 10
MOST_EXTENDED_BYTES = 4 << 10
"""Of one extended header: tarfile of Python 3.12.1 takes the square of their number to read them (CVE-2024-6232)."""
MOST_EXTENDED_BYTES_IN_ALL = 2 << 20
MOST_PADDING = 1 << 20
"""Bytes after the end; tar fills up a record, usually 10,240."""
LONGEST_NAME = 255
LONGEST_PATH = 1024
DEEPEST = 32
_CHUNK = 1 << 20
_ALLOWED = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
_MEANING = ("size", "linkpath", "hdrcharset", "GNU.")
"""Records of an extended header that change what a member is; only its name may be given there."""
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


class ArchiveRefused(ValueError):
    """The archive is damaged, too large, or holds what no model needs. The message says which."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most: files and folders together, and bytes when unpacked."""

    files: int = 10_000
    total_bytes: int = 8 << 30


class _Metered(io.BufferedIOBase):
    """A reader that gives out no more than it was allowed, so that a header cannot grow into a bomb."""

    def __init__(self, source: gzip.GzipFile) -> None:
        self._source = source
        self._left = 0

    def allow(self, size: int) -> None:
        # tarfile reads whole records ahead.
        self._left = size + tarfile.RECORDSIZE

    def read(self, size: int | None = -1, /) -> bytes:
        most = self._left + 1
        data = self._source.read(most if size is None or size < 0 else min(size, most))
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveRefused("The archive holds more between its files than the headers of one need.")
        return data


def extract(archive: Path, into: Path, limits: Limits | None = None) -> None:
    """Unpacks a tar.gz into a new folder; the folder appears only when all of it was accepted.

    Modes, owners and times of the archive are not taken over.

    Args:
        archive: The tar.gz.
        into: Folder to make; it must not exist, or be empty.
        limits: Most files and bytes.

    Raises:
        ArchiveRefused: the file is no tar.gz, or a member is a link or a device, lies outside the folder, comes twice,
            or passes the limits. Nothing is left behind.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{into.name}.", dir=into.parent))
    try:
        with gzip.open(archive) as source:
            _unpack(source, partial, limits or Limits())
        partial.chmod(0o755)
        partial.replace(into)
    except ArchiveRefused:
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, ValueError) as error:
        raise ArchiveRefused(f"It is not a complete tar.gz archive: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _headers() -> type[tarfile.TarInfo]:
    """The headers of one archive, each judged before tarfile acts on it."""
    extended = 0

    class Header(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            nonlocal extended
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                return super().frombuf(buf, encoding, errors)
            try:
                header = super().frombuf(buf, encoding, errors)
            except tarfile.HeaderError as error:  # which tarfile takes for the end where it is not the first
                raise ArchiveRefused(f"It is not a complete tar.gz archive: {error}") from error
            if header.type in _EXTENDED:
                extended += max(header.size, 0)
                if not 0 <= header.size <= MOST_EXTENDED_BYTES or extended > MOST_EXTENDED_BYTES_IN_ALL:
                    raise ArchiveRefused(f"A header of the archive is larger than {MOST_EXTENDED_BYTES} bytes.")
            elif header.type not in _ALLOWED:
                raise ArchiveRefused(
                    f"{_shown(header.name)} is {_KINDS.get(header.type, 'not a plain file')}. Allowed: files and folders."
                )
            elif header.size < 0 or (header.type == tarfile.DIRTYPE and header.size):
                raise ArchiveRefused(f"{_shown(header.name)} says that it has {header.size} bytes.")
            return header

    return Header


def _unpack(source: gzip.GzipFile, into: Path, limits: Limits) -> None:
    metered = _Metered(source)
    metered.allow(MOST_HEADER_BYTES)
    count = size = 0
    with tarfile.open(fileobj=metered, mode="r|", tarinfo=_headers()) as tar:
        while True:
            metered.allow(MOST_HEADER_BYTES)
            member = tar.next()
            if member is None:
                break
            count += 1
            if count > limits.files:
                raise ArchiveRefused(f"The archive holds more than {limits.files} files and folders.")
            target = into / _inside(member)
            if member.isdir():
                _folder(target, member.name)
                continue
            size += member.size
            if size > limits.total_bytes:
                raise ArchiveRefused(f"The archive unpacks to more than {limits.total_bytes} bytes.")
            metered.allow(member.size + MOST_HEADER_BYTES)
            _write(tar, member, target)
        metered.allow(MOST_PADDING)
        _end(tar)


def _end(tar: tarfile.TarFile) -> None:
    """Reads to the very end, which has gzip check its checksum too."""
    while tar.fileobj is not None and (rest := tar.fileobj.read(_CHUNK)):
        if any(rest):
            raise ArchiveRefused("Something follows after the end of the archive.")


def _inside(member: tarfile.TarInfo) -> PurePosixPath:
    """The member's path inside the model folder, or the reason why it has none."""
    name = member.name
    shown = _shown(name)
    path = PurePosixPath(name)
    if told := [record for record in member.pax_headers if record.startswith(_MEANING)]:
        raise ArchiveRefused(f"{shown} has a header that changes `{told[0][:80]}`. Allowed: its name and times.")
    if path.is_absolute():
        raise ArchiveRefused(f"{shown} is an absolute path. Allowed: paths inside the archive.")
    if ".." in path.parts:
        raise ArchiveRefused(f"{shown} leads upwards with `..`. Allowed: paths inside the archive.")
    if "\\" in name:
        raise ArchiveRefused(f"{shown} holds a backslash. Separate folders with `/`.")
    if not name.isprintable():
        raise ArchiveRefused(f"{shown} holds what cannot be shown. Allowed: printable UTF-8.")
    if any(len(part.encode()) > LONGEST_NAME for part in path.parts):
        raise ArchiveRefused(f"{shown} has a name longer than {LONGEST_NAME} bytes.")
    if len(name.encode()) > LONGEST_PATH or len(path.parts) > DEEPEST:
        raise ArchiveRefused(f"{shown} is longer than {LONGEST_PATH} bytes or deeper than {DEEPEST} folders.")
    return path


def _shown(name: str) -> str:
    """The beginning of a name in backticks, printable whatever it holds."""
    short = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name[:80])
    return f"`{short}...`" if len(name) > 80 else f"`{short}`"


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = tar.extractfile(member)
    if content is None:  # only links and folders have none, and both were sorted out before
        raise ArchiveRefused(f"`{member.name}` has no content.")
    _folder(target.parent, member.name)
    try:
        with target.open("xb") as file:
            written = 0
            while chunk := content.read(_CHUNK):
                written += file.write(chunk)
    except (FileExistsError, IsADirectoryError) as error:
        raise ArchiveRefused(f"`{member.name}` comes twice in the archive.") from error
    if written != member.size:
        raise ArchiveRefused(f"The archive is cut short inside `{member.name}`.")
    target.chmod(0o644)


def _folder(path: Path, name: str) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveRefused(f"`{name}` comes twice in the archive: as a file and as a folder.") from error
