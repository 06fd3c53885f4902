"""deliver: what waits in the outbox -> through its channels to people; a channel that is away keeps its own."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from windtunnel.aws import channels, outbox
from windtunnel.aws.channels import Said, Send
from windtunnel.aws.outbox import Waiting
from windtunnel.core.contracts import Delivered
from windtunnel.core.marks import shared_write

log = logging.getLogger(__name__)


def deliver(model: str) -> Delivered | None:
    """Send what waits, each message once per channel.

    A message that no channel confirmed and none refused may have arrived; it is sent again after a pause and says so.

    Args:
        model: Whose messages.

    Returns:
        What became of them; None where nothing waits.

    Raises:
        CommitConflict: DynamoDB does not confirm what was sent; the next delivery goes on.
    """
    found = outbox.waiting(model)
    log.info("deliver: %d messages of %s wait, %d of them now", len(found), model, sum(one.due for one in found))
    if not found:
        return None
    by_channel = {name: [one for one in found if one.channel == name and one.due] for name in channels.NAMES}
    sent = sum(_through(name, due) for name, due in by_channel.items() if due)
    delivered = Delivered(sent=sent, waiting=len(outbox.waiting(model)))
    log.info("deliver: %d sent, %d still wait", delivered.sent, delivered.waiting)
    return delivered


def _through(channel: str, due: Sequence[Waiting]) -> int:
    """How many a channel took. It is left alone for this time once it does not answer."""
    try:
        send = channels.opened(channel)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one channel, the others go on
        log.warning("deliver: %s is closed, %d messages wait: %s", channel, len(due), error)
        return 0
    sent = 0
    # Those tried least come first: a message that no channel can take holds up no other.
    for one in sorted(due, key=lambda one: (one.attempts, one.told_at)):
        if (mine := outbox.claim(one)) is None:
            continue
        said = _said(send, mine)
        outbox.settle(mine, said)
        log.log(
            logging.INFO if said.outcome == "taken" else logging.WARNING,
            "deliver: `%s` by %s, attempt %d: %s, %s",
            mine.alert.title,
            channel,
            mine.attempts,
            said.outcome,
            said.words,
        )
        sent += said.outcome == "taken"
        if said.outcome in {"away", "unknown"}:
            break
    return sent


def _said(send: Send, mine: Waiting) -> Said:
    try:
        with shared_write("outbox.send"):
            return send(mine.alert, mine.lost > 0)
    except Exception as error:  # noqa: BLE001 - time-outs, broken answers: nobody heard whether the message arrived
        return Said("unknown", f"{type(error).__name__}: {error}")
