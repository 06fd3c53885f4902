"""Verdicts as documents, the newest one at a fixed address, and which of them asked for a retrain."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.aws.ledger import table
from windtunnel.aws.measurements import Order
from windtunnel.core.contracts import Verdict
from windtunnel.core.errors import CommitConflict
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings
from windtunnel.core.window import Window

log = logging.getLogger(__name__)

COMPUTED_FROM = "computed_from"
"""Beside the fields of a `Verdict` in its document: addresses and snapshots that every number comes from."""

_TRIES = 5


class Asked(NamedTuple):
    """The retrain that was asked for last."""

    window: Window
    own: bool
    "Whether by this verdict; then it goes out."


def address(model: str, window: Window, order: Order, work_key: str) -> str:
    """`s3://<bucket>/monitor/<model>/verdicts/<window>/<labels>-<captures>-<work>.json`: by name in order of time."""
    name = f"{order[0]:06d}-{order[1]:06d}-{work_key[:16]}.json"
    return settings().uri("monitor", model, "verdicts", window.label, name)


def newest_address(model: str) -> str:
    """Where the newest verdict stands, for pages that show it."""
    return settings().uri("monitor", model, "verdict.json")


def find(report: str) -> Verdict | None:
    """The verdict at an address; None where none was written yet."""
    return _verdict(objects.get_json(report)) if objects.exists(report) else None


def newest(model: str) -> Verdict | None:
    """The newest verdict on a model; None before the first."""
    return find(newest_address(model))


def verdicts(model: str) -> list[Verdict]:
    """All verdicts on a model, by window, then in order of time."""
    folder = settings().uri("monitor", model, "verdicts")
    return [_verdict(objects.get_json(report)) for report in objects.keys(f"{folder}/")]


def keep(verdict: Verdict, computed_from: dict[str, Any]) -> None:
    """Write a verdict down, once.

    Raises:
        CommitConflict: A twin of this task said something else; a retry finds what it said.
    """
    with shared_write("verdict.keep"):
        objects.put_json(verdict.report, {**verdict.to_json(), COMPUTED_FROM: computed_from})


def point(verdict: Verdict, order: Order) -> bool:
    """Make this the newest verdict, unless one from newer labels or captures is. When it was written is a sign of life.

    Returns:
        Whether it is the newest now.

    Raises:
        CommitConflict: Others kept winning.
    """
    said = {**objects.get_json(verdict.report), "order": list(order)}
    body = json.dumps(said, sort_keys=True, indent=1).encode()
    bucket, key = objects.split(newest_address(verdict.model))
    for tried in range(_TRIES):
        there, condition = _there(bucket, key)
        if there and tuple(json.loads(there)["order"]) > order:
            log.info("verdicts: a newer one stands in %s", newest_address(verdict.model))
            return False
        if tried and there == body:  # this write after a lost reply, or a twin's
            return True
        with shared_write("verdict.point"):
            try:
                client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **condition)
            except ClientError as error:
                # 412: another one was written since. 409: one is being written. 404: what was read is gone.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (404, 409, 412):
                    raise
                continue
        return True
    raise CommitConflict(f"Others kept writing `{newest_address(verdict.model)}`; nothing was changed. Run this again.")


def claim(model: str, report: str, window: Window, cooling: Callable[[Window], bool]) -> Asked:
    """Ask for a retrain, unless an earlier one holds it back. Asked again by the same verdict, it is that one.

    Args:
        model: Name of the model.
        report: Address of the verdict that asks; names the claim.
        window: Its newest window.
        cooling: Whether a retrain asked for after a window holds this one back.

    Raises:
        CommitConflict: Others kept winning.
    """
    key = _key(model)

    def attempt() -> Asked | None:
        found = table.get([key]).get(key)
        if found:
            last = Window.model_validate(found["window"])
            if found["report"] == report:
                return Asked(last, own=True)
            if cooling(last):
                return Asked(last, own=False)
        said = {"report": report, "window": window.model_dump(mode="json"), "run": "", **_now()}
        with shared_write("verdict.ask"):
            won = table.commit([table.put(key, said, {"report": [found["report"]]} if found else None)])
        return Asked(window, own=True) if won else None

    return table.settle(model, attempt)


def take(model: str, report: str, run: str) -> str:
    """Send a claimed retrain out, by one run only; the same verdict comes again whenever nothing has changed.

    Args:
        model: Name of the model.
        report: Address of the verdict that asked.
        run: `monitor:<run id>`, who wants to send it.

    Returns:
        The run that sends it: this one, or the one that did. Empty: a later verdict has asked since.

    Raises:
        CommitConflict: Others kept winning.
    """
    key = _key(model)

    def attempt() -> str | None:
        found = table.get([key]).get(key)
        if not found or found["report"] != report:
            return ""
        if found["run"]:
            return str(found["run"])
        with shared_write("verdict.take"):
            won = table.commit([table.put(key, {**found, "run": run}, {"report": [report], "run": [""]})])
        return run if won else None

    return table.settle(model, attempt)


def _key(model: str) -> table.Key:
    """Of the retrain that was asked for last."""
    return f"{model}#asked", "last"


def _now() -> dict[str, str]:
    """When it was asked, for people; nothing is decided by it."""
    return {"at": datetime.now(UTC).isoformat()}


def _there(bucket: str, key: str) -> tuple[bytes | None, dict[str, Any]]:
    """What stands at an address, and the condition under which a write replaces exactly that."""
    try:
        found = client("s3").get_object(Bucket=bucket, Key=key)
    except client("s3").exceptions.NoSuchKey:
        return None, {"IfNoneMatch": "*"}
    return found["Body"].read(), {"IfMatch": found["ETag"]}


def _verdict(document: dict[str, Any]) -> Verdict:
    return Verdict.from_json({name: document[name] for name in Verdict.model_fields})
