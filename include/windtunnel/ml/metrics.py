"""Errors of predictions, and the lines by which a training job tells them to SageMaker."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from windtunnel.core.contracts import Quality

METRICS = ("train:mse", "train:rmse", "train:mae", "train:r2", "train:rows")

METRIC_DEFINITIONS = [{"Name": name, "Regex": name + r"=(-?[0-9.]+(?:e[-+]?[0-9]+)?);"} for name in METRICS]
"""`AlgorithmSpecification.MetricDefinitions` of a training job: the lines of `metric_lines`."""


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


def by_group(
    groups: npt.NDArray[np.object_], target: npt.NDArray[np.float64], prediction: npt.NDArray[np.float64]
) -> dict[str, Quality]:
    """Errors per value of a column, largest group first. All arguments are `(rows,)`."""
    values, codes, counts = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(values[code]): quality(target[codes == code], prediction[codes == code]) for code in order}


def metric_lines(values: Mapping[str, float]) -> str:
    """One line `name=value;` per metric, as `METRIC_DEFINITIONS` reads them."""
    return "\n".join(f"{name}={value:.10g};" for name, value in values.items())
