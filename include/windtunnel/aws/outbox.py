"""Messages to people wait here until their channel has taken them: stored first, then sent, each channel for itself.

pk                sk                                    what
<model>#outbox    message#<digest>                      an alert, once per key
<model>#outbox    waiting#<told at>#<digest>#<channel>  one channel that has not taken it: until, nonce, attempts, lost
<model>#outbox    sent#<told at>#<digest>#<channel>     one that has: when, and its receipt

Free: `nonce` is empty. Claimed: whoever has the nonce sends it, until `until`. A claim that was never settled may have
been sent or not; so may a message whose answer was not heard. Both count as `lost`, and the next one says so.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from windtunnel.aws import channels
from windtunnel.aws.channels import Said
from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Alert, Told
from windtunnel.core.marks import shared_write

log = logging.getLogger(__name__)

CLAIM_SECONDS = 60
"""Longer than any channel is waited for."""

PAUSE = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class Waiting:
    """A message that one channel has not taken yet."""

    alert: Alert
    channel: str
    told_at: str
    attempts: int
    lost: int
    "Attempts of which nobody knows whether they arrived."
    until: str
    "Not before that time is it anybody else's to send."
    nonce: str

    @property
    def due(self) -> bool:
        """Whether it may be claimed now."""
        return datetime.fromisoformat(self.until) <= datetime.now(UTC)


def put(alert: Alert) -> bool:
    """Store a message for every channel; one whose key is known is there already.

    Returns:
        Whether its key is new.

    Raises:
        CommitConflict: DynamoDB confirms nothing; run it again.
    """
    table.ensure()
    once, told_at = _key(alert.model, "message", _digest(alert)), datetime.now(UTC).isoformat()
    nonce = uuid.uuid4().hex

    def attempt() -> str | None:
        if found := table.get([once]).get(once):
            return str(found["nonce"])
        news = [Waiting(alert, channel, told_at, 0, 0, told_at, "") for channel in channels.configured()]
        writes = [table.put(once, {"alert": alert.to_json(), "told_at": told_at, "nonce": nonce})]
        with shared_write("outbox.put"):
            return nonce if table.commit([*writes, *(table.put(_place(one), _body(one)) for one in news)]) else None

    return table.settle(alert.model, attempt) == nonce


def waiting(model: str) -> list[Waiting]:
    """All messages of a model that a channel has not taken, oldest first."""
    table.ensure()  # messages may come before any data: a first ingest can fail
    found = table.query(_partition(model), "waiting#")
    return [Waiting(**item | {"alert": Alert.from_json(item["alert"])}) for item in found]


def told(model: str) -> list[Told]:
    """All messages of a model, oldest first, and the channels that have not taken them."""
    left: dict[str, list[str]] = {}
    for one in waiting(model):
        left.setdefault(one.alert.key, []).append(one.channel)
    found = (
        Told(told_at=item["told_at"], alert=item["alert"], waiting=tuple(left.get(item["alert"]["key"], ())))
        for item in table.query(_partition(model), "message#")
    )
    return sorted(found, key=lambda one: one.told_at)


def claim(one: Waiting) -> Waiting | None:
    """Take a message to send it; None where another one sends it, or did.

    Whoever claims it sends it within `CLAIM_SECONDS` and settles it.
    """
    mine = replace(
        one,
        attempts=one.attempts + 1,
        lost=one.lost + bool(one.nonce),
        until=_in(timedelta(seconds=CLAIM_SECONDS)),
        nonce=uuid.uuid4().hex,
    )
    with shared_write("outbox.claim"):
        won = table.commit([table.put(_place(one), _body(mine), {"nonce": [one.nonce], "until": [one.until]})])
    return mine if won or _holds(mine) else None


def settle(mine: Waiting, said: Said) -> None:
    """Write down what became of a claimed message.

    Raises:
        CommitConflict: DynamoDB confirms nothing. The claim runs out then, and the message is sent again as one that
            may have arrived before.
    """
    free, place = _freed(mine, said), _place(mine)
    if said.outcome == "taken":
        sent = {"sent_at": _in(timedelta()), "receipt": said.words, "attempts": mine.attempts, "key": mine.alert.key}
        writes = [table.delete(place, {"nonce": [mine.nonce]}), table.put(_place(mine, "sent"), sent)]
    else:
        writes = [table.put(place, _body(free), {"nonce": [mine.nonce]})]

    def attempt() -> bool | None:
        if not _holds(mine):
            return True  # settled, its reply was lost; or the claim ran out and is another's
        with shared_write("outbox.settle"):
            return table.commit(writes) or None

    table.settle(mine.alert.model, attempt)


def _freed(mine: Waiting, said: Said) -> Waiting:
    if said.outcome != "unknown":
        return replace(mine, until=_in(timedelta()), nonce="")
    # Each repeat may be one too many, so they become rare.
    pause = min(PAUSE * 2**mine.lost, LONGEST_PAUSE)
    return replace(mine, until=_in(pause), nonce="", lost=mine.lost + 1)


def _holds(mine: Waiting) -> bool:
    place = _place(mine)
    return bool(table.get([place]).get(place, {}).get("nonce") == mine.nonce)


def _place(one: Waiting, state: str = "waiting") -> table.Key:
    return _key(one.alert.model, state, f"{one.told_at}#{_digest(one.alert)}#{one.channel}")


def _body(one: Waiting) -> dict[str, Any]:
    return asdict(one) | {"alert": one.alert.to_json()}


def _digest(alert: Alert) -> str:
    return sha256(alert.key.encode()).hexdigest()[:32]


def _key(model: str, state: str, name: str) -> table.Key:
    return _partition(model), f"{state}#{name}"


def _partition(model: str) -> str:
    return f"{model}#outbox"


def _in(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat()
