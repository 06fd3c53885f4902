"""Format: predictions -> the body of an answer, in the media type the caller accepts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import orjson

from windtunnel.core.errors import quoted
from windtunnel.serving.parse import CSV, JSON, JSON_LINES, MEDIA_TYPES, media_type
from windtunnel.serving.refusal import Refusal


def negotiate(accept: str | None, content_type: str) -> str:
    """The media type of the answer: the best the caller accepts, the request's own where the caller leaves it open.

    Raises:
        Refusal: 406, the caller accepts none of ours.
    """
    own = media_type(content_type)[0]
    preferred = [own, *(kind for kind in MEDIA_TYPES if kind != own)] if own in MEDIA_TYPES else [*MEDIA_TYPES]
    for wanted in _by_preference(accept or "*/*"):
        for kind in preferred:
            if wanted in (kind, "*/*", f"{kind.partition('/')[0]}/*"):
                return kind
    raise Refusal(
        406,
        f"Accept `{accept}` names no type this server writes. Allowed: {quoted(MEDIA_TYPES)}.",
        found=accept,
        allowed=", ".join(MEDIA_TYPES),
    )


def format(predictions: npt.NDArray[np.float32], kind: str) -> bytes:  # noqa: A001 - one of a server's four words
    """The body: `{"predictions": [...]}`, a line `{"prediction": ...}` per row, or a line per row.

    Args:
        predictions: `(rows,)`, finite.
        kind: One of `MEDIA_TYPES`.
    """
    numbers: bytes = orjson.dumps(predictions, option=orjson.OPT_SERIALIZE_NUMPY)
    if kind == JSON:
        return b'{"predictions":' + numbers + b"}"
    each = numbers[1:-1].split(b",")
    if kind == JSON_LINES:
        return b"".join(b'{"prediction":' + number + b"}\n" for number in each)
    if kind == CSV:
        return b"\n".join(each) + b"\n"
    raise ValueError(f"`{kind}` is not one of {quoted(MEDIA_TYPES)}.")


def _by_preference(accept: str) -> list[str]:
    """The types of an Accept header, best first; `q=0` means not at all."""
    weighted = []
    for item in accept.split(","):
        kind, parameters = media_type(item.strip())
        try:
            weight = float(parameters.get("q", "1"))
        except ValueError:
            weight = 0.0
        if weight > 0:
            weighted.append((-weight, kind))
    return [kind for _, kind in sorted(weighted, key=lambda pair: pair[0])]
