"""Whatever is wrong with the rows of a file: each one is either published as it is or in quarantine, none lost, none twice."""

from __future__ import annotations

import csv
import io
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.journey import HEADER, drop, ingest
from windtunnel.aws import lake, quarantine
from windtunnel.core.errors import DataRejected
from windtunnel.core.window import Window

JANUARY = Window.month("2020-01")


class Line(NamedTuple):
    """A record, and whether it may be published."""

    cells: list[str]
    good: bool


def _good(at: int) -> list[str]:
    return [f"trip {at}", f"2020-01-{1 + at % 31:02d}T0{at % 10}:30:00", f"B{at}", str(1 + at % 50), f"{at / 7!r}"]


class Fault(NamedTuple):
    """One cell that may not be published."""

    column: int
    value: str


def _with(column: int, *values: str) -> st.SearchStrategy[Fault]:
    return st.sampled_from([Fault(column, value) for value in values])


FAULTS = st.one_of(
    _with(0, "", "NA"),
    _with(1, "", "soon", "2020-13-01", "2019-12-31T23:59:59", "2020-02-01", "31.01.2020"),
    _with(2, "", "b1", "=1+1", "ghost", "A1\nA2", "é"),
    _with(3, "", "0", "51", "3.0", "-1", "1e1", "\uff13", "9" * 19),
    _with(4, "inf", "nan", "1,5", "five", "0x1"),
)
CORRUPTIONS = st.one_of(st.none(), st.none(), FAULTS, st.sampled_from(["short", "long", "twin"]))


@st.composite
def files(draw: st.DrawFn) -> list[Line]:
    lines: list[Line] = []
    for at in range(draw(st.integers(1, 25))):
        cells, corruption = _good(at), draw(CORRUPTIONS)
        if corruption == "short":
            cells = cells[:4]
        elif corruption == "long":
            cells = [*cells, "more"]
        elif corruption == "twin":
            twins = [line.cells for line in lines if line.good]
            cells = list(twins[0]) if twins else cells
            corruption = corruption if twins else None
        elif isinstance(corruption, Fault):
            cells[corruption.column] = corruption.value
        lines.append(Line(cells, good=corruption is None))
    return lines


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(lines=files())
def test_published_and_quarantined_together_are_the_file(trips: str, lines: list[Line]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([HEADER.split(","), *(line.cells for line in lines)])
    drop("2020-01", text.getvalue().encode())
    good = [at for at, line in enumerate(lines, start=1) if line.good]
    name = quarantine.table_name(trips)
    if len(lines) - len(good) > len(lines) // 2:
        with pytest.raises(DataRejected, match=f"{len(lines) - len(good)} of {len(lines)} rows"):
            ingest(trips, JANUARY)
        held = lake.rows(name, str(lake.table(name).current_snapshot().snapshot_id), JANUARY)  # type: ignore[union-attr]
        assert held["_row"].to_pylist() == [at for at in range(1, len(lines) + 1) if at not in good]
        return
    version = ingest(trips, JANUARY)
    assert (version.rows, version.quarantined) == (len(good), len(lines) - len(good))
    rows = lake.rows(version.table, version.snapshot_id, JANUARY).to_pylist()
    assert [
        [row["trip"], row["started_at"].isoformat(), row["line"], str(row["stops"]), repr(row["minutes"])]
        for row in rows
    ] == [lines[at - 1].cells for at in good]
    if version.quarantined:
        assert version.quarantine_snapshot_id is not None
        held = lake.rows(name, version.quarantine_snapshot_id, JANUARY)
        assert held["_row"].to_pylist() == [at for at in range(1, len(lines) + 1) if at not in good]
        for row in held.to_pylist():
            came = lines[row["_row"] - 1].cells
            assert row["_reasons"]
            assert (row["_line"] or [row[column] for column in HEADER.split(",")]) in (came, ",".join(came))
