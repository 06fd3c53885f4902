"""EventBridge events of source `aws.sagemaker`.

ministack refuses PutEvents with a source that begins with `aws.`, as AWS does: such events come from the services
themselves. Its own emitters have a way round; we use the same one, in the process, on its event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging

from localaws.wire import Document

log = logging.getLogger(__name__)


class Events:
    """The door to EventBridge; opened with the loop on which ministack runs."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Names the loop on which ministack's state may be touched."""
        self._loop = loop

    def publish(self, region: str, detail_type: str, arn: str, detail: Document) -> None:
        """Sends one event; rules of the region's default bus match it and deliver it.

        Args:
            region: Region of the event.
            detail_type: Such as `SageMaker Training Job State Change`.
            arn: The resource the event is about.
            detail: The event's detail; times as seconds since 1970 are sent in milliseconds, as AWS sends them.
        """
        if self._loop is None or self._loop.is_closed():
            return
        entry = {
            "Source": "aws.sagemaker",
            "DetailType": detail_type,
            "Resources": [arn],
            "Detail": json.dumps(_in_milliseconds(detail)),
        }
        # A fresh context: ministack keeps the account and region of a request in context variables.
        self._loop.call_soon_threadsafe(_put, self._account, region, entry, context=contextvars.Context())


def _put(account: str, region: str, entry: Document) -> None:
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import eventbridge

    set_request_account_id(account)
    set_request_region(region)
    status, _, body = eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    if status != 200 or json.loads(body)["FailedEntryCount"]:
        log.error("EventBridge refused %s: %s", entry["DetailType"], body)


def _in_milliseconds(detail: Document) -> Document:
    return {
        name: int(value * 1000) if name.endswith("Time") and isinstance(value, float) else value
        for name, value in detail.items()
    }
