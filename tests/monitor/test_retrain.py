"""From captured requests to a retrain by itself, stage by stage, on real flights and with a planted bad champion."""

from __future__ import annotations

from typing import Any

import pytest

from tests import candidate
from tests.monitor.live_model import MARCH, SPEC, collected, publish, rows_of
from tests.monitor.offline import rescored
from tests.release.made import gated
from windtunnel.aws import ledger, parquet
from windtunnel.core.contracts import Gated, Verdict
from windtunnel.core.window import Window
from windtunnel.ml import joined
from windtunnel.stages.ask import ask
from windtunnel.stages.conclude import conclude
from windtunnel.stages.detect import detect
from windtunnel.stages.inspect import inspect
from windtunnel.stages.measure import measure
from windtunnel.stages.plan import plan
from windtunnel.stages.register import register

APRIL = Window.month("2013-04")
BAD_MINUTES = 30.0

pytestmark = pytest.mark.usefixtures("lake_of_its_own")


def concluded(shift: float, rows: int) -> Verdict:
    """The verdict on April of a champion that is off by so many minutes, beside a control that is not."""
    made = collected(APRIL, shift=shift, rows=rows)
    served = parquet.read(made.rows)[joined.PREDICTION].to_numpy()
    rescoring = rescored(made, control=served - shift)
    return conclude(made, measure(rescoring), detect(made), inspect(rescoring))


def test_a_bad_champion_is_trained_anew_through_the_same_gate() -> None:
    verdict = concluded(BAD_MINUTES, rows=2_000)
    assert (verdict.word, verdict.asks) == ("retrain", True)
    assert len(verdict.findings) == 4
    assert all(found.worse and found.outdone_by == "V1.1.0" for found in verdict.findings)
    assert (
        "and so it was in 4 of the last 4 windows with labels; V1.1.0 before it was surely better" in verdict.sentence
    )

    request = ask(verdict, "monitor:first")
    assert request is not None
    publish(MARCH, rows_of(MARCH).iloc[::50])
    planned = plan(SPEC.name, None, request)
    assert planned is not None, "January to March, judged on April"
    assert (planned.requested_by, planned.reason, planned.force) == ("monitor", verdict.sentence, False)
    assert planned.work_key == plan(SPEC.name, None, None).work_key, "the same work as of new data"  # type: ignore[union-attr]

    of_these_versions = planned.model_copy(update={"folder_sha256": candidate.plan().folder_sha256})
    evaluated = candidate.evaluated(
        plan=of_these_versions, evaluation=planned.train_manifest.replace("train.manifest", "e.json")
    )
    stopped = candidate.gated(evaluated=evaluated, gate=candidate.gate(answer="reject", report=evaluated.evaluation))
    assert register(stopped) is None, "a verdict forces nothing"
    made = register(candidate.gated(evaluated=evaluated, gate=candidate.gate(report=evaluated.evaluation)))
    assert made is not None
    record = ledger.history(SPEC.name, made.version).record
    assert (record.version, record.requested_by) == ("V1.1.2", "monitor"), "the third number rises by itself"
    assert record.reason == verdict.sentence


def test_a_good_champion_is_left_alone() -> None:
    verdict = concluded(0.0, rows=600)
    assert verdict.word == "ignore"
    assert not any(found.outdone_by for found in verdict.findings)
    assert ask(verdict, "monitor:first") is None


@pytest.mark.parametrize(("first", "second"), [("ingest", "monitor"), ("monitor", "ingest")])
def test_new_data_and_a_verdict_that_ask_for_the_same_work_send_one_version_on(first: str, second: str) -> None:
    one, other = (asked_by(first), asked_by(second))
    made = register(one)
    assert made is not None
    assert register(other) is None
    assert register(one) == made, "a retry"
    assert [record.requested_by for record in ledger.versions(SPEC.name)] == [first]


def test_a_person_who_asks_for_work_that_is_done_gets_it() -> None:
    made = register(asked_by("ingest"))
    assert register(asked_by("sam")) == made


def asked_by(name: str, **given: Any) -> Gated:
    """The same work, whoever asks for it."""
    made = gated("The same.", **given)
    plan = made.evaluated.plan.model_copy(update={"requested_by": name})
    return made.model_copy(update={"evaluated": made.evaluated.model_copy(update={"plan": plan})})
