"""The program `evaluate` beside a champion: asked about the same rows, and what is said when it cannot answer."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.model.test_evaluation import arguments, reason_of, report_of
from tests.model.trials import HOLDOUT, TRAIN, Predict, pack, run
from windtunnel.core.errors import ArtefactInvalid, SettingInvalid
from windtunnel.ml import artefact, rows
from windtunnel.ml.champion import Champion, answers, read_champion
from windtunnel.ml.container import Container
from windtunnel.ml.evaluation import evaluate
from windtunnel.ml.matrix import columns
from windtunnel.ml.metrics import quality
from windtunnel.ml.scorer import scorer_of
from windtunnel.models.flights.spec import SPEC
from windtunnel.serving import latency


def beside(container: Container, champion: Path, sha256: str) -> list[str]:
    """Lay the champion's archive into the job, and what the job's arguments say of it."""
    container.processing("champion").mkdir()
    pack(champion, container.processing("champion") / "model.tar.gz")
    return [*arguments(), "--champion-version", "V1.1.0", "--champion-sha256", sha256]


def test_the_champion_answers_the_same_rows(evaluation: Container, another: Container) -> None:
    champion = artefact.read(another.model)
    ended = run("evaluate", evaluation, *beside(evaluation, another.model, champion.sha256))
    assert ended.returncode == 0, ended.stderr
    found = report_of(evaluation)
    assert found.champion is not None
    assert (found.champion.version, found.champion.artefact_sha256) == ("V1.1.0", champion.sha256)
    assert found.champion.why_not is None

    told = pd.read_parquet(evaluation.processing("evaluation") / "holdout.parquet")
    said = scorer_of(champion).score(columns(rows.features(told, SPEC)))
    assert told["champion_prediction"].to_numpy() == pytest.approx(said)
    assert found.metrics["champion_rmse"] == pytest.approx(quality(told["arr_delay"], said).rmse)
    assert found.metrics["champion_rmse"] > found.metrics["rmse"]  # it has a tenth of the trees


def test_another_artefact_than_the_one_in_service_fails_the_job(evaluation: Container, another: Container) -> None:
    assert run("evaluate", evaluation, *beside(evaluation, another.model, "0" * 64)).returncode == 1
    assert reason_of(evaluation).startswith("ArtefactInvalid: The artefact in")
    assert f"expected is `{'0' * 64}`" in reason_of(evaluation)
    assert not evaluation.processing("evaluation").exists()


def test_an_altered_champion_fails_the_job(another: Container, tmp_path: Path) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(another.model, altered)
    (altered / "signature.json").write_bytes((altered / "signature.json").read_bytes() + b" ")
    pack(altered, tmp_path / "model.tar.gz")
    with pytest.raises(ArtefactInvalid, match=r"`signature.json` in .* was altered"):
        read_champion(tmp_path, "V1.1.0", artefact.read(another.model).sha256)


def test_half_of_a_champion_is_refused(evaluation: Container) -> None:
    with pytest.raises(SettingInvalid, match="give both or none"):
        evaluate(evaluation, [*arguments(), "--champion-version", "V1.1.0"], latency.measure)


@pytest.fixture
def changed(another: Container, tmp_path: Path) -> Callable[[str, str, str], Champion]:
    """A champion whose signature says something else, under the digests of exactly that."""

    def change(old: str, new: str, name: str = "signature.json") -> Champion:
        folder = tmp_path / "changed"
        shutil.copytree(another.model, folder)
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))
        listing = json.loads((folder / "artefact.json").read_text())
        listing[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        (folder / "artefact.json").write_text(json.dumps(listing))
        pack(folder, tmp_path / "model.tar.gz")
        return read_champion(tmp_path, "V1.1.0", hashlib.sha256((folder / "artefact.json").read_bytes()).hexdigest())

    return change


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"distance"', '"runway"', "It takes `runway`, which the rows do not have."),
        (
            '"arr_delay"',
            '"taxi_time"',
            "It predicts `taxi_time` in minutes, the model is now about `arr_delay` in minutes.",
        ),
        ('"unit"', '"measure"', "was made by another version of windtunnel"),
    ],
    ids=["another feature", "another target", "another form"],
)
def test_a_champion_that_cannot_answer_is_said_to_and_fails_nothing(
    changed: Callable[[str, str], Champion], snapshot: Path, old: str, new: str, reason: str
) -> None:
    champion = changed(old, new)
    table = rows.read_window(snapshot, SPEC, HOLDOUT, champion.features)
    said, scored = answers(champion, table, SPEC)
    assert said is None
    assert scored.why_not is not None
    assert reason in scored.why_not


def test_a_champion_may_take_a_column_that_its_challenger_no_longer_does(
    evaluation: Container, trained: Container, snapshot: Path, predict: Predict
) -> None:
    champion = read_champion(evaluation.processing("model"), "V1.1.0", artefact.read(trained.model).sha256)
    fewer = SPEC.model_copy(update={"features": tuple(name for name in SPEC.features if name != "distance")})
    assert "distance" not in rows.read_window(snapshot, fewer, TRAIN)
    table = rows.read_window(snapshot, fewer, HOLDOUT, champion.features)
    said, scored = answers(champion, table, fewer)
    assert scored.why_not is None
    assert said == pytest.approx(predict(table).to_numpy())
