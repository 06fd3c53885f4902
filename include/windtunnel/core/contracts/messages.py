"""What people are told, and whether it reached them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract


class Alert(Contract):
    """One message to the people who watch: one per incident and window, however often it is found."""

    model: str
    key: str
    "Dedupe key: the same incident in the same window has the same key and is told once."
    severity: Literal["info", "warning", "page"]
    title: str
    "Fits a phone's lock screen: at most 100 ASCII characters, the model and what is wrong."
    text: str
    "A sentence or two with the number and what to do."
    link: str
    "Where to look: an address that a browser opens."


class Delivered(Contract):
    """What became of the messages that waited in the outbox."""

    sent: int
    waiting: int | None
    "Messages whose channel did not take them; the next delivery tries again. None: it stopped before it could count."


class Told(Contract):
    """A message of the outbox, and the channels that have not taken it."""

    told_at: datetime
    alert: Alert
    waiting: tuple[str, ...]
    "Names of channels; the next delivery tries them again. Empty: it reached all of them."
