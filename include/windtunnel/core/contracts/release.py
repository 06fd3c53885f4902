"""From a registered version to the proof that it serves."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from windtunnel.core.contracts.base import Contract
from windtunnel.core.contracts.ledger import Lease
from windtunnel.core.contracts.training import Champion, Check, Evaluated, Gate


class RegisteredVersion(Contract):
    """A version in the SageMaker Model Registry and in the ledger."""

    model: str
    version: str
    "`V<tag>.<manual>.<auto>`"
    package_arn: str
    evaluated: Evaluated
    gate: Gate


class Rehearsed(Contract):
    """A version that served on the staging endpoint, and was taken down again."""

    registered: RegisteredVersion
    passed: bool
    sentence: str
    checks: tuple[Check, ...]
    golden_rows: int
    largest_difference: float | None
    "Between the endpoint's answers to the golden rows and those of the artefact; None where it gave none."
    seconds_to_serve: float
    report: str
    "Address of rehearsal.json."


class Mirrored(Contract):
    """A version that stands beside the champion as a shadow: it gets copies of live requests, and nobody its answers."""

    rehearsed: Rehearsed
    champion: Champion
    shadow_config: str
    "The live endpoint's config while the shadow stands; `champion.endpoint_config` is what it goes back to."
    since: datetime
    until: datetime
    "When the shadow is judged on what has come, however little."
    owner: str
    epoch: int

    @property
    def lease(self) -> Lease:
        """The fence it was put on under; the time of a lease plays no part in a fence."""
        return Lease(model=self.champion.model, owner=self.owner, epoch=self.epoch, until=self.until)


class Shadowed(Contract):
    """What the rehearsal and the shadow found."""

    rehearsed: Rehearsed
    champion: str | None
    "The version it stood beside; None: a first release, which has a rehearsal only."
    passed: bool
    sentence: str
    checks: tuple[Check, ...]
    requests: int
    "Requests that both answered."
    labelled: int
    "Of `requests`: those whose label has come."
    report: str | None
    "Address of shadow.json."


class Dossier(Contract):
    """The evidence for a version, under the digest of its bytes."""

    registered: RegisteredVersion
    champion: str | None
    "The version it was judged against; a release over any other one is refused."
    page: str
    sha256: str
    "Of the page; the page carries the digest of the document, so it vouches for both."
    document: str
    document_sha256: str
    summary: str
    "Markdown: what a reviewer sees beside the question."


class Answer(Contract):
    """What a person answered to a question, beside the yes or no."""

    by: str
    at: datetime
    note: str = ""


class ApprovedVersion(Contract):
    """A version, its dossier, and the person who said yes to exactly these bytes."""

    dossier: Dossier
    approved_by: str
    approved_at: datetime
    note: str = ""

    @property
    def registered(self) -> RegisteredVersion:
        """The version."""
        return self.dossier.registered


class Release(Contract):
    """A change of what is in service, under way: a rollout or a rollback, with the fence it writes under."""

    registered: RegisteredVersion
    previous: Champion | None
    "What was in service when it began, and is again if it fails; None: a first release."
    owner: str
    epoch: int
    endpoint_config: str
    by: str
    why: str
    rollback: bool = False


class Watch(Contract):
    """What to wait for at an endpoint, asking it meanwhile so that there is something to measure."""

    until: Literal["heard", "settled"]
    "`heard`: all alarms are OK. `settled`: SageMaker has ended what it does to the endpoint."
    endpoint: str
    endpoint_config: str
    "What the endpoint is to get."
    alarms: tuple[str, ...]
    step_seconds: int
    "How long each step of traffic is watched."
    question: str
    "Body of a request: the golden rows of the version that comes."
    answers: tuple[float, ...]
    "What that version answers."
    tolerance: float


class Proof(Contract):
    """What an endpoint really serves, read back after a deployment."""

    model: str
    version: str
    endpoint: str
    endpoint_config: str
    package_arn: str
    weights: dict[str, float]
    capture_percent: int
    golden_rows: int
    largest_difference: float
    proved_at: datetime
