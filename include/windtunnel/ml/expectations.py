"""Great Expectations, quietly: run a list of expectations on a DataFrame, learn what failed and in which rows."""

from __future__ import annotations

import copy
import html
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

# It logs hundreds of lines while it is imported.
logging.getLogger("great_expectations").setLevel(logging.WARNING)

# ruff: noqa: E402
import great_expectations as gx
import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.expectations.expectation import ColumnMapExpectation, Expectation
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView

_LISTED = ("unexpected_list", "unexpected_index_list", "unexpected_index_query")
"""Parts of a result that grow with the rows. Row numbers travel in `flagged`, values in the quarantine."""

_CSP = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; } td, th { border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; }
.fa-check-circle::before { content: "passed"; color: #080; } .fa-times::before { content: "failed"; color: #b00; }
.badge { background: #eee; border-radius: .3rem; padding: 0 .3rem; } .text-danger { color: #b00; } h5 { font-size: 1.1rem; }
nav, footer, .collapse, [data-toggle=collapse] { display: none; }
</style>"""


@dataclass(frozen=True)
class Validated:
    """What a run of expectations found."""

    failed: tuple[str, ...]
    "What the frame as a whole does not meet, in words."
    flagged: dict[str, list[int]]
    "Reason -> index of the rows that do not meet an expectation on rows."
    unmet: tuple[str, ...]
    "Everything that is not met: `failed`, and expectations on rows that more rows miss than their `mostly` allows."
    result: ExpectationSuiteValidationResult

    def page(self, counts: Mapping[str, int] | None = None) -> str:
        """Great Expectations' own page of this result, made to stand alone: nothing is loaded from elsewhere.

        Args:
            counts: Rows by reason; a table of them opens the page.
        """
        escaped = copy.deepcopy(self.result)
        for outcome in escaped.results:  # its templates put values into the page as they are
            outcome.result = _escaped(outcome.result)
        page: str = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(escaped))  # type: ignore[no-untyped-call]
        page = re.sub(r"<script\b.*?</script>|<link\b[^>]*>", "", page, flags=re.DOTALL)
        page = page.replace("<head>", f"<head>{_CSP}", 1).replace("</head>", f"{_STYLE}</head>", 1)
        return page.replace("<body>", f"<body>{_table(counts)}", 1) if counts else page

    def to_json(self) -> dict[str, Any]:
        """The result as JSON types, with counts and samples of what was unexpected."""
        document: dict[str, Any] = self.result.to_json_dict()  # type: ignore[no-untyped-call]
        return document


def validate(frame: pd.DataFrame, expectations: Sequence[Expectation], name: str) -> Validated:
    """Run expectations on a frame. Those on a column's rows flag rows; all others judge the frame as a whole.

    Keep number columns int64 or float64: other widths and times are checked row by row in Python, 7 times slower.

    Args:
        frame: Rows to judge; its index names them.
        expectations: `description` of each, if given, is the reason a person reads.
        name: Title of the page.
    """
    suite = gx.ExpectationSuite(name=name, expectations=list(expectations))
    batch = _definition().get_batch({"dataframe": frame})
    result = batch.validate(suite, result_format={"result_format": "COMPLETE"})
    judged = batch.data.execution_engine.batch_manager  # it would keep every frame it ever judged
    judged.reset_batch_cache()
    judged.batch_data_cache.clear()
    failed: list[str] = []
    unmet: list[str] = []
    flagged: dict[str, list[int]] = {}
    for outcome in result.results:
        expectation = outcome.expectation_config.to_domain_obj()
        reason = _reason(expectation)
        on_rows = isinstance(expectation, ColumnMapExpectation)
        if rows := outcome.result.get("unexpected_index_list"):
            flagged[reason] = sorted({*flagged.get(reason, ()), *(int(row) for row in rows)})
        if not outcome.success:
            unmet.append(f"{reason}: {_finding(outcome)}")
        if not outcome.success and not (on_rows and rows):
            failed.append(unmet[-1])
        _shorten(outcome)
    return Validated(tuple(failed), flagged, tuple(unmet), result)


def columns_are(columns: Sequence[str]) -> Expectation:
    """Exactly these columns, in this order."""
    return gxe.ExpectTableColumnsToMatchOrderedList(
        column_list=list(columns), description="The columns are those of the spec"
    )


def has_rows() -> Expectation:
    """At least one row."""
    return gxe.ExpectTableRowCountToBeBetween(min_value=1, description="The file has a row")


def numbers_to_64_bit(rows: pd.DataFrame) -> pd.DataFrame:
    """A frame whose times are seconds since 1970 as float64, for expectations; text and 64-bit numbers stay."""
    times = rows.select_dtypes("datetime").columns
    seconds = {name: (rows[name] - pd.Timestamp(0)).dt.total_seconds() for name in times}
    return rows.assign(**seconds)


@cache
def _definition() -> Any:
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    asset = context.data_sources.add_pandas("windtunnel").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("all")


def _reason(expectation: Expectation) -> str:
    if expectation.description:
        return str(expectation.description)
    named = {
        key: value
        for key, value in expectation.configuration.kwargs.items()
        if key not in ("column", "batch_id") and value is not None
    }
    column = getattr(expectation, "column", None)
    words = expectation.expectation_type.removeprefix("expect_").replace("_", " ")
    return " ".join(filter(None, [f"`{column}`:" if column else "", words, str(named) if named else ""]))


def _finding(outcome: ExpectationValidationResult) -> str:
    if count := outcome.result.get("unexpected_count"):
        return f"{count} of {outcome.result['element_count']} rows do not"
    if "observed_value" in outcome.result:
        return f"it is {_plain(outcome.result['observed_value'])}"
    # The exception that kept it from being judged stands either here or under an id of its own.
    info = outcome.exception_info
    nested = [info, *(value for value in info.values() if isinstance(value, dict))]
    return next((str(found["exception_message"]) for found in nested if found.get("exception_message")), "not judged")


def _shorten(outcome: ExpectationValidationResult) -> None:
    for part in _LISTED:
        outcome.result.pop(part, None)
    if "observed_value" in outcome.result:  # the page cannot format NumPy's numbers
        outcome.result["observed_value"] = _plain(outcome.result["observed_value"])


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {key: _escaped(part) for key, part in value.items()}
    return [_escaped(part) for part in value] if isinstance(value, list) else value


def _table(counts: Mapping[str, int]) -> str:
    lines = "".join(f"<tr><td>{html.escape(reason)}</td><td>{count:,}</td></tr>" for reason, count in counts.items())
    return f"<h2>Rows to quarantine</h2><table><tr><th>Reason</th><th>Rows</th></tr>{lines}</table>"
