"""What the labels of one window say of the champion, in numbers and in one sentence."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from windtunnel.core.contracts import Interval, WindowQuality
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml.evaluation_report import CHALLENGER
from windtunnel.ml.metrics import FIRST, MORE_IS_BETTER, scores
from windtunnel.ml.quality import Answered
from windtunnel.ml.realised import Answers, Promise, beside

OF_ONE = MORE_IS_BETTER | {"log_loss"}
"""Metrics without a unit."""


def promise(holdout: pa.Table, spec: ModelSpec, seed: tuple[int, ...]) -> Promise:
    """What a version's own holdout promises.

    Args:
        holdout: The rows of `holdout.parquet`, its answers beside them.
        spec: The model.
        seed: The same seed gives the same bounds.
    """
    days, target, said = (holdout[name].to_numpy() for name in (spec.event_time, spec.target, CHALLENGER))
    return Promise(
        spec.task,
        Answers(days.astype("datetime64[D]"), target.astype(np.float64), said.astype(np.float64)),
        seed,
    )


def window_quality(
    found: Answered, window: Window, spec: ModelSpec, promised: Promise, labels_until: date | None
) -> WindowQuality:
    """Measure the champion's predictions of a window as they were served.

    The control is compared on the rows that it could answer too.

    Args:
        found: The collected predictions.
        window: Days of them.
        spec: The model.
        promised: What the champion's holdout promises.
        labels_until: The watermark.
    """
    inside = found.inside(window)
    known = inside & np.isfinite(found.target)
    usable = known & np.isfinite(found.served)
    metrics = scores(spec.task, found.target[usable], found.served[usable], at=spec.monitoring.precision_at)
    first, mature = FIRST[spec.task], _mature(found.days[inside], labels_until)
    expected = promised.expected(len(np.unique(found.days[usable])), int(usable.sum())) if first in metrics else None
    both = usable & np.isfinite(found.control)
    mine = Answers(found.days[both], found.target[both], found.served[both])
    return WindowQuality(
        window=window,
        predictions=int(inside.sum()),
        labelled=int(known.sum()),
        mature=mature,
        metrics=metrics,
        expected=expected,
        control=beside(spec.task, mine, found.control[both]),
        worse=_beyond(first, metrics[first], expected) if mature and expected else None,
    )


def bound(first: str, expected: Interval) -> float:
    """The end of `expected` that a metric must not cross."""
    return expected.low if first in MORE_IS_BETTER else expected.high


def sentence(found: WindowQuality, spec: ModelSpec, control: str | None) -> str:
    """Such as "RMSE 18.43 minutes on 5,123 of 5,200 predictions, 17.1 to 21.9 were promised; 2% better than V1.1.0."."""
    first = FIRST[spec.task]
    if first not in found.metrics:
        return f"no {shown(first)} yet: {found.labelled:,} of {found.predictions:,} predictions have their labels."
    unit = "" if first in OF_ONE else f" {spec.unit}"
    said = f"{shown(first)} {found.metrics[first]:.4g}{unit} on {found.labelled:,} of {found.predictions:,} predictions"
    if found.expected:
        said += f", {found.expected.low:.4g} to {found.expected.high:.4g} were promised"
    if not found.mature:
        said += ", labels are still coming"
    if found.control:
        change = found.control.estimate
        sure = "" if found.control.low > 0 or found.control.high < 0 else ", perhaps by chance"
        said += f"; {abs(change):.1%} {'worse' if change > 0 else 'better'} than {control or 'the control'}{sure}"
    return f"{said}."


def shown(metric: str) -> str:
    """A metric's name for people: `RMSE`, `log loss`."""
    words = {
        "mse": "MSE",
        "rmse": "RMSE",
        "mae": "MAE",
        "r2": "R2",
        "f1": "F1",
        "roc_auc": "ROC AUC",
        "pr_auc": "PR AUC",
    }
    return words.get(metric, metric.replace("_", " "))


def _mature(days: np.ndarray[tuple[int], np.dtype[np.datetime64]], labels_until: date | None) -> bool:
    return bool(len(days)) and labels_until is not None and bool(days.max() <= np.datetime64(labels_until, "D"))


def _beyond(first: str, value: float, expected: Interval) -> bool:
    return value < expected.low if first in MORE_IS_BETTER else value > expected.high
