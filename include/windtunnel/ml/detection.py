"""Drift of a window of a live model: exact scores beside thresholds that its own reference's history gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.core.contracts import ColumnDrift, DriftScore, WindowDrift
from windtunnel.core.contracts.monitoring import DriftMethod
from windtunnel.core.spec import Kind, ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import season
from windtunnel.ml.calibration import LEAST_DAYS, Family, Pattern, calibrate
from windtunnel.ml.drift import drift_score, share_scores
from windtunnel.ml.history import History
from windtunnel.ml.joined import DAY, PREDICTION, VERSION

_LEAST_WINDOWS = 3
"""A reference that is cut to a season has at least the days of so many windows; otherwise it is not cut."""

Scores = dict[tuple[str, DriftMethod], DriftScore]


class Detection(NamedTuple):
    """What a window's drift is, and every score it was taken from."""

    drift: WindowDrift
    scores: tuple[ColumnDrift, ...]
    "By column and method."


class _Known(NamedTuple):
    """One side of the comparison, perhaps cut to a season."""

    rows: pa.Table
    history: History
    cut: bool


class _Group(NamedTuple):
    """Columns of a window that are compared with one reference."""

    reference: str
    rows: pa.Table
    kinds: Mapping[str, Kind]


@dataclass(frozen=True)
class Reference:
    """What a version knows: the rows it was trained on, and its answers to rows it had never seen."""

    spec: ModelSpec
    version: str
    tables: Mapping[str, pa.Table]
    "`training`: event time, features, target, season; `holdout`: event time, prediction, perhaps the season."
    _known: dict[tuple[str, ...], _Known] = field(default_factory=dict)

    def detect(self, window: Window, rows: pa.Table) -> Detection:
        """The drift of a window.

        Features are compared with the training rows, and so is the target as far as labels have come. The version's
        answers are compared with those to its holdout: what it says of rows it has learnt from is too good.

        Args:
            window: Which.
            rows: The collected predictions of it, with the columns of `ml/joined.py`.
        """
        monitoring = self.spec.monitoring
        if len(rows) < monitoring.least_rows:
            return self._untested(window, rows, f"{len(rows)} rows; below {monitoring.least_rows} nothing is tested.")
        seasons = season.of_predictions(rows, self.spec) if monitoring.season else pa.array([], pa.string())
        groups = [group for group in self._groups(rows) if len(group.rows) >= monitoring.least_rows]
        known = {group.reference: self._reference(group.reference, seasons) for group in groups}
        scores = [dict(self._scores(group, known[group.reference].rows)) for group in groups]
        families = [
            Family(known[group.reference].history, Pattern.of(group.rows[DAY]), _methods(found))
            for group, found in zip(groups, scores, strict=True)
        ]
        calibrated = calibrate(families, monitoring.false_alarms)
        judged = [
            _judged(name, found, calibrated.thresholds[name])
            for each in scores
            for name, found in each.items()
            if name in calibrated.thresholds
        ]
        if not judged:
            days = len(known["training"].history.days)
            return self._untested(window, rows, f"The reference has {days} days; {LEAST_DAYS} are a history.")
        drift = WindowDrift(
            window=window,
            rows=len(rows),
            columns=_largest(judged),
            rate=monitoring.false_alarms,
            would_have_fired=calibrated.fired,
            replayed=calibrated.replayed,
            season=self._season(known, seasons),
        )
        return Detection(drift, tuple(judged))

    def _untested(self, window: Window, rows: pa.Table, why: str) -> Detection:
        rate = self.spec.monitoring.false_alarms
        drift = WindowDrift(
            window=window,
            rows=len(rows),
            columns=(),
            rate=rate,
            would_have_fired=0,
            replayed=0,
            season=None,
            untested=why,
        )
        return Detection(drift, ())

    def _groups(self, rows: pa.Table) -> Iterator[_Group]:
        spec = self.spec
        labelled, own = pc.is_valid(rows[spec.target]), pc.equal(rows[VERSION], self.version)
        yield _Group("training", rows, {name: spec.column(name).kind for name in spec.features})
        yield _Group("training", rows.filter(labelled), {spec.target: spec.column(spec.target).kind})
        yield _Group("holdout", rows.filter(own), {PREDICTION: "float64"})

    def _scores(self, group: _Group, reference: pa.Table) -> Iterator[tuple[tuple[str, DriftMethod], DriftScore]]:
        for name, kind in group.kinds.items():
            if kind == "timestamp":
                continue
            sides = reference[name], group.rows[name]
            if (distance := drift_score(*sides, kind)) is not None:
                yield (name, distance.method), distance
            for share in share_scores(*sides, kind):
                # A label that has not come is late and not missing.
                if (name, share.method) != (self.spec.target, "missing"):
                    yield (name, share.method), share

    def _reference(self, name: str, seasons: pa.Array) -> _Known:
        """The reference and its history, cut to the window's seasons where these have days enough."""
        wanted = tuple(sorted(seasons.to_pylist()))
        if (name, *wanted) not in self._known:
            rows, columns = self.tables[name], self.spec.monitoring.season
            cut = bool(wanted) and set(columns) <= set(rows.column_names)
            if cut:
                part = season.cut(rows, columns, seasons)
                cut = len(_days(part, self.spec)) >= max(_LEAST_WINDOWS * self.spec.monitoring.window_days, LEAST_DAYS)
                rows = part if cut else rows
            self._known[name, *wanted] = _Known(rows, History.of(rows, self.spec.event_time, self._kinds(name)), cut)
        return self._known[name, *wanted]

    def _kinds(self, name: str) -> dict[str, Kind]:
        if name == "holdout":
            return {PREDICTION: "float64"}
        return {column: self.spec.column(column).kind for column in (*self.spec.features, self.spec.target)}

    def _season(self, known: Mapping[str, _Known], seasons: pa.Array) -> str | None:
        if not known["training"].cut:
            return None
        words = season.words(self.spec.monitoring.season, seasons)
        return words if all(each.cut for each in known.values()) else f"{words}; answers: all of the holdout"


def _methods(scores: Scores) -> dict[str, tuple[DriftMethod, ...]]:
    names = dict.fromkeys(name for name, _ in scores)
    return {name: tuple(method for column, method in scores if column == name) for name in names}


def _judged(name: tuple[str, DriftMethod], score: DriftScore, threshold: float) -> ColumnDrift:
    return ColumnDrift(column=name[0], threshold=threshold, **score.model_dump())


def _largest(judged: list[ColumnDrift]) -> tuple[ColumnDrift, ...]:
    """Of each column the method with the largest ratio; the largest first."""
    largest: dict[str, ColumnDrift] = {}
    for found in sorted(judged, key=lambda each: (-each.ratio, each.column, each.method)):
        largest.setdefault(found.column, found)
    return tuple(largest.values())


def _days(rows: pa.Table, spec: ModelSpec) -> pa.Array:
    return pc.unique(pc.cast(rows[spec.event_time], pa.date32(), safe=False))
