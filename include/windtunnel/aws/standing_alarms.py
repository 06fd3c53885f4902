"""The alarms that stand over a live model all the time, and tell people; no release hangs on them.

`errors`, `latency` and `unusable` ring for a fault that stays: five of the last fifteen periods. A night without requests
is no fault, so silence of the clients rings nothing here. `shift` looks at whole hours, because a few minutes' clients
may well be unlike the training's. `silence` rings when monitoring says nothing: aws/silence.py has the reason for its
metric. What verdicts find reaches people through the outbox, once per incident; alarms on it would tell it again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from windtunnel.aws import alarms, signs
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.aws.signs import Sign
from windtunnel.core import vitals
from windtunnel.core.catalog import model_spec
from windtunnel.core.settings import settings

KINDS = ("errors", "latency", "unusable", "shift", "silence")
HOUR, DAY = 3_600, 86_400


class _Patience(NamedTuple):
    """Of the last `periods`, each of `seconds`, so many must breach."""

    breaching: int
    periods: int
    seconds: int


def names(model: str) -> list[str]:
    """Names of the alarms; the dot keeps them apart from those of a rollout and of a model with a longer name."""
    return [_name(model, kind) for kind in KINDS]


def bodies(model: str, topic: str) -> list[dict[str, Any]]:
    """Bodies of PutMetricAlarm, from the spec.

    Args:
        model: Name of the model.
        topic: ARN of the SNS topic that is told.
    """
    rollout, silent_days = model_spec(model).rollout, model_spec(model).monitoring.silent_days
    fault = _Patience(5, 15, settings().alarm_seconds)
    wanted = (
        _body(
            _name(model, "errors"),
            f"More than {rollout.most_errors:.2%} of the requests to `{model}` are answered 5xx.",
            signs.served(model, "Invocation5XXErrors"),
            {"Statistic": "Average"},
            rollout.most_errors,
            fault,
        ),
        _body(
            _name(model, "latency"),
            f"The 99th percentile of the latency of `{model}` is above {rollout.most_p99_ms:g} ms.",
            signs.served(model, "ModelLatency"),
            {"ExtendedStatistic": "p99"},
            rollout.most_p99_ms * 1000,
            fault,
        ),
        _body(
            _name(model, "unusable"),
            f"More than {rollout.most_unusable:.2%} of an instance's answers of `{model}` are not finite or plausible.",
            signs.printed(model, vitals.UNUSABLE_SHARE),
            {"Statistic": "Maximum"},
            rollout.most_unusable,
            fault,
        ),
        _body(
            _name(model, "shift"),
            f"For three hours the answers of `{model}` have been more than {rollout.most_shift:g} standard deviations "
            "from the training's.",
            signs.printed(model, vitals.ANSWER_SHIFT),
            {"Statistic": "Average"},
            rollout.most_shift,
            _Patience(3, 3, HOUR),
        ),
        _body(
            _name(model, "silence"),
            f"Monitoring has had no verdict on `{model}` for {silent_days} days, or for two days nobody has counted.",
            signs.measured(model, vitals.SILENT_DAYS),
            {"Statistic": "Maximum"},
            silent_days,
            _Patience(2, 2, DAY),
            silence="breaching",
        ),
    )
    return [body | {"AlarmActions": [topic]} for body in wanted]


def put(model: str, topic: str) -> dict[str, alarms.State]:
    """Put the alarms as they should be, and answer with what they say now; those that are right keep their state."""
    alarms.put(bodies(model, topic))
    return alarms.states(names(model))


def _name(model: str, kind: str) -> str:
    return f"{endpoint_name(model)}.live-{kind}"


def _body(
    name: str,
    sentence: str,
    sign: Sign,
    statistic: dict[str, str],
    threshold: float,
    patience: _Patience,
    *,
    silence: str = "notBreaching",
) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "AlarmDescription": f"{sentence} What to do: docs/runbooks/alerts.md.",
        **sign.watched(),
        **statistic,
        "Period": patience.seconds,
        "EvaluationPeriods": patience.periods,
        "DatapointsToAlarm": patience.breaching,
        "Threshold": float(threshold),
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": silence,
    }
