"""Landing: source files as they arrived, at addresses named after their content. Nothing here is ever changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from botocore.exceptions import ClientError

from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.core.code import rules_sha256
from windtunnel.core.contracts import LandedFile
from windtunnel.core.errors import CommitConflict, DataRejected
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.core.workkey import work_key


def land(model: str, month: Window, path: Path) -> LandedFile:
    """Upload a month's file unless it is there already, without holding it in memory.

    Raises:
        CommitConflict: Other bytes stand at the address; they are left as they are.
    """
    digest = objects.sha256(path)
    landed = LandedFile(
        model=model,
        window=month,
        uri=settings().uri("landing", model, month.label, f"{digest[:16]}.csv"),
        sha256=digest,
        size_bytes=path.stat().st_size,
    )
    bucket, key = objects.split(landed.uri)
    try:
        with path.open("rb") as body:
            client("s3").put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", ContentType="text/csv")
    except ClientError as error:
        # 412: the key exists. 409: another conditional write is under way; its bytes decide.
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
            raise
        if _sha256(landed.uri) != digest:
            raise CommitConflict(f"`{landed.uri}` holds other bytes than were to land; nothing was changed.") from error
    return landed


def read(landed: LandedFile) -> bytes:
    """The bytes of a landed file, the very ones that landed.

    Raises:
        DataRejected: They were changed behind our back.
    """
    body = objects.get(landed.uri)
    if (found := hashlib.sha256(body).hexdigest()) != landed.sha256:
        raise DataRejected(
            f"`{landed.uri}` was changed after it landed: SHA-256 `{landed.sha256}` landed, `{found}` is there now. "
            "Nothing was read from it. Remove the object and run `ingest` for this month again from the start."
        )
    return body


def work_of(landed: LandedFile) -> str:
    """The work key of a month: its bytes under the model's rules. The same work makes the same rows."""
    return work_key(
        model=landed.model,
        month=landed.window.label,
        sha256=landed.sha256,
        rules=rules_sha256(landed.model),
    )


def _sha256(uri: str) -> str:
    bucket, key = objects.split(uri)
    digest = hashlib.sha256()
    for chunk in client("s3").get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(2**20):
        digest.update(chunk)
    return digest.hexdigest()
