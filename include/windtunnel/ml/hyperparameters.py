"""The hyper-parameters of one training: what was given, checked, and the defaults of the rest."""

from __future__ import annotations

from collections.abc import Mapping

from windtunnel.core.errors import HyperparameterInvalid, quoted
from windtunnel.core.hyperparameters import Hyperparameter

__all__ = ["RESERVED", "Hyperparameter", "resolve"]

RESERVED = ("_", "sagemaker_")
"""Prefixes of what SageMaker adds itself, such as `_tuning_objective_metric` in the jobs of a tuning."""


def resolve(schema: Mapping[str, Hyperparameter], given: Mapping[str, str]) -> dict[str, float]:
    """Every hyper-parameter of a schema, as given or by default.

    Args:
        schema: The estimator's `HYPERPARAMETERS`.
        given: Texts as SageMaker passes them; what it adds itself is ignored.

    Raises:
        HyperparameterInvalid: A name is unknown or a value is not allowed.
    """
    chosen = {name: text for name, text in given.items() if not name.startswith(RESERVED)}
    if unknown := chosen.keys() - schema.keys():
        raise HyperparameterInvalid(
            f"Unknown hyper-parameter {quoted(unknown)}. Allowed: {quoted(schema)}. Correct the name or leave it out."
        )
    defaults = {name: str(int(rule.default) if rule.kind == "int" else rule.default) for name, rule in schema.items()}
    return {name: rule.cast(name, str(chosen.get(name, defaults[name]))) for name, rule in schema.items()}
