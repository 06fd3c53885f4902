"""The CloudWatch alarms that turn a rollout back. No data is bad data: a fleet nobody hears of is not healthy.

`errors` and `latency` watch what SageMaker counts for the endpoint, `unusable` and `shift` what the model servers print:
there the worst instance decides, so a canary is not diluted by the healthy rest. All of them watch both fleets at once,
as the clients see them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from windtunnel.aws import signs
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core import vitals
from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import ReleaseRefused, quoted
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

KINDS = ("errors", "latency", "unusable", "shift")
RETURN_KINDS = ("return-errors", "return-latency")


class State(NamedTuple):
    """What an alarm says now."""

    value: str
    "`OK`, `ALARM` or `INSUFFICIENT_DATA`."
    reason: str


def names(model: str) -> list[str]:
    """Names of the alarms that stand over every rollout of a model."""
    return [_name(model, kind) for kind in KINDS]


def names_of_return(model: str) -> list[str]:
    """Names of the alarms that stand over a rollback."""
    return [_name(model, kind) for kind in RETURN_KINDS]


def bodies(model: str) -> list[dict[str, Any]]:
    """Bodies of PutMetricAlarm for the alarms of a rollout."""
    rollout = model_spec(model).rollout
    return [
        _errors(model, "errors", "breaching"),
        _latency(model, "latency", "breaching"),
        _body(
            model,
            "unusable",
            f"More than {rollout.most_unusable:.2%} of an instance's answers are not finite or not plausible.",
            {**signs.printed(model, vitals.UNUSABLE_SHARE).watched(), "Statistic": "Maximum"},
            rollout.most_unusable,
            "breaching",
        ),
        _body(
            model,
            "shift",
            f"An instance's mean answer is more than {rollout.most_shift:g} standard deviations from the training's.",
            {**signs.printed(model, vitals.ANSWER_SHIFT).watched(), "Statistic": "Maximum"},
            rollout.most_shift,
            "breaching",
        ),
    ]


def bodies_of_return(model: str, endpoint_config: str) -> list[dict[str, Any]]:
    """Bodies of PutMetricAlarm for a rollback to a config: they watch the fleet that comes, not the one that goes.

    Silence is no fault there: at night a rollback must go through without traffic.
    """
    comes = {"EndpointConfigName": endpoint_config}
    return [
        _errors(model, "return-errors", "notBreaching", **comes),
        _latency(model, "return-latency", "notBreaching", **comes),
    ]


def put(wanted: Sequence[dict[str, Any]]) -> None:
    """Put alarms as they should be; those that are there and right keep their state."""
    for body in wanted:
        with shared_write("alarm.put"):
            client("cloudwatch").put_metric_alarm(**body)
    log.info("alarms: %s", ", ".join(body["AlarmName"] for body in wanted))


def states(wanted: Sequence[str]) -> dict[str, State]:
    """What alarms say now; one that does not exist is not in the answer."""
    found = client("cloudwatch").describe_alarms(AlarmNames=list(wanted), MaxRecords=100)["MetricAlarms"]
    return {alarm["AlarmName"]: State(alarm["StateValue"], alarm.get("StateReason", "")) for alarm in found}


def require(wanted: Sequence[str]) -> None:
    """Raises ReleaseRefused where one of these alarms does not exist: what it should watch is unprotected."""
    if missing := set(wanted) - states(wanted).keys():
        raise ReleaseRefused(
            f"There is no alarm {quoted(missing)}: nothing would turn a bad release back. "
            "Clear this run from its first task, which puts them."
        )


def ring(model: str, why: str) -> str:
    """Ring one of the rollout's alarms by hand, so that SageMaker turns a deployment back; returns its name.

    CloudWatch evaluates it again within a period and lets it go.
    """
    name = _name(model, "errors")
    with shared_write("alarm.ring"):
        client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason=why[:1023])
    return name


def _name(model: str, kind: str) -> str:
    return f"{endpoint_name(model)}-{kind}"


def _errors(model: str, kind: str, silence: str, **more: str) -> dict[str, Any]:
    most = model_spec(model).rollout.most_errors
    metric = {**signs.served(model, "Invocation5XXErrors", **more).watched(), "Statistic": "Average"}
    return _body(model, kind, f"More than {most:.2%} of the requests are answered 5xx.", metric, most, silence)


def _latency(model: str, kind: str, silence: str, **more: str) -> dict[str, Any]:
    most_ms = model_spec(model).rollout.most_p99_ms
    metric = {**signs.served(model, "ModelLatency", **more).watched(), "ExtendedStatistic": "p99"}
    sentence = f"The 99th percentile of the model's latency is above {most_ms:g} ms."
    return _body(model, kind, sentence, metric, most_ms * 1000, silence)


def _body(
    model: str, kind: str, sentence: str, metric: dict[str, Any], threshold: float, silence: str
) -> dict[str, Any]:
    return {
        "AlarmName": _name(model, kind),
        "AlarmDescription": f"{sentence} Turns a rollout of `{model}` back: docs/runbooks/rollback.md.",
        **metric,
        "Period": settings().alarm_seconds,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": silence,
    }
