"""The data of a model's container: looked for when the model is made, brought to its folder when it is served."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from localaws.context import Context
from localaws.s3_objects import split
from localaws.services.models.archive import ArchiveRefused, Limits, extract
from localaws.wire import Document


class ArtefactUnusable(RuntimeError):
    """The data of a container cannot be brought. The message is AWS's sentence, and then the reason."""


def missing(context: Context, container: Document) -> str | None:
    """The address of the container's data if nothing is there, else None."""
    source = _source(container)
    if source is None:
        return None
    bucket, key = split(source["S3Uri"])
    try:
        if source["S3DataType"] == "S3Object":
            context.s3.head_object(Bucket=bucket, Key=key)
            return None
        listed = context.s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return str(source["S3Uri"])
    return None if listed["KeyCount"] else str(source["S3Uri"])


def bring(context: Context, container: Document, folder: Path) -> None:
    """Puts a container's data into the folder that the program sees as `/opt/ml/model`.

    Args:
        context: Region whose S3 holds the data.
        container: A container of a model, resolved.
        folder: Folder to make; empty when the container has no data.

    Raises:
        ArtefactUnusable: the data is absent or is no archive that may be unpacked.
    """
    source = _source(container)
    if source is None:
        folder.mkdir(parents=True)
        return
    address = source["S3Uri"]
    try:
        if source["CompressionType"] == "Gzip":
            _unpack(context, address, folder)
        else:
            _copy(context, source, folder)
    except ArchiveRefused as error:
        raise ArtefactUnusable(
            f'Failed to extract model data archive from URL "{address}". Please ensure that the object located at the '
            f"URL is a valid tar.gz archive. {error}"
        ) from error
    except ClientError as error:
        raise ArtefactUnusable(f"Failed to download model data from URL {address}: {error}") from error


def _source(container: Document) -> Document | None:
    """Where the data is, whichever way the container says it."""
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        return dict(source)
    if address := container.get("ModelDataUrl"):
        return {"S3Uri": address, "S3DataType": "S3Object", "CompressionType": "Gzip"}
    return None


def _unpack(context: Context, address: str, folder: Path) -> None:
    bucket, key = split(address)
    archive = folder.with_name(f"{folder.name}.tar.gz")
    archive.parent.mkdir(parents=True, exist_ok=True)
    try:
        context.s3.download_file(bucket, key, str(archive))
        extract(archive, folder)
    finally:
        archive.unlink(missing_ok=True)


def _copy(context: Context, source: Document, folder: Path) -> None:
    """Objects as they are: one, or all below a prefix."""
    bucket, key = split(source["S3Uri"])
    folder.mkdir(parents=True)
    if source["S3DataType"] == "S3Object":
        context.s3.download_file(bucket, key, str(folder / PurePosixPath(key).name))
        return
    limits = Limits()
    count = size = 0
    for each in _below(context, bucket, key):
        relative = PurePosixPath(each["Key"][len(key) :].lstrip("/"))
        if ".." in relative.parts or "\\" in str(relative):
            raise ArchiveRefused(f"`{each['Key']}` leads out of the model folder.")
        count, size = count + 1, size + each["Size"]
        if count > limits.files or size > limits.total_bytes:
            raise ArchiveRefused(f"There are more than {limits.files} objects or {limits.total_bytes} bytes.")
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        context.s3.download_file(bucket, each["Key"], str(target))


def _below(context: Context, bucket: str, prefix: str) -> list[dict[str, Any]]:
    pages = context.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each for page in pages for each in page.get("Contents", []) if not each["Key"].endswith("/")]
