"""Every error windtunnel raises on purpose. The type says whether a retry can help.

WindtunnelError
├── Final                   a retry meets the same fault: stop, tell a person
│   ├── SettingInvalid      an environment variable is missing or malformed
│   ├── SpecInvalid         a model's folder contradicts itself
│   ├── UnknownModel        no folder of that name under `windtunnel/models`
│   ├── WindowInvalid       not a window of time, or one that holds no data
│   ├── SourceMissing       the source has nothing for the window
│   ├── DataRejected        a file, or too many of its rows, failed its expectations
│   ├── HyperparameterInvalid  the estimator has no such parameter, or not this value of it
│   ├── ArtefactInvalid     a model artefact is incomplete or does not match its digest
│   ├── ModelRejected       a version failed on staging or as a shadow
│   ├── VersionInvalid      not a version, or none that the ledger knows
│   ├── RevisionStale       the model's folder changed and its revision did not
│   ├── CommitRefused       not a commit that was deployed here from main
│   ├── RightMissing        whoever asks may not do this
│   ├── FenceLost           another task has taken this release over
│   └── ReleaseRefused      an endpoint does not serve what it should, or may not
└── Retryable               the same call may succeed later
    ├── CommitConflict      someone else committed first; read again and repeat
    ├── LeaseHeld           another release of this model is under way
    ├── CommitAwaited       the code deployed here is not that of the commit, or not yet
    └── ServiceUnavailable  AWS or another service did not answer in time

Each message says what came in, what is allowed and what to do next; names stand in backticks.
"""

from __future__ import annotations

from collections.abc import Iterable


class WindtunnelError(Exception):
    """Base of all errors raised on purpose."""


class Final(WindtunnelError):
    """A retry cannot help. `orchestration.tasks` maps it to Airflow's fail-without-retry."""


class Retryable(WindtunnelError):
    """A retry can help: nothing was half-written."""


class _Reported(Final):
    """A refusal whose full evidence lies at an address.

    Args:
        message: What came in, what is allowed, what to do next.
        report: Address (`s3://...`) of the full result, if one was written.
    """

    def __init__(self, message: str, *, report: str | None = None) -> None:
        self.report = report
        super().__init__(f"{message} Full report: {report}" if report else message)


class SettingInvalid(Final):
    """An environment variable is missing or malformed."""


class SpecInvalid(Final):
    """A model's folder contradicts itself."""


class UnknownModel(Final):
    """No model of that name exists."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"Unknown model `{name}`. Known models: {quoted(known)}. "
            f"Add a folder `windtunnel/models/{name}/` (docs/add-a-model.md) or correct the name."
        )


class WindowInvalid(Final):
    """Not a window of time, or a window that holds no data."""


class SourceMissing(Final):
    """The source has nothing for the window that was asked for."""


class DataRejected(_Reported):
    """A file, or more of its rows than the budget allows, failed its expectations."""


class HyperparameterInvalid(Final):
    """The estimator has no such parameter, or not this value of it."""


class ArtefactInvalid(Final):
    """A model artefact is incomplete or does not match its digest."""


class ModelRejected(_Reported):
    """A version failed on staging or as a shadow."""


class VersionInvalid(Final):
    """Not a version, or none that the ledger knows, or one that cannot go where it was sent."""


class RevisionStale(Final):
    """The model's folder changed and its revision did not."""


class CommitRefused(Final):
    """Not a commit that was deployed here from main."""


class RightMissing(Final):
    """Whoever asks may not do this, or did not say who asks."""


class FenceLost(Final):
    """Another task has taken this release over; whatever this one was about to write is its business now."""


class ReleaseRefused(_Reported):
    """An endpoint does not serve what it should, or the evidence does not allow a version to go there."""


class CommitConflict(Retryable):
    """Someone else committed to shared state first."""


class LeaseHeld(Retryable):
    """Another release of this model is under way."""


class CommitAwaited(Retryable):
    """The code deployed here is not that of the commit, or not yet."""


class ServiceUnavailable(Retryable):
    """A service did not answer in time."""


def quoted(names: Iterable[str], most: int = 10) -> str:
    """Names in backticks, sorted, at most `most` of them, with a count of the rest."""
    found = sorted(names)
    shown = ", ".join(f"`{name}`" for name in found[:most])
    rest = len(found) - most
    return f"{shown} and {rest} more" if rest > 0 else shown or "none"
