"""Metrics of predictions, and the lines by which a training job tells them to SageMaker."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from windtunnel.core.contracts import Quality
from windtunnel.core.spec import Task

Floats = npt.NDArray[np.float64]

METRICS = ("train:mse", "train:rmse", "train:mae", "train:r2", "train:rows")

METRIC_DEFINITIONS = [{"Name": name, "Regex": name + r"=(-?[0-9.]+(?:e[-+]?[0-9]+)?);"} for name in METRICS]
"""`AlgorithmSpecification.MetricDefinitions` of a training job: the lines of `metric_lines`."""

FIRST: dict[Task, str] = {"regression": "rmse", "classification": "log_loss", "anomaly": "pr_auc"}
"""The metric by which a task's predictions are judged."""

MORE_IS_BETTER = frozenset({"r2", "accuracy", "f1", "roc_auc", "precision_at_k", "pr_auc"})
"""Of the others, the errors, less is better."""

_CERTAIN = float(np.finfo(np.float64).eps)


def quality(target: npt.ArrayLike, prediction: npt.ArrayLike) -> Quality:
    """Errors of predictions.

    `mse` is in the target's unit squared, `rmse` and `mae` in its unit; `r2 = 1 - sum(error^2) / sum((y - mean y)^2)`,
    None where the target does not vary.

    Args:
        target: `(rows,)`, at least one row, none missing.
        prediction: `(rows,)`.
    """
    truth = np.asarray(target, dtype=np.float64)
    error = np.asarray(prediction, dtype=np.float64) - truth
    mse = float(np.mean(error**2))
    spread = float(np.mean((truth - truth.mean()) ** 2))
    return Quality(
        mse=mse,
        rmse=float(np.sqrt(mse)),
        mae=float(np.mean(np.abs(error))),
        r2=1 - mse / spread if spread > 0 else None,
        rows=len(truth),
    )


def scores(task: Task, target: npt.ArrayLike, prediction: npt.ArrayLike, *, at: int) -> dict[str, float]:
    """The metrics of a task, as scikit-learn defines them; those that rows do not define are left out.

    - regression: `mse`, `rmse`, `mae`, and `r2` unless the target does not vary.
    - classification: `log_loss`; `accuracy` and `f1` of the answer "1" where the probability is above 0.5, `f1` unless
      nobody says 1; `roc_auc` unless all targets are the same. An answer outside 0..1 counts as the certain one next to
      it, which costs the most a wrong answer can.
    - anomaly: `pr_auc`, the average precision, unless there is no 1 among the targets; `precision_at_k`, the share of 1
      among the `at` largest scores, unless there are fewer rows. Rows that tie for the last places share them.

    Args:
        task: Of the model's spec.
        target: `(rows,)`, none missing; 0 or 1 but for regression.
        prediction: `(rows,)`, finite.
        at: The k of precision at k.

    Returns:
        Metric -> value; empty without rows.
    """
    truth, said = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if not len(truth):
        return {}
    if task == "regression":
        found: dict[str, float] = quality(truth, said).model_dump(exclude={"rows"}, exclude_none=True)
        return {name: value for name, value in found.items() if math.isfinite(value)}
    return _of_probabilities(truth, said) if task == "classification" else _of_ranks(truth, said, at)


def losses(task: Task, target: Floats, prediction: Floats) -> Floats:
    """What each row adds to the first metric of a regression (squared error) or a classification (log loss).

    Args:
        task: One whose first metric is a mean over rows, or the root of one; that of an anomaly is not.
        target: `(rows,)`.
        prediction: `(rows,)`.
    """
    if task == "regression":
        return (prediction - target) ** 2
    sure = np.clip(prediction, _CERTAIN, 1 - _CERTAIN)
    return -np.log(np.where(target > 0, sure, 1 - sure))


def worse_by(name: str, value: float, other: float) -> float:
    """One value of a metric over another, the other way round where more is better: above 1 the first one is worse."""
    above, below = (other, value) if name in MORE_IS_BETTER else (value, other)
    return above / below if below else math.inf if above else 1.0


def _of_probabilities(truth: Floats, said: Floats) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

    positive, claimed = truth > 0, said > 0.5
    found = {
        "log_loss": log_loss(positive, np.clip(said, 0, 1), labels=[False, True]),
        "accuracy": accuracy_score(positive, claimed),
    }
    if positive.any() or claimed.any():
        found["f1"] = f1_score(positive, claimed)
    if positive.any() and not positive.all():
        found["roc_auc"] = roc_auc_score(positive, said)
    return {name: float(value) for name, value in found.items()}


def _of_ranks(truth: Floats, said: Floats, at: int) -> dict[str, float]:
    from sklearn.metrics import average_precision_score

    positive, found = truth > 0, {}
    if positive.any():
        found["pr_auc"] = float(average_precision_score(positive, said))
    if len(said) >= at:
        last = np.partition(said, -at)[-at]
        above, tied = said > last, said == last
        places = at - np.count_nonzero(above)
        found["precision_at_k"] = float((positive[above].sum() + places * positive[tied].mean()) / at)
    return found


def by_group(groups: npt.NDArray[np.object_], target: Floats, prediction: Floats) -> dict[str, Quality]:
    """Errors per value of a column, largest group first. All arguments are `(rows,)`."""
    values, codes, counts = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(values[code]): quality(target[codes == code], prediction[codes == code]) for code in order}


def metric_lines(values: Mapping[str, float]) -> str:
    """One line `name=value;` per metric, as `METRIC_DEFINITIONS` reads them."""
    return "\n".join(f"{name}={value:.10g};" for name, value in values.items())
