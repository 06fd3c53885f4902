"""The monitoring page: says it is a sample, opens offline, draws whatever there is, runs nothing that came with the data."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import roc_auc_score

from tests import candidate, looks
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import ColumnDrift
from windtunnel.core.spec import ModelSpec, Task
from windtunnel.ml import sides
from windtunnel.ml.drift import drift_score, drift_scores
from windtunnel.ml.joined import DAY, PREDICTION, VERSION
from windtunnel.ml.look import Look, document
from windtunnel.ml.page import LONGEST_NAME, plain
from windtunnel.ml.report import MOST_CATEGORIES, OTHERS, Rendered, render

SPEC = model_spec("flights")
COLUMNS = (*SPEC.features, SPEC.target)
SMALL = SPEC.model_copy(update={"features": ("dep_delay", "carrier")})
"""Where the number of columns does not matter: each costs Evidently 0.1 s."""
CHAMPION = candidate.registered().version
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
    columns[DAY] = columns[SPEC.event_time].astype("datetime64[D]")
    columns[VERSION] = np.full(rows, CHAMPION)
    columns[PREDICTION] = columns[SPEC.target] + random.normal(0, 5, rows)
    return pa.table({**columns, **replaced})


def rendered(
    current: pa.Table,
    training: pa.Table | None = None,
    holdout: pa.Table | None = None,
    *,
    look: Look | None = None,
    spec: ModelSpec = SPEC,
) -> Rendered:
    """The report of a week, from three parts of its rows."""
    training = table(2000, seed=2) if training is None else training
    holdout = table(1500, seed=3) if holdout is None else holdout
    third = -(-len(current) // 3)
    parts = [current.slice(start, third) for start in range(0, len(current), third)]
    drawn = sides.Sides(
        *sides.current(lambda columns: (part.select(columns) for part in parts), spec, version=CHAMPION, seed="k"),
        sides.training(lambda _: iter([training]), spec, seed="k"),
        sides.holdout(lambda _: iter([holdout]), spec, seed="k"),
    )
    return render(look or looks.look(), spec, drawn)


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


def head(page: str) -> str:
    """The exact numbers, above Evidently's."""
    return page.partition('<main class="summary">')[2].partition("</main>")[0]


@pytest.fixture(scope="module")
def clean() -> Rendered:
    return rendered(table(1200))


def test_the_verdict_comes_first_and_then_the_exact_numbers(clean: Rendered) -> None:
    found = head(clean.html)
    assert '<div class="verdict watch"><b>WATCH</b><p><code>answers</code> did not pass: mend' in found
    assert (
        found.index("WATCH") < found.index("As of labels until 7 May 2013 (d5, snapshot") < found.index("rmse, minutes")
    )
    assert "1,180 (98.3%)" in found
    assert "Expected of so many days by the champion&#x27;s holdout: 18.4000, 15.0000 to 20.5000. It is worse" in found
    assert "Against the control V1.1.1 on the same rows: −2.0% (−5.0% to +1.0%)" in found  # noqa: RUF001
    assert "1 of 3 columns has drifted: dep_delay." in found
    assert "would have fired <b>1 of 52</b> times" in found
    row = "<td>dep_delay</td><td class=n>0.42000</td><td class=n>0.21000</td><td class=n>2.00</td><td>wasserstein</td>"
    assert row in found
    assert '<td>answers</td><td><b class="bad">failed</b></td><td>40 of 1,200 served answers' in found
    assert "1,200 of 1,200 requests against 2,000 of 2,000 training rows" in found


def test_what_nothing_is_known_of_is_said_in_words() -> None:
    quality = looks.quality(labelled=0, metrics={}, expected=None, control=None, worse=None, mature=False)
    drift = looks.drift(columns=(), untested="`12` rows are fewer than `200`: nothing was tested.")
    collected = looks.collected(control=None, labels_until=None)
    rescoring = looks.rescoring(collected=collected)
    shown = looks.look(rescoring=rescoring, quality=quality, drift=drift, checks=looks.checks(checks=(), report=None))
    found = head(rendered(table(12), spec=SMALL, look=shown).html)
    for words in ("No label has come yet", "until no day yet", "rows are fewer than", "No check fits", "none</b>"):
        assert words in found


def test_the_json_has_every_number_and_what_it_comes_from(clean: Rendered) -> None:
    assert json.loads(json.dumps(clean.json, allow_nan=False)) == clean.json
    known = document(looks.look())
    assert clean.json == {**known, **{name: clean.json[name] for name in ("note", "sample", "evidently")}}
    assert [(score["column"], score["ratio"]) for score in known["scores"]] == [
        ("dep_delay", 2.0),
        ("carrier", 0.5),
        ("distance", 0.0),
    ]
    assert known["by_day"] == {
        "2013-05-01": {"rows": 590, "mae": 20.5, "rmse": 20.5},
        "2013-05-02": {"rows": 590, "mae": 21.5, "rmse": 21.5},
    }
    assert known["computed_from"]["quality"] == {"table": "windtunnel.flights_quality", "snapshot_id": "21"}
    assert set(clean.json["evidently"]) == {
        "Data drift",
        "Target drift",
        "Prediction drift",
        "Regression quality",
        "Data summary",
    }


def test_the_same_is_drawn_the_same(clean: Rendered) -> None:
    assert rendered(table(1200)) == clean


def values(found: Rendered) -> dict[str, float]:
    """Evidently's score by column."""
    return {
        metric["config"]["column"]: metric["value"]
        for report in ("Data drift", "Target drift", "Prediction drift")
        for metric in found.json["evidently"][report]["metrics"]
        if metric["metric_name"].startswith("ValueDrift")
    }


