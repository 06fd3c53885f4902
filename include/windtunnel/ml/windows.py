"""Which months train a candidate and which judge it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from windtunnel.core.contracts import TrainingRequest
from windtunnel.core.errors import WindowInvalid, quoted
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window


class Chosen(NamedTuple):
    """The windows of one training, and the months they need that are not there."""

    train: Window
    holdout: Window
    missing: tuple[str, ...]


def choose(spec: ModelSpec, months: Sequence[Window], request: TrainingRequest) -> Chosen:
    """The windows that a request names; by default the newest months judge a model of the months before them.

    Args:
        spec: How many months each takes.
        months: Those that are published, oldest first; at least one.
        request: What is asked for.

    Raises:
        WindowInvalid: Training reaches into the holdout or beyond it, or a window was named and lacks a month.
    """
    holdout = request.holdout or months[-1].last_months(spec.windows.holdout_months)
    train = request.train or holdout.months_before(spec.windows.train_months)
    if holdout.end <= train.start:
        raise WindowInvalid(
            f"The holdout `{holdout}` lies before the training window `{train}`: a model is judged on what comes after "
            "it, as in service. Let training end where the holdout starts, or earlier."
        )
    if train.end > holdout.start:
        raise WindowInvalid(
            f"The training window `{train}` reaches into the holdout `{holdout}`: a model judged on rows it has seen "
            "proves nothing. Let training end where the holdout starts, or earlier."
        )
    needed = [month for window in (train, holdout) for month in window.months()]
    missing = tuple(month.label for month in needed if not _inside(month, months))
    if missing and (request.train or request.holdout):
        raise WindowInvalid(
            f"Training on `{train}`, judged on `{holdout}`: `{spec.name}` has no rows in {quoted(missing)}. It has: "
            f"{quoted((month.label for month in months), most=24)}. Choose among these, or ingest the others first."
        )
    return Chosen(train, holdout, missing)


def _inside(window: Window, months: Sequence[Window]) -> bool:
    return any(month.start <= window.start and window.end <= month.end for month in months)
