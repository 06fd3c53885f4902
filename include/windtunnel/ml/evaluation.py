"""Evaluation: candidate, champion and baselines on rows none has seen. The program `evaluate` of the model image.

It measures and does not judge: what the gate makes of the figures stands in `ml/gate.py`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Quality
from windtunnel.core.errors import WindowInvalid
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.ml import baselines, rows
from windtunnel.ml.arguments import Arguments, pair
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.candidate import Candidate, read_candidate
from windtunnel.ml.champion import Champion, answers, read_champion
from windtunnel.ml.container import Container
from windtunnel.ml.contributions import mean_contributions
from windtunnel.ml.estimator import said as estimated
from windtunnel.ml.evaluation_report import (
    BASELINES,
    CHALLENGER,
    CHAMPION,
    HOLDOUT,
    REPORT,
    Answers,
    EvaluationReport,
    Parity,
    Rows,
    Serving,
)
from windtunnel.ml.importance import importance
from windtunnel.ml.matrix import columns
from windtunnel.ml.metrics import by_group, quality
from windtunnel.ml.scorer import Scorer, scorer_of

Floats = npt.NDArray[np.float64]

EXPLAINED_ROWS, BACKGROUND_ROWS = 32, 16
"""Spread over the holdout and over the training window; each pair asks the model about every set of features."""


def evaluate(container: Container, arguments: Sequence[str], timed: Callable[[Artefact], Serving]) -> EvaluationReport:
    """Measure a candidate as a processing job's arguments say; write `evaluation.json` and `holdout.parquet`.

    Args:
        container: Where the inputs lie.
        arguments: The job's ContainerArguments.
        timed: Says what the artefact costs to serve. The server's code stands above this layer, so the program gives it.

    Raises:
        SettingInvalid: An argument is missing or unknown.
        ArtefactInvalid: The archives are not what one training wrote, or the champion's is not the one in service.
        UnknownModel: There is no model of that name.
        WindowInvalid: Not a window, one without a labelled row, or a holdout that training has seen.
    """
    asked = Arguments(
        "evaluate",
        ("--model", "--train-start", "--train-end", "--holdout-start", "--holdout-end"),
        ("--champion-version", "--champion-sha256"),
    ).parse_args(arguments)
    spec = model_spec(asked.model)
    train = Window.parse(asked.train_start, asked.train_end)
    holdout = Window.parse(asked.holdout_start, asked.holdout_end)
    if holdout.start < train.end and train.start < holdout.end:
        raise WindowInvalid(
            f"The holdout `{holdout}` overlaps the training window `{train}`: a model is judged on days it has not "
            "seen. Start the holdout where the training ends."
        )
    print(
        f"evaluate `{spec.name}`, trained on `{train}`, on `{holdout}`, beside {asked.champion_version or 'nobody'}",
        flush=True,
    )

    candidate = read_candidate(container.processing("model"), container.processing("estimator"), spec, train)
    champion = _champion(container, asked)
    seen = rows.read_window(container.processing("train"), spec, train)
    unseen = rows.read_window(container.processing("holdout"), spec, holdout, champion.features if champion else ())
    found, answered = measure(candidate, champion, spec, (train, seen), (holdout, unseen), timed(candidate.artefact))

    folder = container.processing("evaluation")
    folder.mkdir(parents=True, exist_ok=True)
    unseen.assign(**answered).to_parquet(folder / HOLDOUT, index=False)
    (folder / REPORT).write_text(found.model_dump_json(indent=1), encoding="utf-8")
    for name, value in found.metrics.items():
        print(f"holdout:{name}={value:.6g};")
    print(
        f"evaluated `{spec.name}` on {len(unseen):,} rows: {found.answers}, {found.parity}, {found.serving}", flush=True
    )
    return found


def measure(
    candidate: Candidate,
    champion: Champion | None,
    spec: ModelSpec,
    train: tuple[Window, pd.DataFrame],
    holdout: tuple[Window, pd.DataFrame],
    serving: Serving,
) -> tuple[EvaluationReport, dict[str, npt.NDArray[np.floating]]]:
    """Errors, slices, baselines, parity and importance on a holdout.

    Returns:
        What was found, and everybody's answers `(rows,)` to the holdout under the columns of `holdout.parquet`.
    """
    (seen_window, seen), (unseen_window, unseen) = train, holdout
    known, asked = rows.features(seen, spec), rows.features(unseen, spec)
    target = unseen[spec.target].to_numpy(dtype=np.float64)
    scorer = scorer_of(candidate.artefact)
    prediction = scorer.score(columns(asked))
    said = prediction.astype(np.float64)
    compared: dict[str, Floats] = {
        "": said,
        "seasonal_naive_": baselines.seasonal_naive(seen, unseen, spec),
        "linear_": baselines.linear(known, seen[spec.target].to_numpy(dtype=np.float64), asked, spec),
    }
    champions, scored = answers(champion, unseen, spec) if champion else (None, None)
    if champions is not None:
        compared["champion_"] = champions
    found = EvaluationReport(
        model=spec.name,
        artefact_sha256=candidate.artefact.sha256,
        unit=spec.unit,
        train=Rows(window=seen_window, rows=len(seen)),
        holdout=Rows(window=unseen_window, rows=len(unseen)),
        metrics={
            f"{who}{name}": value for who, each in compared.items() for name, value in _errors(target, each).items()
        },
        slices={name: _slices(unseen[name].to_numpy(dtype=object), target, said) for name in spec.evaluation.slices},
        champion=scored,
        answers=_answers(prediction),
        parity=_parity(estimated(candidate.estimator, asked, spec.task), said, spec.evaluation.onnx_tolerance),
        serving=serving,
        importance=importance(lambda frame: scorer.score(columns(frame)), asked, target),
        contributions=_contributions(scorer, known, asked),
    )
    answered: dict[str, npt.NDArray[np.floating]] = {
        CHALLENGER: prediction,
        **{column: compared[f"{name}_"] for name, column in BASELINES.items()},
    }
    return found, answered if champions is None else {**answered, CHAMPION: champions}


def _contributions(scorer: Scorer, known: pd.DataFrame, asked: pd.DataFrame) -> dict[str, float]:
    """Mean size of each feature's contribution to rows of the holdout, against training rows as background.

    None of a model that takes no matrix: such a one is scikit-learn itself, and slow.
    """
    matrix = scorer.matrix
    if matrix is None:
        return {}
    background, explained = (
        matrix.of(columns(frame.iloc[np.linspace(0, len(frame) - 1, count).astype(np.int64)]))
        for frame, count in ((known, BACKGROUND_ROWS), (asked, EXPLAINED_ROWS))
    )
    with np.errstate(invalid="ignore"):  # answers that are no numbers are counted elsewhere, and have no parts
        sizes = mean_contributions(scorer.run, explained, background).tolist()
    found = {name: size for name, size in zip(asked.columns, sizes, strict=True) if math.isfinite(size)}
    return dict(sorted(found.items(), key=lambda each: -each[1]))


def _errors(target: Floats, said: Floats) -> Mapping[str, float]:
    """The errors that are finite numbers; JSON has no others."""
    found = quality(target, said).model_dump(exclude={"rows"}, exclude_none=True)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _slices(groups: npt.NDArray[np.object_], target: Floats, said: Floats) -> dict[str, Quality]:
    return {value: each for value, each in by_group(groups, target, said).items() if math.isfinite(each.mse)}


def _answers(prediction: npt.NDArray[np.float32]) -> Answers:
    finite = prediction[np.isfinite(prediction)]
    return Answers(not_finite=len(prediction) - len(finite), distinct=len(np.unique(finite)))


def _parity(trained: Floats, served: Floats, tolerance: float) -> Parity:
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(trained - served).max())
    return Parity(largest_difference=largest if math.isfinite(largest) else None, tolerance=tolerance)


def _champion(container: Container, asked: argparse.Namespace) -> Champion | None:
    given = pair(asked.champion_version, asked.champion_sha256, "champion")
    return read_champion(container.processing("champion"), *given) if given else None
