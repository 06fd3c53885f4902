"""Evidently's pictures of a model's quality, by task, from whatever labels there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from evidently import BinaryClassification, DataDefinition, Regression
from evidently.core.container import MetricContainer
from evidently.core.metric_types import Metric
from evidently.metrics import AbsMaxError, R2Score, RocAuc
from evidently.presets import ClassificationPreset, RegressionPreset, RegressionQuality

from windtunnel.core.spec import ModelSpec
from windtunnel.ml.joined import PREDICTION


class Preset(NamedTuple):
    """What to draw, and of which rows."""

    title: str
    metrics: Sequence[Metric | MetricContainer]
    definition: DataDefinition
    current: pd.DataFrame
    reference: pd.DataFrame


def quality(current: pd.DataFrame, reference: pd.DataFrame, spec: ModelSpec) -> Preset | None:
    """The preset of a task; None where these labels leave Evidently nothing to draw.

    Args:
        current: Event time, target and prediction of labelled predictions, finite, at least two.
        reference: The same of the holdout.
        spec: Knows the task.
    """
    return _regression(current, reference, spec) if spec.task == "regression" else _ranked(current, reference, spec)


def percentages(current: pd.DataFrame, reference: pd.DataFrame, spec: ModelSpec) -> bool:
    """Whether errors in percent say anything: those of a target of 0 are numbers of no meaning with 18 digits."""
    return spec.task == "regression" and not any((side[spec.target] == 0).any() for side in (current, reference))


def _regression(current: pd.DataFrame, reference: pd.DataFrame, spec: ModelSpec) -> Preset | None:
    # Evidently's dummy model for percentages divides by this sum and fails on 0, so on labels that are all 0.
    target = current[spec.target]
    if not (1 / target[target != 0]).sum():
        return None
    metrics: list[Metric | MetricContainer] = [RegressionPreset()]
    if not percentages(current, reference, spec):
        quality = RegressionQuality(pred_actual_plot=True, error_plot=True, error_distr=True)
        metrics = [quality, AbsMaxError(), R2Score()]
    definition = DataDefinition(
        numerical_columns=[spec.target, PREDICTION],
        timestamp=spec.event_time,
        regression=[Regression(target=spec.target, prediction=PREDICTION)],
    )
    return Preset("Regression quality", metrics, definition, current, reference)


def _ranked(current: pd.DataFrame, reference: pd.DataFrame, spec: ModelSpec) -> Preset | None:
    """Of a classification its probabilities, of an anomaly model the shares of rows that score less."""
    if any(set(side[spec.target].unique()) != {0, 1} for side in (current, reference)):
        return None  # Evidently fails where a class is missing
    metrics: list[Metric | MetricContainer] = [ClassificationPreset()]
    title = "Classification quality"
    if spec.task == "anomaly":
        metrics, title = [RocAuc(roc_curve=True, pr_table=True)], "Anomaly quality"
        share = pd.concat([current[PREDICTION], reference[PREDICTION]]).rank(pct=True).to_numpy()
        current = current.assign(**{PREDICTION: share[: len(current)]})
        reference = reference.assign(**{PREDICTION: share[len(current) :]})
    definition = DataDefinition(
        numerical_columns=[],
        categorical_columns=[],
        timestamp=spec.event_time,
        classification=[BinaryClassification(target=spec.target, prediction_probas=PREDICTION, pos_label=1)],
    )
    current, reference = (side.astype({spec.target: "int64"}) for side in (current, reference))
    return Preset(title, metrics, definition, current, reference)
