"""What a person or a tuning job may choose of an estimator, and how to read it without importing one."""

from __future__ import annotations

import ast
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from windtunnel.core import catalog
from windtunnel.core.errors import HyperparameterInvalid, SpecInvalid

DECLARATION = "HYPERPARAMETERS"


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


def declared(model: str) -> dict[str, Hyperparameter]:
    """The `HYPERPARAMETERS` of a model's estimator.py, in its order; read as text, since a DAG parse cannot pay for scikit-learn.

    Raises:
        SpecInvalid: They are not written out as a dict of `Hyperparameter(...)` with plain values.
    """
    path = catalog.MODELS / model / "estimator.py"
    written = _written(ast.parse(path.read_text(encoding="utf-8")))
    try:
        if not isinstance(written, ast.Dict):
            raise TypeError("there is no such dict")  # noqa: TRY301 - one message for all that can be wrong with it
        pairs = zip(written.keys, written.values, strict=True)
        return {_plain(name): Hyperparameter(**_keywords(rule)) for name, rule in pairs}
    except (TypeError, ValueError, ValidationError) as error:
        raise SpecInvalid(
            f"`{DECLARATION}` of `{model}` in estimator.py cannot be read: {error}. The retrain form reads it without "
            "importing scikit-learn: write it out as a dict of `Hyperparameter(...)` with plain numbers and texts."
        ) from error


def _written(module: ast.Module) -> ast.expr | None:
    """What is assigned to the name."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == DECLARATION for target in targets):
            return getattr(node, "value", None)
    return None


def _keywords(rule: ast.expr) -> dict[str, Any]:
    if not isinstance(rule, ast.Call) or rule.args:
        raise TypeError(f"`{ast.unparse(rule)}` is no `Hyperparameter(...)` with named arguments")
    return {str(word.arg): _plain(word.value) for word in rule.keywords}


def _plain(node: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(node or "")
    except (SyntaxError, ValueError):
        raise ValueError(f"`{ast.unparse(node) if node else '**'}` is no plain value") from None
