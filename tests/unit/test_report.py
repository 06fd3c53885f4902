"""The monitoring page: says it is a sample, opens offline, draws whatever there is, runs nothing that came with the data."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests import candidate
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import CollectedPredictions, MeasuredPredictions
from windtunnel.core.window import Window
from windtunnel.ml.drift import drift_score, drift_scores
from windtunnel.ml.page import LONGEST_NAME, plain
from windtunnel.ml.quality import quality_of
from windtunnel.ml.report import MOST_CATEGORIES, OTHERS, Rendered, render

SPEC = model_spec("flights")
COLUMNS = (*SPEC.features, SPEC.target)
PAYLOADS = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=alert(1)>",
    "'\"><svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">UA</a>',
    "<!--<script>",
)


def table(rows: int, *, seed: int = 1, **replaced: Any) -> pa.Table:
    """Rows of the flights' types, with labels and predictions."""
    random = np.random.default_rng(seed)
    kinds = {name: SPEC.column(name).kind for name in COLUMNS}
    columns: dict[str, Any] = {
        name: random.choice(["UA", "AA", "B6"], rows)
        if kind == "string"
        else random.integers(0, 700, rows)
        if kind == "int64"
        else random.normal(5, 30, rows)
        for name, kind in kinds.items()
    }
    start = np.datetime64("2013-05-01T00:00:00", "us")
    columns[SPEC.event_time] = np.sort(start + random.integers(0, 7 * 86400, rows) * np.timedelta64(1, "s"))
    columns["prediction"] = columns[SPEC.target] + random.normal(0, 5, rows)
    return pa.table({**columns, **replaced})


def rendered(current: pa.Table, training: pa.Table | None = None, holdout: pa.Table | None = None) -> Rendered:
    training = table(2000, seed=2) if training is None else training
    holdout = table(1500, seed=3) if holdout is None else holdout
    return render(
        measured(current, training, holdout),
        SPEC,
        current=current,
        training=training,
        holdout=holdout,
        prediction="prediction",
    )


def measured(current: pa.Table, training: pa.Table, holdout: pa.Table) -> MeasuredPredictions:
    quality, by_day = quality_of(current, moment=SPEC.event_time, target=SPEC.target, prediction="prediction")
    said = drift_score(holdout["prediction"], current["prediction"], "float64")
    assert said is not None
    kinds = {name: SPEC.column(name).kind for name in COLUMNS}
    labels = candidate.dataset(tag="d5", window=Window.month("2013-05"))
    plan = candidate.plan(dataset=labels, train_rows=len(training), holdout_rows=len(holdout))
    champion = candidate.registered(evaluated=candidate.evaluated(plan=plan))
    collected = CollectedPredictions(
        champion=champion,
        labels=labels,
        window=Window.parse("2013-05-01", "2013-05-08"),
        work_key="k",
        rows="s3://b/rows.parquet",
        predictions=len(current),
        labelled=len(current) - current[SPEC.target].null_count,
        pending=0,
        elsewhere=0,
        duplicates=0,
        unjoinable=0,
        unreadable=0,
    )
    return MeasuredPredictions(
        collected=collected,
        quality=quality,
        by_day=by_day,
        drift={**drift_scores(training, current, kinds), "prediction": said},
        scores="s3://b/scores.json",
    )


