"""Reads objects of the project's bucket without ever keeping the API server waiting.

S3 is asked on threads of our own, so that one that hangs takes none of Airflow's. What was read is kept: fresh for a few
seconds, then asked for again under the condition that it changed, and shown with its age when S3 does not answer.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

BUCKET = os.environ.get("WINDTUNNEL_BUCKET") or "windtunnel"
"""The one bucket that is read; the same variable as for the stages, see docs/settings.md."""

FRESH_SECONDS = 3.0
AWAY_SECONDS = 5.0
"""After S3 did not answer it is left alone for so long: pages answer at once meanwhile."""
PATIENCE_SECONDS = 4.0
MOST_KEPT_BYTES = 128 * 2**20
MOST_KEPT_OBJECT_BYTES = 16 * 2**20

_threads = ThreadPoolExecutor(16, "windtunnel-s3")


class Missing(Exception):
    """There is no such object."""


class Away(Exception):
    """S3 did not answer in time, or refused."""


class TooLarge(Exception):
    """An object is larger than a page may load."""


@dataclass(frozen=True)
class Read:
    """An object as it was read.

    Attributes:
        body: Its bytes.
        tag: Its ETag: the same tag, the same bytes.
        age_seconds: 0 unless S3 is away and this is what is left of better days.
    """

    body: bytes
    tag: str
    age_seconds: float = 0.0


@dataclass
class _Kept:
    body: bytes
    tag: str
    looked_at: float


class Store:
    """Objects of one bucket, by key.

    Args:
        bucket: Its name.
    """

    def __init__(self, bucket: str = BUCKET) -> None:
        self.bucket = bucket
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._away_until = 0.0

    async def get(self, key: str, most_bytes: int) -> Read:
        """An object.

        Args:
            key: Never from an address that a person typed.
            most_bytes: Larger objects are refused unread.

        Raises:
            Missing: There is none.
            Away: S3 did not answer, and nothing is kept.
            TooLarge: It has more than `most_bytes`.
        """
        kept = self._kept.get(key)
        now = time.monotonic()
        if kept and now - kept.looked_at < FRESH_SECONDS:
            return Read(kept.body, kept.tag)
        try:
            return await self._ask(key, most_bytes, kept)
        except Away:
            if kept is None:
                raise
            return Read(kept.body, kept.tag, now - kept.looked_at)

    async def _ask(self, key: str, most_bytes: int, kept: _Kept | None) -> Read:
        from botocore.exceptions import BotoCoreError, ClientError

        if (wait := self._away_until - time.monotonic()) > 0:
            raise Away(f"S3 did not answer a moment ago; it is asked again in {wait:.0f} s.")
        asked = asyncio.get_running_loop().run_in_executor(_threads, self._fetch, key, most_bytes, kept)
        try:
            found = await asyncio.wait_for(asked, PATIENCE_SECONDS)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                self._forget(key)
                raise Missing(f"`s3://{self.bucket}/{key}` does not exist.") from error
            raise self._away(f"S3 answered {status}: {error.response['Error'].get('Code')}.") from error
        except TimeoutError as error:
            raise self._away(f"S3 did not answer within {PATIENCE_SECONDS:.0f} s.") from error
        except BotoCoreError as error:
            raise self._away(f"S3 cannot be reached: {type(error).__name__}.") from error
        return Read(found.body, found.tag)

    def _fetch(self, key: str, most_bytes: int, kept: _Kept | None) -> _Kept:
        """On a thread of ours: the object, or what is kept of it when it has not changed."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": kept.tag} if kept else {}
        try:
            answer = _client().get_object(Bucket=self.bucket, Key=key, **condition)
        except ClientError as error:
            if kept and error.response["ResponseMetadata"]["HTTPStatusCode"] == 304:
                kept.looked_at = time.monotonic()
                return kept
            raise
        with answer["Body"] as body:
            size = int(answer["ContentLength"])
            if size > most_bytes:
                raise TooLarge(f"It has {size / 2**20:,.1f} MB; a page loads at most {most_bytes / 2**20:,.0f} MB.")
            found = _Kept(body.read(), answer["ETag"], time.monotonic())
        if size <= MOST_KEPT_OBJECT_BYTES:
            self._keep(key, found)
        return found

    def _keep(self, key: str, found: _Kept) -> None:
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while sum(len(kept.body) for kept in self._kept.values()) > MOST_KEPT_BYTES:
                self._kept.popitem(last=False)

    def _forget(self, key: str) -> None:
        with self._lock:
            self._kept.pop(key, None)

    def _away(self, why: str) -> Away:
        self._away_until = time.monotonic() + AWAY_SECONDS
        log.warning("%s The pages show what they have, for %.0f s without asking again.", why, AWAY_SECONDS)
        return Away(why)


@functools.cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    patience = Config(
        connect_timeout=1,
        read_timeout=3,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=16,
    )
    return boto3.client("s3", config=patience)
