"""Objects of S3 to files and back, through S3's API."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def split(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of `s3://bucket/key`."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def below(uri: str, *parts: str) -> str:
    """An address below another, with one slash between them."""
    return "/".join([uri.rstrip("/"), *parts])


def keys(client: Any, uri: str) -> Iterator[str]:
    """All keys that begin with the prefix of `uri`, without the folder markers."""
    bucket, prefix = split(uri)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            if not found["Key"].endswith("/"):
                yield found["Key"]


def download(client: Any, bucket: str, key: str, file: Path) -> None:
    """One object to a file; the folders above it are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], target, 1 << 20)


def upload(client: Any, file: Path, uri: str) -> None:
    """One file to an object."""
    bucket, key = split(uri)
    client.upload_file(str(file), bucket, key)


def upload_archive(client: Any, folder: Path, uri: str) -> None:
    """A folder's content as one `.tar.gz`, names relative to the folder."""
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "archive.tar.gz"
        with tarfile.open(archive, "w:gz") as packed:
            for path in sorted(folder.iterdir()):
                packed.add(path, path.name)
        upload(client, archive, uri)


class Mirror:
    """A folder kept in S3: each `push` uploads the files that are new or changed since the last one."""

    def __init__(self, client: Any, folder: Path, uri: str) -> None:
        self._client = client
        self._folder = folder
        self._uri = uri
        self._sent: dict[Path, tuple[int, int]] = {}

    def pull(self) -> None:
        """Downloads what the address holds; that counts as sent."""
        bucket, prefix = split(below(self._uri, ""))
        for key in keys(self._client, below(self._uri, "")):
            file = inside(self._folder, key.removeprefix(prefix))
            download(self._client, bucket, key, file)
            self._sent[file] = _stamp(file)

    def push(self) -> None:
        """Uploads what is new or changed. A file that vanishes meanwhile is left out."""
        for file in sorted(self._folder.rglob("*")):
            try:
                stamp = _stamp(file)
                if not file.is_file() or self._sent.get(file) == stamp:
                    continue
                upload(self._client, file, below(self._uri, file.relative_to(self._folder).as_posix()))
            except FileNotFoundError:
                continue
            self._sent[file] = stamp


class OutsideFolder(ValueError):
    """A key whose `..` would lead a download out of its folder."""


def inside(folder: Path, relative: str) -> Path:
    """The file of a relative key.

    Raises:
        OutsideFolder: the key leads out of the folder.
    """
    file = (folder / relative.lstrip("/")).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise OutsideFolder(f"The key `{relative}` leads out of its folder.")
    return file


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size
