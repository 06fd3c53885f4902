"""The expectations of training, held against what serving was asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from windtunnel.core.contracts import Check
from windtunnel.core.errors import quoted
from windtunnel.core.spec import ModelSpec
from windtunnel.ml.expectations import Validated
from windtunnel.ml.serving_checks import within

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def suite(spec: ModelSpec, module: ModuleType) -> list[Expectation]:
    """What training expects of single rows, as far as it is about features alone.

    These are the expectations on published rows, those on the source's text for features that are text, and that a
    column without missing values has none. A condition on `eligible` holds: only such rows can be asked.

    Args:
        spec: The model.
        module: Its `expectations.py`.
    """
    import great_expectations.expectations as gxe

    texts = {name for name in spec.features if spec.column(name).kind == "string"} & spec.raw_columns.keys()
    return [
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name, description=f"`{name}` is empty")
            for name in spec.features
            if not spec.column(name).nullable
        ),
        *_about(module.rows(), {*spec.features}, {spec.eligible}, [column.name for column in spec.columns]),
        *_about(module.raw(), texts, set(), list(spec.raw_columns)),
    ]


def requests(rows: pd.DataFrame, spec: ModelSpec) -> pd.DataFrame:
    """The questions of collected rows in the form of published ones, for the suite; index from 0."""
    return rows[list(spec.features)].assign(**{spec.eligible: np.int64(1)}).reset_index(drop=True)


def judge(found: Validated, asked: int, spec: ModelSpec) -> Check:
    """Whether no more requests miss an expectation than rows may go to quarantine.

    Args:
        found: Of the suite on the requests.
        asked: Requests.
        spec: The model.
    """
    missed = len({row for rows in found.flagged.values() for row in rows})
    numbers = {"rows": asked, "missed": missed, "allowed": spec.quarantine_budget}
    if found.failed:
        sentence = f"Expectations of training cannot be judged on requests: {quoted(found.failed)}."
        return Check(name="expectations", passed=False, sentence=sentence, numbers=numbers)
    counts = sorted((-len(rows), reason) for reason, rows in found.flagged.items())
    reasons = "; ".join(f"{reason} ({-count:,})" for count, reason in counts[:10])
    return Check(
        name="expectations",
        passed=within(missed, asked, spec.quarantine_budget),
        sentence=f"{missed:,} of {asked:,} requests miss an expectation of training; allowed are "
        f"{spec.quarantine_budget:.1%}{f': {reasons}' if reasons else ''}.",
        numbers=numbers,
    )


def documents(found: Validated) -> tuple[str, dict[str, Any]]:
    """Great Expectations' page and result as JSON, without the moment and the random names in them.

    So the same requests give the same bytes, whenever they are judged.
    """
    meta: Any = found.result.meta
    meta.pop("batch_markers", None)
    page = re.sub(r"(collapse-body-)[0-9a-f-]{36}|(logo-long\.png)\?d=[\w.]+", r"\1\2", found.page())
    return page, found.to_json()


def _about(
    given: Sequence[Expectation], columns: set[str], granted: set[str], declared: Sequence[str]
) -> Iterator[Expectation]:
    """The expectations on a column's rows that name none but these columns; `granted` ones in conditions only."""
    from great_expectations.expectations.expectation import ColumnMapExpectation

    for expectation in given:
        if isinstance(expectation, ColumnMapExpectation) and expectation.column in columns:
            condition = getattr(expectation, "row_condition", None)
            if set(_named(condition and condition.dict(), declared)) <= columns | granted:
                yield expectation


def _named(condition: Any, declared: Sequence[str]) -> Iterator[str]:
    """The columns of a row condition; of one written as text, every word that is a column's name."""
    if not isinstance(condition, dict):
        return
    if "column" in condition:
        yield condition["column"]["name"]
    for word in re.findall(r"\w+", condition.get("pass_through_filter", "")):
        if word in declared:
            yield word
    for part in condition.get("conditions", ()):
        yield from _named(part, declared)
