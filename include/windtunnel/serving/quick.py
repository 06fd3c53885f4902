"""Quick: small JSON requests read in one pass, a tenth of the careful parse. What is not as it should be it leaves to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from windtunnel.ml.artefact import Signature
from windtunnel.ml.codes import Codes
from windtunnel.serving.columns import LARGEST

MOST_ROWS = 32
"""Above, work on whole columns costs less than work on values."""

_MISSING = float("nan")


class Quick:
    """Reads requests for one model.

    Args:
        signature: What the model takes.
        codes: Of each string feature.
    """

    def __init__(self, signature: Signature, codes: Mapping[str, Codes]) -> None:
        numbers = [feature for feature in signature.features if feature.kind != "string"]
        texts = [feature for feature in signature.features if feature.kind == "string"]
        self._names = [feature.name for feature in signature.features]
        self._pick: Callable[[Any], Any] = itemgetter(*self._names)
        at = self._names.index
        self._numbers = [
            (at(feature.name), feature.kind == "int64", LARGEST[feature.kind], feature.nullable) for feature in numbers
        ]
        self._texts = [(at(feature.name), codes[feature.name], feature.nullable) for feature in texts]
        self._inputs = [feature.name for feature in (*numbers, *texts)]

    @staticmethod
    def suits(signature: Signature, codes: Mapping[str, Codes]) -> bool:
        """Whether this model's requests can be read so: every string has codes, and there are two features or more."""
        texts = {feature.name for feature in signature.features if feature.kind == "string"}
        return len(signature.features) > 1 and texts <= codes.keys()

    def read(self, body: bytes) -> dict[str, npt.NDArray[np.generic]] | None:
        """Arrays `(rows, 1)` by input, as `Scorer.run` takes them; None where the careful parse must look."""
        try:
            document = orjson.loads(body)
            rows = self._rows(document)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return None
        return self._arrays(rows) if rows else None

    def read_one(self, body: bytes) -> dict[str, npt.NDArray[np.generic]] | None:
        """The same for a body that is one row itself, an object."""
        try:
            row = orjson.loads(body)
            if len(row) != len(self._names):
                return None
            return self._arrays([self._pick(row)])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return None

    def _rows(self, document: dict[str, Any]) -> Sequence[Sequence[Any]] | None:
        """The values of each row, in the signature's order."""
        width = len(self._names)
        if len(document) == 1:
            instances = document["instances"]
            if type(instances) is not list or len(instances) > MOST_ROWS:
                return None
            rows = []
            for row in instances:
                if len(row) != width:
                    return None
                rows.append(row if type(row) is list else self._pick(row))
            return rows if len({type(row) for row in rows}) == 1 else None
        if len(document) == 2 and document["columns"] == self._names:
            rows = document["rows"]
            plain = type(rows) is list and len(rows) <= MOST_ROWS
            return rows if plain and all(type(row) is list and len(row) == width for row in rows) else None
        return None

    def _arrays(self, rows: Sequence[Sequence[Any]]) -> dict[str, npt.NDArray[np.generic]] | None:
        numbers, found = [], []
        for at, whole, largest, nullable in self._numbers:
            for row in rows:
                value = row[at]
                kind = type(value)
                if kind is float or kind is int:
                    if not -largest <= value <= largest or (whole and value != int(value)):
                        return None
                elif value is None and nullable:
                    value = _MISSING
                else:
                    return None
                numbers.append(value)
        for at, codes, nullable in self._texts:
            for row in rows:
                value = row[at]
                if type(value) is str and (value or nullable):
                    code = codes[value]
                    if code == codes.unknown and "\0" in value:
                        return None
                elif value is None and nullable:
                    code = codes.missing
                else:
                    return None
                found.append(code)
        count = len(rows)
        arrays: list[npt.NDArray[np.generic]] = [
            *np.array(numbers, np.float32).reshape(len(self._numbers), count, 1),
            *np.array(found, np.int64).reshape(len(self._texts), count, 1),
        ]
        return dict(zip(self._inputs, arrays, strict=True))
