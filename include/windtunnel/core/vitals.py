"""Signs of life of a live model: the CloudWatch metrics of one namespace.

The model server prints the first group, which a rollout's alarms watch; `monitor` writes the second after each verdict.
"""

from __future__ import annotations

NAMESPACE = "windtunnel"
ENDPOINT = "Endpoint"
"""The dimension, and the only one: the value of `WINDTUNNEL_ENDPOINT` in the model's environment."""

ANSWERS = "Answers"
"""Rows answered or refused for their answer since the line before. Unit Count."""

UNUSABLE_SHARE = "UnusableShare"
"""Share of those answers, 0 to 1, that were not finite or outside the plausible range of the model's spec."""

ANSWER_SHIFT = "AnswerShift"
"""|mean of the usable answers - mean of the training's own|, in standard deviations of the training's own."""

MODEL = "Model"
"""The dimension of everything `monitor` writes: the model's name. Values are those of the newest window; what needs labels is of
the newest window that has them."""

PREDICTIONS = "Predictions"
COVERAGE = "LabelCoverage"
"""Share of the window's predictions whose labels have come, 0 to 1."""

ERROR_RATIO = "ErrorRatio"
"""The task's first metric over the bound that the champion's own holdout gives it; above 1 it is worse than promised, also
where more of the metric is better: then it is the bound over the metric."""

CONTROL_RATIO = "ControlRatio"
"""The champion's first metric over that of the frozen version before it, on the same rows, or the other way round where more is
better; above 1 the old one is better."""

DRIFT = "Drift"
"""The largest drift score over its calibrated threshold; above 1 the window has drifted."""

FAILED_CHECKS = "FailedChecks"
VERDICT = "Verdict"
"""0 ignore, 1 watch, 2 retrain."""

SILENT_DAYS = "SilentDays"
"""Days since the newest verdict, or since the version went live. Written by each run of `monitor`; no value: nobody watches."""


def metric(name: str) -> str:
    """The CloudWatch name of one of the task's metrics: `rmse` -> `Quality/rmse`."""
    return f"Quality/{name}"
