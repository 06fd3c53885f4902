"""What a person or a tuning job may choose of an estimator: names, defaults, ranges. Standard library and pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from windtunnel.core.errors import HyperparameterInvalid, quoted

RESERVED = ("_", "sagemaker_")
"""Prefixes of what SageMaker adds itself, such as `_tuning_objective_metric` in the jobs of a tuning."""


class Hyperparameter(BaseModel):
    """One number of an estimator: its default and the closed range it may be chosen from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["int", "float"]
    default: float
    low: float
    high: float
    scale: Literal["Linear", "Logarithmic"] = "Linear"
    "How a tuning job walks the range; SageMaker's words."
    about: str

    def cast(self, name: str, text: str) -> float:
        """The number a text stands for.

        Raises:
            HyperparameterInvalid: Not a number of this kind, or outside the range.
        """
        try:
            number = int(text) if self.kind == "int" else float(text)
        except ValueError:
            number = None
        if number is None or not self.low <= number <= self.high:
            kind = "an integer" if self.kind == "int" else "a number"
            raise HyperparameterInvalid(
                f"Hyper-parameter `{name}` is `{text}`; allowed is {kind} from {self.low:g} to {self.high:g}: "
                f"{self.about} Correct it, or leave it out for the default {self.default:g}."
            )
        return number


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
