"""The reports of a real month, against the embedded AWS: what they say can be computed again from what is stored."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error

from tests import looks
from tests.monitor.live_model import MARCH, SPEC, Traffic, collected, departed, watched
from tests.monitor.offline import rescored
from windtunnel.aws import lake, measurements, objects, parquet
from windtunnel.core import catalog
from windtunnel.core.contracts import InspectedRequests, MonitoringReport, Rescoring, Verdict
from windtunnel.core.window import Window
from windtunnel.models.flights import spec as flights
from windtunnel.stages.absorb import absorb
from windtunnel.stages.collect import collect
from windtunnel.stages.conclude import conclude
from windtunnel.stages.detect import detect
from windtunnel.stages.inspect import inspect
from windtunnel.stages.measure import measure
from windtunnel.stages.report import report

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def drawn(rescoring: Rescoring, **given: object) -> MonitoringReport:
    """The reports of what was measured and detected, with a verdict."""
    measured, detected = measure(rescoring), detect(rescoring.collected)
    newest = rescoring.collected.windows[-1]
    verdict = Verdict.model_validate(looks.verdict().model_dump() | {"window": newest, "findings": ()} | given)
    inspected = InspectedRequests(windows=tuple(looks.checks(window=each) for each in rescoring.collected.windows))
    return report(rescoring, measured, detected, inspected, verdict)


@contextmanager
def monitoring(**changed: object) -> Iterator[None]:
    """`flights` with other settings of its monitoring."""
    given = SPEC.monitoring.model_copy(update={"report_rows": 300, **changed})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flights, "SPEC", SPEC.model_copy(update={"monitoring": given}))
        catalog.model_spec.cache_clear()
        yield
    catalog.model_spec.cache_clear()


@pytest.fixture
def seasonal() -> Iterator[None]:
    """Three windows a month, each compared with the training rows of the carriers that it has."""
    with monitoring(window_days=10, season=("carrier",)):
        yield


@pytest.fixture
def one_window() -> Iterator[None]:
    """A window is a month."""
    with monitoring(window_days=28):
        yield


@pytest.mark.usefixtures("seasonal")
def test_every_number_can_be_computed_again() -> None:
    rescoring = rescored(collected(rows=900))
    made = drawn(rescoring)
    assert list(made.reports) == [window.label for window in rescoring.collected.windows]
    assert made.newest == made.reports["2013-03-21_2013-04-01"]
    assert b"WATCH" in objects.get(made.newest["html"])

    said = objects.get_json(made.newest["json"])
    sources = said["computed_from"]
    rows = parquet.read(sources["rows"]).to_pandas()
    rows = rows[rows["day"] >= date(2013, 3, 21)]
    labelled = rows.dropna(subset=[SPEC.target])
    true, served = labelled[SPEC.target], labelled["prediction"]
    assert said["quality"]["predictions"] == len(rows)
    assert said["quality"]["metrics"] == {
        "mse": pytest.approx(mean_squared_error(true, served)),
        "rmse": pytest.approx(root_mean_squared_error(true, served)),
        "mae": pytest.approx(mean_absolute_error(true, served)),
        "r2": pytest.approx(r2_score(true, served)),
    }
    assert len(said["by_day"]) == 11
    for day, found in said["by_day"].items():
        of_day = labelled[labelled["day"] == date.fromisoformat(day)]
        assert found["rows"] == len(of_day)
        assert found["rmse"] == pytest.approx(root_mean_squared_error(of_day[SPEC.target], of_day["prediction"]))

    known = sources["reference"]
    window = Window.model_validate(known["window"])
    reference = lake.rows(known["table"], known["snapshot_id"], window).to_pandas()
    trained = reference[(reference[SPEC.eligible] == 1) & reference[SPEC.target].notna()]
    of_season = trained[trained["carrier"].isin(rows["carrier"])]
    assert len(of_season) < len(trained), "some carriers flew only in January"
    moved = stats.wasserstein_distance(of_season["dep_delay"], rows["dep_delay"]) / of_season["dep_delay"].std(ddof=0)
    scores = {(score["column"], score["method"]): score for score in said["scores"]}
    assert scores["dep_delay", "wasserstein"]["score"] == pytest.approx(moved)
    table = measurements.read(SPEC.name, "drift", rescoring.collected.span, sources["drift"]["snapshot_id"])
    assert table is not None
    assert len(scores) == table.to_pandas()["window_start"].eq(pd.Timestamp("2013-03-21")).sum()

    assert said["sample"]["asked"] == {"rows": 300, "of": len(rows)}
    assert said["sample"]["training"] == {"rows": 300, "of": len(of_season)}
    metrics = [
        metric["config"] for metric in said["evidently"]["Data drift"]["metrics"] if "column" in metric["config"]
    ]
    thresholds = {config["column"]: config["threshold"] for config in metrics}
    assert thresholds["dep_delay"] == scores["dep_delay", "wasserstein"]["threshold"]


@pytest.mark.usefixtures("one_window")
def test_what_was_drawn_is_not_drawn_again_and_another_verdict_is(caplog: pytest.LogCaptureFixture) -> None:
    rescoring = rescored(collected(rows=300))
    with caplog.at_level(logging.INFO, "windtunnel.stages.report"):
        made, again = drawn(rescoring), drawn(rescoring)
    assert again == made
    first, second = (record.getMessage() for record in caplog.records if " drawn, " in record.getMessage())
    assert first.startswith("report: 1 drawn, 0 stood there already")
    assert second.startswith("report: 0 drawn, 1 stood there already")
    other = drawn(rescoring, word="ignore", sentence="All is well.")
    assert not {each["html"] for each in other.reports.values()} & {each["html"] for each in made.reports.values()}
    assert b"All is well." in objects.get(other.newest["html"])


@pytest.mark.usefixtures("one_window")
def test_answers_that_are_no_numbers_are_told_and_stop_nothing() -> None:
    champion, control, labels = watched(rows=900)
    traffic = Traffic()
    traffic.fly(departed(MARCH).iloc[[1, 3]], [math.nan, math.inf])
    traffic.capture()
    made = collect(champion, control, MARCH, labels, absorb(SPEC.name))
    assert made is not None
    assert (made.counts.predictions, made.counts.unreadable) == (902, 0)
    rescoring = rescored(made)
    measured, detected, inspected = measure(rescoring), detect(made), inspect(rescoring)
    assert all(math.isfinite(value) for value in measured.windows[0].metrics.values())
    (failed,) = inspected.windows[0].failed
    assert (failed.name, failed.numbers["wrong"]) == ("finite", 2)
    verdict = conclude(made, measured, detected, inspected)
    assert verdict.word == "watch"
    assert "`finite` (2 of 902 answers are no finite number; allowed is none)" in verdict.sentence
    page = objects.get(report(rescoring, measured, detected, inspected, verdict).newest["html"])
    assert b"2 of 902 answers are no finite number" in page
