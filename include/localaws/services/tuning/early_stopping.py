"""When a training job has become hopeless: AWS's rule for TrainingJobEarlyStoppingType Auto."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

# AWS does not publish how much it waits for before it judges; with less than this a median says little.
LEAST_RIVALS = 3
LEAST_VALUES = 2


def hopeless(values: Sequence[float], rivals: Sequence[Sequence[float]], *, maximize: bool) -> bool:
    """Whether a training job should be stopped early.

    It should when the best objective it has emitted is worse than the median of its rivals' running averages up to the
    same step (SageMaker developer guide, "Stop training jobs early").

    Args:
        values: Objective values of the running job, in the order it emitted them.
        rivals: Those of the jobs that ran to their end; shorter ones than `values` cannot be compared and are left out.
        maximize: Whether more is better.
    """
    step = len(values)
    if step < LEAST_VALUES:
        return False
    averages = [fmean(rival[:step]) for rival in rivals if len(rival) >= step]
    if len(averages) < LEAST_RIVALS:
        return False
    if maximize:
        return max(values) < median(averages)
    return min(values) > median(averages)
