"""S3 objects by their `s3://` address. An object written here never changes: its key names its content or its work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from windtunnel.aws.clients import client
from windtunnel.core.errors import CommitConflict


class Listed(NamedTuple):
    """An object as a listing has it."""

    uri: str
    written_at: datetime
    etag: str


def split(uri: str) -> tuple[str, str]:
    """`s3://bucket/key` -> (bucket, key)."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def put_once(uri: str, body: bytes, *, content_type: str = "application/octet-stream") -> str:
    """Write an object unless it is there. Repeating the same write, also after a lost reply, is fine.

    Returns:
        The address.

    Raises:
        CommitConflict: Other bytes stand there already; they are left as they are.
    """
    bucket, key = split(uri)
    try:
        client("s3").put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", ContentType=content_type)
    except ClientError as error:
        # 412: the key exists. 409: another conditional write is under way; its bytes decide.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
            raise
        if get(uri) != body:
            raise CommitConflict(f"`{uri}` holds other bytes than were to be written; nothing was changed.") from error
    return uri


def put_over(uri: str, body: bytes, etag: str | None, *, content_type: str) -> bool:
    """Write over exactly the object that was seen there.

    Args:
        uri: The address.
        body: What is to stand there.
        etag: Of the object that was seen; None: there was none.
        content_type: Of the body.

    Returns:
        Whether these bytes stand there now, also after a lost reply. False: others wrote since.
    """
    bucket, key = split(uri)
    condition: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition)
    except ClientError as error:
        # 412: another one was written since. 409: one is being written. 404: what was seen is gone.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409, 412):
            raise
        there = get_if_there(uri)
        return there is not None and there[0] == body
    return True


def put(uri: str, body: bytes, *, content_type: str) -> str:
    """Write an object that a repeat of the same work may replace, such as a rendered report."""
    bucket, key = split(uri)
    client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)
    return uri


def put_json(uri: str, value: Any) -> str:
    """Write a JSON document once, with sorted keys, so that the same value always has the same bytes."""
    body = json.dumps(value, sort_keys=True, indent=1, default=str).encode()
    return put_once(uri, body, content_type="application/json")


def get(uri: str) -> bytes:
    """The bytes of an object."""
    bucket, key = split(uri)
    return client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def get_if_there(uri: str) -> tuple[bytes, str] | None:
    """The bytes of an object and its ETag; None where there is none."""
    bucket, key = split(uri)
    try:
        found = client("s3").get_object(Bucket=bucket, Key=key)
    except client("s3").exceptions.NoSuchKey:
        return None
    return found["Body"].read(), found["ETag"]


def get_json(uri: str) -> Any:
    """A JSON document."""
    return json.loads(get(uri))


def exists(uri: str) -> bool:
    """Whether an object is there."""
    return written_at(uri) is not None


def written_at(uri: str) -> datetime | None:
    """When an object was last written; None where there is none."""
    bucket, key = split(uri)
    try:
        return client("s3").head_object(Bucket=bucket, Key=key)["LastModified"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return None
        raise


def keys(prefix: str) -> Iterator[str]:
    """Addresses of all objects whose address starts with `prefix`, sorted by key."""
    return (found.uri for found in listed(prefix))


def listed(prefix: str) -> Iterator[Listed]:
    """All objects whose address starts with `prefix`, sorted by key."""
    bucket, key = split(prefix)
    for page in client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key):
        for found in page.get("Contents", []):
            yield Listed(f"s3://{bucket}/{found['Key']}", found["LastModified"], found["ETag"])


def upload(path: Path, uri: str) -> str:
    """Stream a local file to an address, without holding it in memory."""
    bucket, key = split(uri)
    client("s3").upload_file(str(path), bucket, key)
    return uri


def sha256(path: Path) -> str:
    """Digest of a local file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
