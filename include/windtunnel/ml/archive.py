"""Unpacks the tar.gz files of SageMaker jobs by an allow-list: named regular files up to a size, and nothing else."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Mapping
from io import BufferedIOBase
from pathlib import Path
from tempfile import TemporaryDirectory

from windtunnel.core.errors import ArtefactInvalid, quoted
from windtunnel.ml.tar import Damaged, Header, headers

MEGABYTE = 1024 * 1024


def unpack(archive: Path, folder: Path, allowed: Mapping[str, int], one_of: Collection[str] = ()) -> None:
    """Write exactly the allowed files of an archive into a folder: all of them, or none when it is refused.

    Args:
        archive: A tar.gz from elsewhere; it may be anything.
        folder: Where to; must exist. Files of the same names are replaced.
        allowed: File name -> largest size in bytes. Every one must be there.
        one_of: Names of `allowed` of which exactly one must be there instead of all.

    Raises:
        ArtefactInvalid: It is no tar.gz, holds anything else, or unpacks to more than is allowed.
    """
    if not archive.is_file():
        raise ArtefactInvalid(f"`{archive}` is not a file. Give the archive that SageMaker made of the training.")
    # Without a limit, gzip members that hold nothing could be counted for as long as somebody cares to send them.
    if (size := archive.stat().st_size) > sum(allowed.values()) + MEGABYTE:
        raise ArtefactInvalid(f"`{archive.name}` has {size:,} bytes; allowed are the files {_limits(allowed)}.")
    with TemporaryDirectory(prefix=".unpacking-", dir=folder) as name:
        partial = Path(name)
        try:
            with gzip.open(archive) as unzipped:
                found = _write(unzipped, archive, partial, allowed)
        except (gzip.BadGzipFile, EOFError, zlib.error, Damaged) as error:
            raise ArtefactInvalid(
                f"`{archive}` is not a whole tar.gz: {error}. Give the archive that SageMaker made of the training."
            ) from error
        if one_of and len(found.intersection(one_of)) != 1:
            raise ArtefactInvalid(
                f"`{archive.name}` holds {quoted(found)}; allowed is exactly one of {quoted(one_of)}. Train again."
            )
        if missing := allowed.keys() - found - set(one_of):
            raise ArtefactInvalid(f"`{archive.name}` lacks {quoted(missing)}; it holds {quoted(found)}. Train again.")
        for each in found:
            (partial / each).replace(folder / each)


def _write(tar: BufferedIOBase, archive: Path, folder: Path, allowed: Mapping[str, int]) -> set[str]:
    found: set[str] = set()
    for header in headers(tar):
        name = header.name.removeprefix("./")
        if header.kind == "a folder" and name in ("", ".") and not header.size:
            continue
        if name not in allowed or name in found or header.kind != "a file" or header.size > allowed[name]:
            raise ArtefactInvalid(
                f"`{archive.name}` holds {_shown(header)}; allowed are the files {_limits(allowed)}, "
                "each once. It is not what this job's training wrote."
            )
        found.add(name)
        with (folder / name).open("wb") as file:
            for part in header.content():
                file.write(part)
    return found


def _shown(header: Header) -> str:
    name = header.name.removeprefix("./").encode("unicode_escape").decode()
    return f"`{name}` ({header.kind}, {header.size:,} bytes)"


def _limits(allowed: Mapping[str, int]) -> str:
    return ", ".join(f"`{name}` up to {most:,} bytes" for name, most in allowed.items())
