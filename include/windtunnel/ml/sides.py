"""The rows that a report draws: bounded samples of what a model was asked and of what it knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.spec import ModelSpec
from windtunnel.ml.joined import DAY, PREDICTION, VERSION
from windtunnel.ml.sample import Read, Sampled, sample


class Sides(NamedTuple):
    """What Evidently sees of a window and of the reference."""

    asked: Sampled
    "The window's requests: day and features."
    labelled: Sampled
    "Those of them that the champion answered and whose label has come: event time, target, prediction."
    answered: Sampled
    "Those that the champion answered: day, prediction."
    training: Sampled
    "Rows the champion was trained on: event time, features, target."
    holdout: Sampled
    "The champion's answers to rows it had never seen: event time, target, prediction."


def current(read: Read, spec: ModelSpec, *, version: str, seed: str) -> tuple[Sampled, Sampled, Sampled]:
    """`asked`, `labelled` and `answered` of one window.

    Args:
        read: The collected rows of the window, columns as in `ml/joined.py`.
        spec: Names the columns and the size of a sample.
        version: The champion.
        seed: Any text.
    """
    rows = spec.monitoring.report_rows

    def answered(columns: Sequence[str]) -> Iterator[pa.Table]:
        for part in read([*columns, VERSION]):
            yield part.filter(pc.equal(part[VERSION], version))

    def labelled(columns: Sequence[str]) -> Iterator[pa.Table]:
        for part in answered([*dict.fromkeys((*columns, spec.target))]):
            yield part.filter(pc.is_valid(part[spec.target]))

    return (
        sample(read, [DAY, *spec.features], rows, moment=DAY, seed=seed),
        sample(labelled, _answers(spec), rows, moment=spec.event_time, seed=seed),
        sample(answered, [DAY, PREDICTION], rows, moment=DAY, seed=seed),
    )


def training(read: Read, spec: ModelSpec, *, seed: str) -> Sampled:
    """`training`, of rows with the columns of `reference.training_rows`."""
    columns = [spec.event_time, *spec.features, spec.target]
    return sample(read, columns, spec.monitoring.report_rows, moment=spec.event_time, seed=seed)


def holdout(read: Read, spec: ModelSpec, *, seed: str) -> Sampled:
    """`holdout`, of rows with the columns of `holdout.parquet`."""
    return sample(read, _answers(spec), spec.monitoring.report_rows, moment=spec.event_time, seed=seed)


def _answers(spec: ModelSpec) -> list[str]:
    return [spec.event_time, spec.target, PREDICTION]
