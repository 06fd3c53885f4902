"""Evidence about a version for tests that need a whole dossier; each gives what it is about and takes the rest as it is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from tests import candidate
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Check, DriftScore, Interval, Quality, Rehearsed, Shadowed
from windtunnel.core.window import Window
from windtunnel.ml.dossier import Evidence, Month, Step
from windtunnel.ml.holdout import Day, Errors, Holdout, Slice
from windtunnel.ml.test_score import Dated, Facts, TestScore, score

SPEC = model_spec("flights")
AT = datetime(2013, 5, 2, 6, 30, tzinfo=UTC)
BETTER = {"estimate": -0.03, "low": -0.05, "high": -0.01}
WHOLE = frozenset(SPEC.features)


def rehearsed(**given: Any) -> Rehearsed:
    """It served as it should."""
    usual: dict[str, Any] = {
        "registered": candidate.registered(),
        "passed": True,
        "sentence": "It served, and answered every question as it should.",
        "checks": [Check(name="golden-rows", passed=True, sentence="64 golden rows are answered as offline.")],
        "golden_rows": 64,
        "largest_difference": 2e-6,
        "seconds_to_serve": 4.2,
        "report": "s3://windtunnel/rehearsals/flights/V1.1.2/rehearsal.json",
    }
    return Rehearsed.model_validate(usual | given)


def shadowed(**given: Any) -> Shadowed:
    """A first release, unless a champion is given."""
    usual: dict[str, Any] = {
        "rehearsed": given.get("rehearsed") or rehearsed(),
        "champion": None,
        "passed": True,
        "sentence": "A first release: nothing was in service to stand beside.",
        "checks": [],
        "requests": 0,
        "labelled": 0,
        "report": None,
    }
    return Shadowed.model_validate(usual | given)


def beside_a_champion(**gate: Any) -> dict[str, Any]:
    """The parts of an evidence that has a champion; the gate promotes it unless it is given other answers."""
    checks = [
        Check(name="overall", passed=True, sentence="It is better than V1.1.0.", numbers={**BETTER, "rows": 28_330}),
        Check(
            name="slice:origin=EWR", passed=True, sentence="RMSE 17 instead of 18.", numbers={**BETTER, "rows": 9_000}
        ),
        Check(name="slice:carrier=OO", passed=None, sentence="Shown, not judged.", numbers={**BETTER, "rows": 4}),
    ]
    usual = {"champion": "V1.1.0", "better": Interval(**BETTER), "checks": checks, "sentence": "It may replace V1.1.0."}
    judged = candidate.gate(**usual | gate)
    version = candidate.registered(gate=judged, evaluated=candidate.evaluated(champion=candidate.champion()))
    return {
        "shadowed": shadowed(rehearsed=rehearsed(registered=version), champion="V1.1.0", requests=1204, labelled=212),
        "champion": candidate.champion(),
        "champion_evaluated": candidate.evaluated(plan=candidate.plan(code_sha256="e" * 64)),
    }


def month(label: str, **given: Any) -> Month:
    """A month that met all that was expected."""
    usual: dict[str, Any] = {
        "month": Window.month(label),
        "tag": "d4",
        "rows": 28_330,
        "quarantined": 0,
        "reasons": {},
        "expectations": 29,
        "met": 29,
        "unmet": [],
        "columns": sorted(WHOLE),
        "report": f"s3://windtunnel/reports/ingest/flights/{label}/audit.html",
    }
    return Month.model_validate(usual | given)


def holdout(**given: Any) -> Holdout:
    """Two days, two slices."""
    quality = Quality(mse=338.6, rmse=18.4, mae=12.1, r2=0.81, rows=28_330)
    usual: dict[str, Any] = {
        "errors": [Errors(name="this version", quality=quality, rmse=Interval(estimate=18.4, low=17.1, high=20.2))],
        "days": [
            Day(day=date(2013, 4, at), rows=900, rmse={"this version": 17.0 + at, "champion": 18.0 + at})
            for at in (1, 2)
        ],
        "slices": [
            Slice(column="origin", value="EWR", rows=9_000, rmse=17.5, champion_rmse=18.0),
            Slice(column="carrier", value="OO", rows=4, rmse=25.0, champion_rmse=24.0),
        ],
        "more_slices": {},
    }
    return Holdout.model_validate(usual | given)


def scored(found: Shadowed, **given: Any) -> TestScore:
    """The score of a version of which every report lies at its address, written an hour before."""
    registered = found.rehearsed.registered
    reports = [registered.gate.report, registered.evaluated.evaluation, found.rehearsed.report, "data", found.report]
    usual: dict[str, Any] = {
        "spec": SPEC,
        "shadowed": found,
        "expected": WHOLE,
        "data_report": "data",
        "importance": {},
        "rollout": None,
        "drill": None,
        "written_at": {address: AT.replace(hour=5) for address in reports if address},
        "now": AT,
    }
    return score(Facts(**usual | given))


def evidence(**given: Any) -> Evidence:
    """A first release of which everything is known."""
    usual: dict[str, Any] = {
        "shadowed": shadowed(),
        "at": AT,
        "months": [month("2013-03"), month("2013-04")],
        "holdout": holdout(),
        "contributions": {"dep_delay": 17.4, "distance": 1.2},
        "drift": {
            "carrier": DriftScore(method="jensenshannon", score=0.02, reference_rows=80_000, current_rows=28_000)
        },
        "lineage": [Step(what="image", name=candidate.plan().image, address=None, digest=None)],
        "cost": None,
        "champion": None,
        "champion_evaluated": None,
    }
    made = usual | given
    return Evidence.model_validate({"score": scored(made["shadowed"]), **made})


def dated(days_before: int) -> Dated:
    """Something that was written so many days before the dossier."""
    return Dated(
        f"s3://windtunnel/drills/{days_before}.json", datetime.fromtimestamp(AT.timestamp() - days_before * 86_400, UTC)
    )
