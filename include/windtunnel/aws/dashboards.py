"""One CloudWatch dashboard per model: is it asked, does it answer, is it right, what does monitoring say."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Any, NamedTuple

from windtunnel.aws import alarms, signs, standing_alarms
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core import vitals
from windtunnel.core.catalog import model_spec
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings
from windtunnel.core.spec import ModelSpec, Task

log = logging.getLogger(__name__)

QUALITY: dict[Task, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "regression": (("rmse", "mae"), ("r2",)),
    "classification": (("log_loss",), ("accuracy", "f1", "roc_auc")),
    "anomaly": ((), ("pr_auc", "precision_at_k")),
}
"""Metrics on the left axis, in their own unit, and on the right one, where 1 is the best; `mse` is `rmse` squared."""

WIDTH = 24
MINUTES, DAY = 300, 86_400
FOUR_WEEKS = "-P28D"


class _Account(NamedTuple):
    """Where the model's alarms are, as the ARN of their topic says."""

    partition: str
    region: str
    number: str

    def alarm(self, name: str) -> str:
        return f"arn:{self.partition}:cloudwatch:{self.region}:{self.number}:alarm:{name}"


def name(model: str) -> str:
    """Name of a model's dashboard."""
    return endpoint_name(model)


def address(model: str, topic: str) -> str:
    """Where a browser finds it, once logged in to the account."""
    region = _account(topic).region
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#dashboards/dashboard/{name(model)}"


def put(model: str, topic: str) -> str:
    """Put the dashboard as it should be; returns its address.

    Args:
        model: Name of the model.
        topic: ARN of the topic that the alarms tell.
    """
    text = json.dumps(body(model, topic), sort_keys=True)
    with shared_write("guard.put-dashboard"):
        answer = client("cloudwatch").put_dashboard(DashboardName=name(model), DashboardBody=text)
    for warned in answer.get("DashboardValidationMessages", []):
        log.warning("dashboard: %s %s", warned.get("DataPath"), warned.get("Message"))
    return address(model, topic)


