"""Raw values of a request -> the arrays a model takes, checked against its signature, a column at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from windtunnel.ml.artefact import Feature
from windtunnel.serving.refusal import Refusal, shown

LARGEST = {"int64": float(2**24), "float64": float(np.finfo(np.float32).max)}
"""Per kind, the largest magnitude: models compute in float32, which keeps integers exact up to 2^24."""

_NUMBERS = ({int}, {float}, {int, float})


def typed(feature: Feature, values: Sequence[Any]) -> npt.NDArray[np.generic]:
    """JSON values of one column as an array `(rows,)`: float32 with NaN for missing, or objects with "" for missing.

    Raises:
        Refusal: 400, naming the first offending row.
    """
    return _strings(feature, values) if feature.kind == "string" else _numbers(feature, values)


def read(feature: Feature, cells: Sequence[str]) -> npt.NDArray[np.generic]:
    """CSV cells of one column, as `typed` does; an empty cell is a missing value.

    Raises:
        Refusal: 400, naming the first offending row.
    """
    if feature.kind == "string":
        return _strings(feature, [cell or None for cell in cells])
    return _numbers(feature, [_number(cell) for cell in cells])


def _number(cell: str) -> float | str | None:
    """A number, None for an empty cell, and the text itself where it is neither."""
    if not cell:
        return None
    # float() also takes `1_000`, digits of other scripts and white space around.
    if "_" in cell or not cell.isascii() or cell != cell.strip():
        return cell
    try:
        return float(cell)
    except ValueError:
        return cell


def _numbers(feature: Feature, values: Sequence[Any]) -> npt.NDArray[np.float32]:
    kinds = set(map(type, values))
    if feature.nullable:
        kinds.discard(type(None))
    if kinds and kinds not in _NUMBERS:
        raise _refusal(feature, values, lambda value: type(value) in (int, float))
    # None becomes NaN; a NaN that came in was refused by its format, or is told from it here.
    numbers = np.array(values, dtype=np.float64)
    missing = np.isnan(numbers)
    if missing.any():
        missing = np.fromiter((value is None for value in values), dtype=bool, count=len(values))
    return checked(feature, numbers, missing, values.__getitem__)


def checked(
    feature: Feature,
    numbers: npt.NDArray[np.float64],
    missing: npt.NDArray[np.bool_],
    value: Callable[[int], Any],
) -> npt.NDArray[np.float32]:
    """One column as a model takes it.

    Args:
        feature: The column.
        numbers: `(rows,)`, NaN where missing.
        missing: `(rows,)`.
        value: What came in, by row.

    Raises:
        Refusal: 400, naming the first row whose value is not allowed.
    """
    allowed = np.abs(numbers) <= LARGEST[feature.kind]
    if feature.kind == "int64":
        allowed &= numbers == np.floor(numbers)
    if feature.nullable:
        allowed |= missing
    if not allowed.all():
        bad = int(np.argmin(allowed))
        raise refused(feature, bad, value(bad))
    return numbers.astype(np.float32)


def _strings(feature: Feature, values: Sequence[Any]) -> npt.NDArray[np.object_]:
    texts = ["" if value is None else value for value in values] if feature.nullable else values
    if set(map(type, texts)) != {str}:
        raise _refusal(feature, values, lambda value: type(value) is str)
    if not feature.nullable and "" in texts:
        raise _refusal(feature, values, bool)
    # A text that went through C would end there: `UA\0` would count as `UA`.
    if "\0" in "".join(texts):
        raise _refusal(feature, values, lambda value: "\0" not in value)
    return np.array(texts, dtype=object)


def _refusal(feature: Feature, values: Sequence[Any], fine: Callable[[Any], bool]) -> Refusal:
    row = next(row for row, value in enumerate(values) if not ((value is None and feature.nullable) or fine(value)))
    return refused(feature, row, values[row])


def refused(feature: Feature, row: int, value: Any) -> Refusal:
    """The refusal of one value."""
    found, allowed = shown(value), allowed_values(feature)
    return Refusal(
        400,
        f"Column `{feature.name}` of row {row} is {found}; allowed is {allowed}.",
        found=found,
        allowed=allowed,
        column=feature.name,
        row=row,
    )


def refused_type(feature: Feature, found: str) -> Refusal:
    """The refusal of a whole column, by the type it has in an Arrow stream or a Parquet file."""
    allowed = allowed_values(feature)
    message = f"Column `{feature.name}` is of type {found}; allowed is {allowed}."
    return Refusal(400, message, found=found, allowed=allowed, column=feature.name)


def allowed_values(feature: Feature) -> str:
    """What a column takes, in words."""
    kind = {
        "int64": f"an integer from -{LARGEST['int64']:.0f} to {LARGEST['int64']:.0f}",
        "float64": f"a finite number within +-{LARGEST['float64']:.4g}",
        "string": "a text without NUL" if feature.nullable else "a text that is not empty, without NUL",
    }[feature.kind]
    return f"{kind}, or null (an empty cell in CSV)" if feature.nullable else kind
