"""Codes: the texts of a column as numbers, so that a model takes one matrix of float32 and no text travels with it."""

from __future__ import annotations

from collections.abc import Sequence


class Codes(dict[str, float]):
    """Code of each category; `missing` for an empty text, and `unknown` for any other.

    Args:
        categories: Texts that are not empty.
        codes: Of each, then the one of a missing text and that of an unknown one. They need not differ.
    """

    def __init__(self, categories: Sequence[str], codes: Sequence[float]) -> None:
        *known, self.missing, self.unknown = codes
        super().__init__(zip(categories, known, strict=True))
        self[""] = self.missing

    def __missing__(self, _: str) -> float:
        """The code of what is not there; it is not kept."""
        return self.unknown


def numbered(categories: Sequence[str]) -> tuple[float, ...]:
    """The codes of a column whose model does not mind which: its texts counted from 0, then a missing and an unknown one."""
    return tuple(map(float, range(len(categories) + 2)))
