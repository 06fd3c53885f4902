"""Signs of life of a live model: the CloudWatch metrics that its server prints and that a rollout's alarms watch."""

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