def test_the_whole_gives_evidently_the_same_scores_as_ours(clean: Rendered) -> None:
    current, training, holdout = table(1200), table(2000, seed=2), table(1500, seed=3)
    ours = drift_scores(training, current, {name: SPEC.column(name).kind for name in COLUMNS})
    said = drift_score(holdout[PREDICTION], current[PREDICTION], "float64")
    assert said is not None
    expected = {**ours, PREDICTION: said}
    assert values(clean) == {name: pytest.approx(score.score, abs=1e-5) for name, score in expected.items()}


def test_evidently_is_given_our_thresholds() -> None:
    rows = {"reference_rows": 2000, "current_rows": 1200}
    ours = {"dep_delay": 0.0001, "carrier": 0.8, PREDICTION: 0.9, SPEC.target: 0.7}
    columns = tuple(
        ColumnDrift(
            column=name,
            method="jensenshannon" if name == "carrier" else "wasserstein",
            score=0.5,
            threshold=limit,
            **rows,
        )
        for name, limit in ours.items()
    )
    found = rendered(table(1200), spec=SMALL, look=looks.look(drift=looks.drift(columns=columns)))
    thresholds = {
        metric["config"]["column"]: metric["config"]["threshold"]
        for report in ("Data drift", "Target drift", "Prediction drift")
        for metric in found.json["evidently"][report]["metrics"]
        if metric["metric_name"].startswith("ValueDrift")
    }
    assert {name: thresholds[name] for name in ours} == ours


def test_answers_of_other_versions_are_no_answers_of_the_champion() -> None:
    versions = np.where(np.arange(1200) < 900, "V1.1.1", CHAMPION)
    found = rendered(table(1200, version=versions), spec=SMALL).json["sample"]
    assert {name: found[name]["of"] for name in ("asked", "answered", "labelled")} == {
        "asked": 1200,
        "answered": 300,
        "labelled": 300,
    }


RANKED: tuple[Task, ...] = ("classification", "anomaly")


@pytest.mark.parametrize("task", RANKED)
def test_each_task_has_its_quality(task: Task) -> None:
    spec = SMALL.model_copy(update={"task": task})

    def ranked(rows: int, seed: int) -> pa.Table:
        random = np.random.default_rng(seed)
        label = (random.random(rows) < 0.1).astype(float)
        scale = 1 if task == "classification" else 40
        return table(rows, seed=seed, arr_delay=label, prediction=(0.4 * label + 0.6 * random.random(rows)) * scale)

    found = rendered(ranked(1200, 1), ranked(2000, 2), ranked(1500, 3), spec=spec)
    title = f"{task.capitalize()} quality"
    roc_auc = [
        metric["value"]
        for metric in found.json["evidently"][title]["metrics"]
        if metric["metric_name"].startswith("RocAuc(")
    ]
    rows = ranked(1200, 1)
    assert roc_auc == [pytest.approx(roc_auc_score(rows[SPEC.target].to_numpy(), rows[PREDICTION].to_numpy()))]
    none = rendered(table(300, arr_delay=np.zeros(300)), ranked(2000, 2), ranked(1500, 3), spec=spec)
    assert title not in none.json["evidently"], "one class alone has no quality to draw"


def test_a_sample_is_bounded() -> None:
    found = rendered(table(6000), training=table(7000), spec=SMALL).json["sample"]
    assert found["asked"] == {"rows": 5000, "of": 6000}
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
    "answers without end": table(300, prediction=np.where(np.arange(300) % 2, np.inf, 5.0)),
    "no finite answer": table(300, prediction=np.full(300, np.nan)),
    "labels of 0": table(300, arr_delay=np.zeros(300)),
}


@pytest.mark.parametrize("current", FEW.values(), ids=FEW)
def test_whatever_there_is_is_drawn(current: pa.Table) -> None:
    found = rendered(current, spec=SMALL)
    drawn = set(found.json["evidently"])
    usable = current.filter(pc.is_finite(current[PREDICTION]))[SPEC.target].drop_null().to_numpy()
    assert ("Regression quality" in drawn) == (len(usable) > 1 and usable.any())
    assert found.json["sample"]["asked"] == {"rows": len(current), "of": len(current)}


def test_invented_categories_do_not_make_the_report_dear() -> None:
    found = rendered(table(3000, carrier=np.arange(3000).astype(str)), spec=SMALL)
    (drawn,) = [
        metric["value"]["counts"]
        for metric in found.json["evidently"]["Data summary"]["metrics"]
        if metric["metric_name"].startswith("UniqueValueCount(column=carrier")
    ]
    assert len(drawn) == MOST_CATEGORIES + 1
    assert drawn[OTHERS] + sum(count for name, count in drawn.items() if name != OTHERS) == 3000
    assert "Of <code>carrier</code> only the 150 most frequent categories are drawn." in found.html


def test_errors_in_percent_are_shown_unless_a_label_is_0(clean: Rendered) -> None:
    assert "Absolute Percentage Error" in clean.html
    label = np.append(np.zeros(1), np.arange(1.0, 300))
    assert "Absolute Percentage Error" not in rendered(table(300, arr_delay=label), spec=SMALL).html


@pytest.mark.parametrize("name", ["UA", "New York", "2013-05-01", "São Paulo", "a/b:c+d.e"], ids=str)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert plain(name) == name


def test_names_stay_different_and_short() -> None:
    names = ["<", ">", "&", "\\u{3c}", "\u202e", "x" * 100, "x" * 100 + "y", "x" * 99 + "<"]
    shown = [plain(name) for name in names]
    assert len(set(shown)) == len(names)
    assert all(len(name) <= LONGEST_NAME and not set(name) & set("<>&\"'") for name in shown)
