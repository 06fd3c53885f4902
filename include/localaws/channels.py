"""The data of a job's inputs: S3Prefix and ManifestFile, brought into the job's folder before its program starts.

FastFile streams on AWS, file by file as they are opened; here the files are downloaded at the start like File's: the
program sees the same folder. Pipe, AugmentedManifestFile and file systems are refused when the job is created.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localaws.jobs import JobFailed
from localaws.s3_objects import OutsideFolder, download, inside, keys, split
from localaws.wire import Document, Invalid, NotSupported


def check_channels(channels: list[Document], mode: str | None) -> None:
    """Refuses the channels of a training job that cannot be served.

    Args:
        channels: InputDataConfig.
        mode: TrainingInputMode of the job, which channels may override.

    Raises:
        NotSupported: a way of input that only AWS has.
        Invalid: two channels of one name.
    """
    names = [channel["ChannelName"] for channel in channels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"Channel names must be unique: {', '.join(twice)} is given more than once.")
    for channel in channels:
        if "S3DataSource" not in channel["DataSource"]:
            raise NotSupported(
                f"The data source {', '.join(channel['DataSource'])} of channel {channel['ChannelName']}"
            )
        check_source(channel["DataSource"]["S3DataSource"]["S3DataType"], channel.get("InputMode", mode))
        for member in ("CompressionType", "RecordWrapperType"):
            if channel.get(member, "None") != "None":
                raise NotSupported(f"{member} {channel[member]}")


def check_source(data_type: str, mode: str | None) -> None:
    """Refuses an S3 source that cannot be served.

    Raises:
        NotSupported: AugmentedManifestFile, Converse or Pipe.
    """
    if data_type not in ("S3Prefix", "ManifestFile"):
        raise NotSupported(f"S3DataType {data_type} (S3Prefix and ManifestFile are)")
    if mode == "Pipe":
        raise NotSupported("Input mode Pipe (File and FastFile are)")


def bring(client: Any, uri: str, data_type: str, folder: Path) -> None:
    """Downloads the objects of an input into a folder.

    Args:
        client: S3.
        uri: A key prefix, or the address of a manifest.
        data_type: `S3Prefix` or `ManifestFile`.
        folder: Where they go; made if absent.

    Raises:
        JobFailed: nothing is there, an object is missing, or the manifest is malformed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for bucket, key, relative in listed(client, uri, data_type):
            download(client, bucket, key, inside(folder, relative))
    except ClientError as error:
        raise JobFailed(f"ClientError: Data download failed:{error} for the input {uri}") from error
    except (OutsideFolder, OSError) as error:
        raise JobFailed(f"ClientError: Data download failed: {error} The input is {uri}") from error


def listed(client: Any, uri: str, data_type: str) -> Iterator[tuple[str, str, str]]:
    """Bucket, key and relative path of every object of an input, of at least one.

    Args:
        client: S3.
        uri: A key prefix, or the address of a manifest.
        data_type: `S3Prefix` or `ManifestFile`.

    Raises:
        JobFailed: nothing is there, or the manifest is malformed.
        ClientError: S3 refuses, or the manifest is missing.
    """
    found = False
    for place in _places(client, uri, data_type):
        found = True
        yield place
    if not found:
        bucket = split(uri)[0]
        raise JobFailed(
            f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source. '
            f"Please ensure that the bucket {bucket} exists, and that objects exist under that S3 prefix."
        )


def _places(client: Any, uri: str, data_type: str) -> Iterator[tuple[str, str, str]]:
    if data_type == "ManifestFile":
        prefix, entries = _manifest(client, uri)
        for entry in entries:
            # Prefix and entry are joined as they stand, as AWS joins them.
            bucket, key = split(prefix + entry)
            yield bucket, key, entry
        return
    bucket, prefix = split(uri)
    for key in keys(client, uri):
        yield bucket, key, _relative(key, prefix)


def _relative(key: str, prefix: str) -> str:
    """Path below the prefix where it is a folder; else from the last slash of the prefix on, as a prefix may cut a name."""
    folder = prefix if prefix.endswith("/") else prefix + "/"
    if key.startswith(folder):
        return key.removeprefix(folder)
    return key[prefix.rfind("/") + 1 :]


def _manifest(client: Any, uri: str) -> tuple[str, list[str]]:
    bucket, key = split(uri)
    text = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        first, *entries = json.loads(text)
        prefix = first["prefix"]
    except (ValueError, TypeError, KeyError):
        raise JobFailed(
            f'ClientError: Data download failed: the manifest {uri} must be a JSON list, [{{"prefix": "s3://..."}}, '
            f'"relative/key", ...].'
        ) from None
    if wrong := [entry for entry in entries if not isinstance(entry, str)]:
        raise JobFailed(f"ClientError: Data download failed: the manifest {uri} holds {wrong[0]!r}, which is no key.")
    return prefix, entries
