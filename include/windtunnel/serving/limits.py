"""Limits: what is counted in a text before any of it is parsed, so that a small body cannot cost much.

Depth needs no count of its own: orjson gives up at 1,024 levels, before it has built one of them.
"""

from __future__ import annotations

from windtunnel.serving.refusal import Refusal

MOST_ROWS = 100_000
"""In one request, whatever its format."""

MOST_DIGITS = 400
"""In a row; a finite float64 has 309 before its point, and none needs so many behind it."""

_OUTER = 4
"""Brackets of a JSON request that are no row's."""

_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_TOO_LONG = b"0" * (MOST_DIGITS + 1)


def check_json(body: bytes) -> None:
    """Each row of JSON opens a bracket, and so does whatever is nested: 6 MB of `[]` would become 100 MB of lists.

    Raises:
        Refusal: 413, there are more than rows may be; 400, a number is too long.
    """
    check_rows(body.count(b"{") + body.count(b"[") - _OUTER)
    _digits(body)


def check_lines(body: bytes) -> None:
    """The same for a row per line.

    Raises:
        Refusal: 413, there are more lines than rows may be; 400, a number is too long.
    """
    check_rows(body.count(b"\n") - 1)
    _digits(body)


def check_rows(least: int) -> None:
    """As many rows as there are at least.

    Raises:
        Refusal: 413, there are too many.
    """
    if least > MOST_ROWS:
        allowed = f"up to {MOST_ROWS:,} rows"
        raise Refusal(413, f"The body has too many rows. Allowed: {allowed}; send them in parts.", allowed=allowed)


def _digits(body: bytes) -> None:
    if len(body) > MOST_DIGITS and _TOO_LONG in body.translate(_AS_ZERO):
        allowed = f"up to {MOST_DIGITS} digits in a row"
        raise Refusal(400, f"The body holds a number that is too long. Allowed: {allowed}.", allowed=allowed)
