"""What the buckets themselves refuse, whoever asks."""

from __future__ import annotations

import json

import pytest

from tests.infra.conftest import Account
from tests.infra.policies import Request, decide

ONCE = ("landing", "versions", "manifests", "dossiers", "ledger", "rollbacks")
OVER = ("jobs", "reports", "feed", "capture", "lake")
ENCRYPTED = {"aws:SecureTransport": "true"}


def _refused(account: Account, bucket: str, action: str, key: str, **context: str) -> bool:
    policy = json.loads(account.client("s3").get_bucket_policy(Bucket=account.outputs[bucket])["Policy"])
    request = Request(action, f"arn:aws:s3:::{account.outputs[bucket]}/{key}", {**ENCRYPTED, **context})
    return decide(request, [policy]) == "explicitDeny"


@pytest.mark.parametrize("folder", ONCE)
def test_evidence_is_written_once(account: Account, folder: str) -> None:
    creating = {"s3:ObjectCreationOperation": "true"}
    assert _refused(account, "DataBucket", "s3:PutObject", f"{folder}/flights/a", **creating)
    assert not _refused(
        account, "DataBucket", "s3:PutObject", f"{folder}/flights/a", **creating, **{"s3:if-none-match": "*"}
    )
    assert not _refused(account, "DataBucket", "s3:GetObject", f"{folder}/flights/a")


@pytest.mark.parametrize("folder", OVER)
def test_what_a_repeat_may_replace_can_be_replaced(account: Account, folder: str) -> None:
    creating = {"s3:ObjectCreationOperation": "true"}
    assert not _refused(account, "DataBucket", "s3:PutObject", f"{folder}/flights/a", **creating)


@pytest.mark.parametrize("bucket", ["DataBucket", "SourceBucket", "CodeBucket", "LogBucket"])
def test_nobody_comes_without_encryption(account: Account, bucket: str) -> None:
    assert _refused(account, bucket, "s3:GetObject", "any", **{"aws:SecureTransport": "false"})
    assert not _refused(account, bucket, "s3:GetObject", "any")
