"""The embedded AWS told to misbehave, for tests. A fault strikes a bounded number of times, then AWS is well again.

    throttle         the call is refused, without effect, as AWS refuses when its rate is exceeded
    drop_reply       the call takes effect, then the connection is closed instead of an answer
    fail_job         the job ends Failed with `reason`
    slow_in_service  the endpoint takes `seconds` longer to become InService
    roll_back        the update ends InService with the old configuration, `reason` as its FailureReason

`PUT /_localaws/faults` adds one, `GET` lists them, `DELETE` removes them all (`interference.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from localaws.calls import known_operations

Kind = Literal["throttle", "drop_reply", "fail_job", "slow_in_service", "roll_back"]
KINDS: tuple[str, ...] = get_args(Kind)
MOST_TIMES = 1000
MOST_SECONDS = 3600.0


class FaultInvalid(ValueError):
    """What was asked for is not a fault. The message says what is allowed."""


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    Attributes:
        kind: What goes wrong.
        operation: `<service>:<Operation>` it strikes, wildcards allowed: `s3:Put*`. For a job or an endpoint the
            operation that made or changes it: `sagemaker:CreateTrainingJob`, `sagemaker:UpdateEndpoint`.
        contains: Text in the request (path, query or body), or in the name of the job or endpoint; empty for any.
        times: How often it strikes.
        reason: FailureReason of `fail_job` and `roll_back`.
        seconds: Delay of `slow_in_service`.
    """

    kind: Kind
    operation: str
    contains: str = ""
    times: int = 1
    reason: str = "InternalServerError: told to misbehave through /_localaws/faults."
    seconds: float = 0.0

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Fault:
        """The fault that a JSON object asks for.

        Raises:
            FaultInvalid: a key, a kind, an operation or a bound is not one of those allowed.
        """
        allowed = set(cls.__dataclass_fields__)
        if unknown := sorted(set(asked) - allowed):
            raise FaultInvalid(f"Unknown keys {unknown} in a fault. Allowed keys: {sorted(allowed)}.")
        if missing := sorted({"kind", "operation"} - set(asked)):
            raise FaultInvalid(f"A fault needs {missing}. Allowed keys: {sorted(allowed)}.")
        if asked["kind"] not in KINDS:
            raise FaultInvalid(f"Unknown kind `{asked['kind']}`. Known kinds: {', '.join(KINDS)}.")
        fault = cls(**asked)
        fault._check()
        return fault

    def _check(self) -> None:
        for name, kind in (("operation", str), ("contains", str), ("reason", str), ("times", int)):
            if not isinstance(getattr(self, name), kind):
                raise FaultInvalid(f"`{name}` is {getattr(self, name)!r}. It must be of type {kind.__name__}.")
        if not any(fnmatchcase(known, self.operation) for known in known_operations()):
            raise FaultInvalid(
                f"`operation` is `{self.operation}`: no such operation. Write `<service>:<Operation>` of dynamodb, glue, "
                "s3 or sagemaker as boto3's API reference spells it; wildcards are allowed."
            )
        if isinstance(self.times, bool) or not 1 <= self.times <= MOST_TIMES:
            raise FaultInvalid(f"`times` is {self.times}. A fault strikes 1 to {MOST_TIMES} times.")
        if isinstance(self.seconds, bool) or not isinstance(self.seconds, int | float):
            raise FaultInvalid(f"`seconds` is {self.seconds!r}. It must be a number.")
        least = 0.0 if self.kind != "slow_in_service" else 0.001
        if not least <= self.seconds <= MOST_SECONDS:
            raise FaultInvalid(f"`seconds` is {self.seconds}. `{self.kind}` takes {least} to {MOST_SECONDS:g}.")

    def strikes(self, kind: Kind, operation: str, text: str) -> bool:
        """Whether it is meant for this call, or for the job or endpoint named in `text`."""
        return self.kind == kind and fnmatchcase(operation, self.operation) and self.contains in text


class Faults:
    """The faults that are armed, with how often each has struck. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._struck: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Arms a fault; of two that match, the one added first strikes first."""
        with self._lock:
            self._struck.append((fault, 0))

    def clear(self) -> None:
        """Disarms all."""
        with self._lock:
            self._struck.clear()

    def listed(self) -> list[dict[str, Any]]:
        """All faults added since the last `clear`, spent ones too, each with how often it has `struck`."""
        with self._lock:
            return [{**asdict(fault), "struck": struck} for fault, struck in self._struck]

    def armed(self) -> bool:
        """Whether any fault can still strike: cheap, asked at every request."""
        with self._lock:
            return any(struck < fault.times for fault, struck in self._struck)

    def expects(self, kind: Kind, operation: str, text: str) -> bool:
        """Whether such a fault would strike now; does not spend it."""
        with self._lock:
            return self._find(kind, operation, text) is not None

    def take(self, kind: Kind, operation: str, text: str) -> Fault | None:
        """Spends one strike of the first fault that matches.

        Args:
            kind: What could go wrong here.
            operation: `sagemaker:CreateTrainingJob`: the call, or the operation behind the job or endpoint.
            text: The request, or the name of the job or endpoint.

        Returns:
            The fault to act out, or None to behave.
        """
        with self._lock:
            index = self._find(kind, operation, text)
            if index is None:
                return None
            fault, struck = self._struck[index]
            self._struck[index] = (fault, struck + 1)
            return fault

    def _find(self, kind: Kind, operation: str, text: str) -> int | None:
        for index, (fault, struck) in enumerate(self._struck):
            if struck < fault.times and fault.strikes(kind, operation, text):
                return index
        return None
