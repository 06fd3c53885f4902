"""Which fleet answers: one, or two with a share while a deployment is under way."""

from __future__ import annotations

import random
from dataclasses import dataclass

from localaws.services.endpoints.fleet import Fleet


@dataclass(frozen=True)
class Split:
    """The traffic at one moment; replaced as a whole, so that a reader never sees half a change.

    Attributes:
        fleet: The fleet in service.
        incoming: The fleet being deployed, None at rest.
        share: Share of the requests that `incoming` answers.
    """

    fleet: Fleet
    incoming: Fleet | None = None
    share: float = 0.0

    def chosen(self) -> Fleet:
        """The fleet that answers the next request."""
        if self.incoming is not None and random.random() < self.share:  # noqa: S311 -- shares, no secret
            return self.incoming
        return self.fleet


class Traffic:
    """The traffic of one endpoint."""

    def __init__(self, fleet: Fleet) -> None:
        self.split = Split(fleet)

    def turn(self, incoming: Fleet, share: float) -> None:
        """Gives a share of the requests to a fleet that is being deployed."""
        self.split = Split(self.split.fleet, incoming, share)

    def settle(self, fleet: Fleet) -> None:
        """Gives all requests to one fleet."""
        self.split = Split(fleet)

    def fleets(self) -> list[Fleet]:
        """All fleets that may be running."""
        split = self.split
        return [split.fleet] + ([split.incoming] if split.incoming is not None else [])