def body(model: str, topic: str) -> dict[str, Any]:
    """Body of the dashboard: the spec decides, and nothing else.

    Args:
        model: Name of the model.
        topic: ARN of the topic that the alarms tell; says the account and the region.
    """
    spec, account = model_spec(model), _account(topic)
    standing, of_rollout = (
        [account.alarm(each) for each in names] for names in (standing_alarms.names(model), alarms.names(model))
    )
    graphs = [*_monitoring(spec), *_serving(spec)]
    return {
        "start": FOUR_WEEKS,
        "periodOverride": "auto",
        "widgets": [
            _widget("text", 0, 0, WIDTH, 2, {"markdown": _words(spec)}),
            _widget("alarm", 0, 2, WIDTH // 2, 3, {"title": "Alarms", "alarms": standing}),
            # Silence is bad for them, and between rollouts nobody listens: apart, so that red keeps its meaning.
            _widget(
                "alarm",
                WIDTH // 2,
                2,
                WIDTH // 2,
                3,
                {"title": "A rollout's; red without traffic", "alarms": of_rollout},
            ),
            *_placed(graphs, account.region, top=5),
        ],
    }


def _account(topic: str) -> _Account:
    _, partition, _, region, number, _ = topic.split(":", 5)
    return _Account(partition, region, number)


def _words(spec: ModelSpec) -> str:
    monitor = f"{settings().airflow_url}/dags/{spec.name}_monitor"
    return (
        f"## {spec.name}: {spec.about}\n"
        f"`{spec.target}` in {spec.unit}, by {spec.owner}. Verdicts and reports: [{spec.name}_monitor]({monitor}). "
        "Written from `spec.py` by the stage `guard`, which overwrites what is changed here."
    )


def _monitoring(spec: ModelSpec) -> Iterator[dict[str, Any]]:
    """What `monitor` found; each point is the newest window of a verdict."""
    model = spec.name
    by_unit, of_one = QUALITY[spec.task]

    def measured(metric: str, **how: Any) -> list[Any]:
        return signs.measured(model, metric).drawn(**{"label": metric} | how)

    yield _graph("Verdict: 0 ignore, 1 watch, 2 retrain", DAY, [measured(vitals.VERDICT)], most=2)
    yield _graph("Drift over its threshold", DAY, [measured(vitals.DRIFT)], line=1)
    yield _graph(
        "Error over its bound; over the version before it",
        DAY,
        [measured(vitals.ERROR_RATIO), measured(vitals.CONTROL_RATIO)],
        line=1,
    )
    quality = [measured(vitals.metric(each), label=each) for each in by_unit]
    quality += [measured(vitals.metric(each), label=f"{each} (right)", yAxis="right") for each in of_one]
    yield _graph(f"Quality of {spec.target}, {spec.unit}", DAY, quality)
    coverage = [measured(vitals.COVERAGE, yAxis="right"), measured(vitals.PREDICTIONS)]
    yield _graph("Predictions, and the share that has labels", DAY, coverage)
    yield _graph("Failed checks", DAY, [measured(vitals.FAILED_CHECKS)])
    silence = [measured(vitals.SILENT_DAYS)]
    yield _graph("Days without a verdict", DAY, silence, line=spec.monitoring.silent_days)


def _serving(spec: ModelSpec) -> Iterator[dict[str, Any]]:
    """What SageMaker counts and the model servers print."""
    model, rollout = spec.name, spec.rollout

    def served(metric: str, **how: Any) -> list[Any]:
        return signs.served(model, metric).drawn(**{"label": metric} | how)

    def printed(metric: str, **how: Any) -> list[Any]:
        return signs.printed(model, metric).drawn(**{"label": metric} | how)

    yield _graph("Requests and answered rows", MINUTES, [served("Invocations"), printed(vitals.ANSWERS)], stat="Sum")
    errors = [served("Invocation5XXErrors", label="5xx"), served("Invocation4XXErrors", label="4xx")]
    yield _graph("Share of requests that failed", MINUTES, errors, stat="Average", line=rollout.most_errors)
    latency = [served("ModelLatency", stat=each, label=f"{each}, us") for each in ("p50", "p99")]
    latency.append(served("OverheadLatency", stat="p99", label="p99 of SageMaker, us"))
    yield _graph("Latency", MINUTES, latency, line=rollout.most_p99_ms * 1000)
    unusable = [printed(vitals.UNUSABLE_SHARE)]
    yield _graph("Share of answers that are unusable", MINUTES, unusable, line=rollout.most_unusable)
    shift = [printed(vitals.ANSWER_SHIFT, stat="Average")]
    yield _graph("Shift of the answers, standard deviations", MINUTES, shift, line=rollout.most_shift)


def _graph(
    title: str,
    seconds: int,
    lines: Sequence[list[Any]],
    *,
    stat: str = "Maximum",
    line: float | None = None,
    most: float | None = None,
) -> dict[str, Any]:
    """A graph from 0 up; `line` is drawn across it, `most` ends its left axis."""
    left = {"min": 0} if most is None else {"min": 0, "max": most}
    marks = {} if line is None else {"annotations": {"horizontal": [{"value": line, "label": f"{line:g}"}]}}
    return {"title": title, "metrics": [*lines], "period": seconds, "stat": stat, "yAxis": {"left": left}, **marks}


def _placed(graphs: Sequence[dict[str, Any]], region: str, top: int) -> Iterator[dict[str, Any]]:
    """Three to a row."""
    width, height = WIDTH // 3, 6
    for row, of_row in enumerate(batched(graphs, 3)):
        for column, graph in enumerate(of_row):
            properties = {"view": "timeSeries", "region": region, **graph}
            yield _widget("metric", column * width, top + row * height, width, height, properties)


def _widget(kind: str, x: int, y: int, width: int, height: int, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}
