"""Unpacks the tar.gz files of SageMaker jobs by an allow-list: named regular files up to a size, and nothing else."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO

from windtunnel.core.errors import ArtefactInvalid, quoted

MEGABYTE = 1024 * 1024


def unpack(archive: Path, folder: Path, allowed: Mapping[str, int], one_of: Collection[str] = ()) -> None:
    """Write exactly the allowed files of an archive into a folder.

    Args:
        archive: A tar.gz from elsewhere; it may be anything.
        folder: Where to; must exist.
        allowed: File name -> largest size in bytes. Every one must be there.
        one_of: Names of `allowed` of which exactly one must be there instead of all.

    Raises:
        ArtefactInvalid: It is no tar.gz, holds anything else, or unpacks to more than is allowed.
    """
    found: set[str] = set()
    try:
        with gzip.open(archive) as unzipped:
            bounded = _Bounded(unzipped, archive, sum(allowed.values()) + MEGABYTE)
            with tarfile.open(fileobj=bounded, mode="r|") as tar:  # type: ignore[call-overload]
                for member in tar:
                    name = member.name.removeprefix("./")
                    if member.isdir() and name in ("", "."):
                        continue
                    if name not in allowed or name in found or not member.isreg() or member.size > allowed[name]:
                        raise ArtefactInvalid(
                            f"`{archive.name}` holds `{name}` ({_kind(member)}, {member.size:,} bytes); allowed are "
                            f"the files {_limits(allowed)}, each once. It is not what this job's training wrote."
                        )
                    found.add(name)
                    with (folder / name).open("wb") as file:
                        _copy(tar.extractfile(member), file)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise ArtefactInvalid(
            f"`{archive}` is not a whole tar.gz: {error}. Give the archive that SageMaker made of the training."
        ) from error
    if one_of and len(found.intersection(one_of)) != 1:
        raise ArtefactInvalid(
            f"`{archive.name}` holds {quoted(found)}; allowed is exactly one of {quoted(one_of)}. Train again."
        )
    if missing := allowed.keys() - found - set(one_of):
        raise ArtefactInvalid(f"`{archive.name}` lacks {quoted(missing)}; it holds {quoted(found)}. Train again.")


class _Bounded:
    """Reads no more than a number of bytes in all, wherever tar hides them: a small gzip can hold terabytes."""

    def __init__(self, file: gzip.GzipFile, archive: Path, most: int) -> None:
        self._file = file
        self._archive = archive
        self._left = most

    def read(self, size: int) -> bytes:
        part = self._file.read(min(size, self._left + 1))
        self._left -= len(part)
        if self._left < 0:
            raise ArtefactInvalid(f"`{self._archive.name}` unpacks to more than its files may have. Train again.")
        return part


def _copy(source: IO[bytes] | None, target: IO[bytes]) -> None:
    while source is not None and (part := source.read(MEGABYTE)):
        target.write(part)


def _kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "a file"
    return "a folder" if member.isdir() else "a link or device"


def _limits(allowed: Mapping[str, int]) -> str:
    return ", ".join(f"`{name}` up to {most:,} bytes" for name, most in allowed.items())
