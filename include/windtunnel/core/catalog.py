"""The models of this project: the folders under `windtunnel/models`."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from windtunnel.core.errors import UnknownModel
from windtunnel.core.spec import ModelSpec

MODELS = Path(__file__).parents[1] / "models"


@lru_cache(maxsize=1)
def model_names() -> tuple[str, ...]:
    """Names of all models, sorted."""
    return tuple(sorted(path.parent.name for path in MODELS.glob("*/spec.py")))


@cache
def model_spec(name: str) -> ModelSpec:
    """The spec of a model.

    Raises:
        UnknownModel: There is no such folder.
    """
    spec: ModelSpec = _module(name, "spec").SPEC
    return spec


def model_specs() -> tuple[ModelSpec, ...]:
    """The specs of all models, in the order of their names."""
    return tuple(model_spec(name) for name in model_names())


def model_expectations(name: str) -> ModuleType:
    """The module with a model's Great Expectations suites. Imports Great Expectations."""
    return _module(name, "expectations")


def model_estimator(name: str) -> ModuleType:
    """The module with a model's estimator. Imports what that needs, such as scikit-learn."""
    return _module(name, "estimator")


def _module(name: str, part: str) -> ModuleType:
    if name not in model_names():
        raise UnknownModel(name, model_names())
    return import_module(f"windtunnel.models.{name}.{part}")
