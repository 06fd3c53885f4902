"""What a person or a tuning job may choose of an estimator."""

from pathlib import Path

import pytest

from windtunnel.core import catalog
from windtunnel.core.errors import HyperparameterInvalid, SpecInvalid
from windtunnel.core.hyperparameters import declared
from windtunnel.ml.hyperparameters import Hyperparameter, resolve
from windtunnel.models.flights.estimator import HYPERPARAMETERS, build

SCHEMA = {
    "trees": Hyperparameter(kind="int", default=200, low=1, high=500, about="Number of trees."),
    "rate": Hyperparameter(kind="float", default=0.1, low=0.001, high=1, about="Weight of each tree."),
}


def test_what_is_not_given_has_its_default() -> None:
    assert resolve(SCHEMA, {"rate": "0.5"}) == {"trees": 200, "rate": 0.5}
    assert isinstance(resolve(SCHEMA, {})["trees"], int)


def test_what_sagemaker_adds_itself_is_ignored() -> None:
    given = {"_tuning_objective_metric": "train:rmse", "sagemaker_region": "eu-west-1"}
    assert resolve(SCHEMA, given) == {"trees": 200, "rate": 0.1}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(HyperparameterInvalid, match=r"Unknown hyper-parameter `tree`. Allowed: `rate`, `trees`"):
        resolve(SCHEMA, {"tree": "3"})


@pytest.mark.parametrize(
    ("name", "text"),
    [("trees", "0"), ("trees", "501"), ("trees", "2.5"), ("trees", "many"), ("trees", ""), ("rate", "nan")],
)
def test_a_value_that_is_not_allowed_is_refused_with_the_range(name: str, text: str) -> None:
    with pytest.raises(HyperparameterInvalid, match=f"`{name}` is `{text}`; allowed is an? .* from .* to .*default"):
        resolve(SCHEMA, {name: text})


def test_the_defaults_of_flights_are_inside_their_own_ranges_and_build() -> None:
    chosen = resolve(HYPERPARAMETERS, {})
    assert build(chosen).regressor[-1].get_params()["max_iter"] == chosen["max_iter"]


def test_what_a_form_reads_without_scikit_learn_is_what_the_estimator_has() -> None:
    assert declared("flights") == HYPERPARAMETERS
    assert list(declared("flights")) == list(HYPERPARAMETERS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no such dict"),
        ("HYPERPARAMETERS = dict(trees=1)", "there is no such dict"),
        ("HYPERPARAMETERS = {'trees': MANY}", "`MANY` is no `Hyperparameter"),
        ("HYPERPARAMETERS = {'trees': Hyperparameter(kind='int', default=MANY)}", "`MANY` is no plain value"),
        ("HYPERPARAMETERS = {**OTHERS}", "`**` is no plain value"),
        ("HYPERPARAMETERS = {'trees': Hyperparameter(kind='int', default=1)}", "Field required"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused_with_the_way_to_write_it(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "estimator.py").write_text(text)
    monkeypatch.setattr(catalog, "MODELS", tmp_path)
    with pytest.raises(SpecInvalid, match="write it out as a dict of `Hyperparameter") as error:
        declared("some")
    assert said in str(error.value)
