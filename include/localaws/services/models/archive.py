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

MOST_HEADER_BYTES = 1 << 20
LONGEST_NAME = 255
_CHUNK = 1 << 20
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
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
        # tarfile reads whole blocks ahead.
        self._left = size + tarfile.RECORDSIZE

    def read(self, size: int | None = -1, /) -> bytes:
        most = self._left + 1
        data = self._source.read(most if size is None or size < 0 else min(size, most))
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveRefused(f"A header of the archive is larger than {MOST_HEADER_BYTES} bytes.")
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
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        raise ArchiveRefused(f"It is not a complete tar.gz archive: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack(source: gzip.GzipFile, into: Path, limits: Limits) -> None:
    metered = _Metered(source)
    metered.allow(MOST_HEADER_BYTES)
    count = size = 0
    with tarfile.open(fileobj=metered, mode="r|") as tar:
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


def _inside(member: tarfile.TarInfo) -> PurePosixPath:
    """The member's path inside the model folder, or the reason why it has none."""
    name = member.name
    path = PurePosixPath(name)
    if member.type not in (*_REGULAR, tarfile.DIRTYPE):
        raise ArchiveRefused(
            f"`{name[:80]}` is {_KINDS.get(member.type, 'not a plain file')}. Allowed: files and folders."
        )
    if path.is_absolute():
        raise ArchiveRefused(f"`{name[:80]}` is an absolute path. Allowed: paths inside the archive.")
    if ".." in path.parts:
        raise ArchiveRefused(f"`{name[:80]}` leads upwards with `..`. Allowed: paths inside the archive.")
    if "\\" in name:
        raise ArchiveRefused(f"`{name[:80]}` holds a backslash. Separate folders with `/`.")
    if any(len(part.encode()) > LONGEST_NAME for part in path.parts):
        raise ArchiveRefused(f"`{name[:80]}...` has a name longer than {LONGEST_NAME} bytes.")
    return path


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