class Elements(HTMLParser):
    """Every element a browser would make of a page, with the attributes that can load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.active: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.active += [name for name, _ in attrs if name in {"src", "href", "action", "data"} or name.startswith("on")]


@pytest.fixture(scope="module")
def clean() -> Rendered:
    return rendered(table(1200))


def test_the_page_shows_the_exact_numbers_and_says_what_is_a_sample(clean: Rendered) -> None:
    summary = clean.html.partition('<main class="summary">')[2].partition("</main>")[0]
    assert "Version flights/3" in summary
    assert "labels as of d5" in summary
    assert "sample of at most 5,000 rows per side" in summary
    assert "1,200 of 1,200 predictions against 2,000 of 2,000 training rows" in summary
    assert {"RMSE, minutes", "MAE, minutes", "MSE, minutes²", "R²"} <= set(re.findall(r"<div>(.+?)<b>", summary))
    for name in (*COLUMNS, "prediction", "2013-05-01", "2013-05-07"):
        assert f"<td>{name}</td>" in summary


def test_the_json_has_all_three_reports_and_is_strict(clean: Rendered) -> None:
    assert set(clean.json["evidently"]) == {"Data drift", "Regression quality", "Data summary"}
    assert json.loads(json.dumps(clean.json, allow_nan=False)) == clean.json


def test_the_whole_gives_evidently_the_same_scores_as_ours(clean: Rendered) -> None:
    ours = measured(table(1200), table(2000, seed=2), table(1500, seed=3)).drift
    theirs = {
        metric["config"]["column"]: metric["value"]
        for report in ("Data drift", "Regression quality")
        for metric in clean.json["evidently"][report]["metrics"]
        if metric["metric_name"].startswith("ValueDrift")
    }
    assert theirs == {name: pytest.approx(score.score, abs=1e-5) for name, score in ours.items()}


def test_a_sample_is_bounded() -> None:
    found = rendered(table(6000), training=table(7000)).json["sample"]
    assert found["current"] == {"rows": 5000, "of": 6000}
    assert found["training"] == {"rows": 5000, "of": 7000}


def test_the_page_needs_no_network(clean: Rendered) -> None:
    assert Elements(clean.html).active == []
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', clean.html)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]
    assert clean.html.index('<meta charset="UTF-8">') < 1024


def test_nothing_that_came_with_the_data_becomes_an_element(clean: Rendered) -> None:
    carriers = np.resize(PAYLOADS, 1200)
    planted = rendered(
        table(1200, carrier=carriers, dest=carriers),
        training=table(2000, seed=2, origin=carriers[:2000].repeat(2)[:2000]),
    )
    assert Elements(planted.html).tags == Elements(clean.html).tags
    assert Elements(planted.html).active == []
    for payload in PAYLOADS:
        assert payload not in planted.html
        assert payload not in json.dumps(planted.json)


FEW = {
    "one row": table(1),
    "two rows": table(2),
    "constant columns": table(300, dep_delay=np.full(300, 1.0), carrier=np.full(300, "UA")),
    "a feature without values": table(300, dep_delay=pa.nulls(300, pa.float64())),
    "no labels": table(300, arr_delay=pa.nulls(300, pa.float64())),
    "nothing but the prediction": table(
        300,
        **{
            name: pa.nulls(300, pa.string() if SPEC.features and SPEC.column(name).kind == "string" else pa.float64())
            for name in COLUMNS
        },
    ),
    "labels of 0": table(300, arr_delay=np.zeros(300)),
}


@pytest.mark.parametrize("current", FEW.values(), ids=FEW)
def test_whatever_there_is_is_drawn(current: pa.Table) -> None:
    found = rendered(current)
    drawn = set(found.json["evidently"])
    labels = current[SPEC.target].drop_null().to_numpy()
    assert ("Regression quality" in drawn) == (len(labels) > 1 and labels.any())
    assert f"<b>{len(current):,}</b>" in found.html


def test_invented_categories_do_not_make_the_report_dear() -> None:
    found = rendered(table(3000, carrier=np.arange(3000).astype(str)))
    (drawn,) = [
        metric["value"]["counts"]
        for metric in found.json["evidently"]["Data summary"]["metrics"]
        if metric["metric_name"].startswith("UniqueValueCount(column=carrier")
    ]
    assert len(drawn) == MOST_CATEGORIES + 1
    assert drawn[OTHERS] + sum(count for name, count in drawn.items() if name != OTHERS) == 3000
    assert "Of `carrier` only the 150 most frequent categories are drawn." in found.html


def test_errors_in_percent_are_shown_unless_a_label_is_0(clean: Rendered) -> None:
    assert "Absolute Percentage Error" in clean.html
    label = np.append(np.zeros(1), np.arange(1.0, 300))
    assert "Absolute Percentage Error" not in rendered(table(300, arr_delay=label)).html


@pytest.mark.parametrize("name", ["UA", "New York", "2013-05-01", "São Paulo", "a/b:c+d.e"], ids=str)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert plain(name) == name


def test_names_stay_different_and_short() -> None:
    names = ["<", ">", "&", "\\u{3c}", "\u202e", "x" * 100, "x" * 100 + "y", "x" * 99 + "<"]
    shown = [plain(name) for name in names]
    assert len(set(shown)) == len(names)
    assert all(len(name) <= LONGEST_NAME and not set(name) & set("<>&\"'") for name in shown)
