"""Proof: a model answers its golden rows as it did when it was made."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml.artefact import Artefact, Golden
from windtunnel.ml.matrix import Columns


def as_columns(artefact: Artefact) -> Columns:
    """The golden rows as a scorer takes them, without the parse of a request."""
    golden = artefact.golden
    kinds = {feature.name: feature.kind for feature in artefact.signature.features}
    given = dict(zip(golden.columns, zip(*golden.rows, strict=True), strict=True))
    if given.keys() != kinds.keys():
        raise ArtefactInvalid(f"`golden.json` has the columns {list(given)}, the signature {list(kinds)}. Train again.")
    return {
        name: np.array([value or "" for value in given[name]], dtype=object)
        if kind == "string"
        else np.array([np.nan if value is None else value for value in given[name]], dtype=np.float32)
        for name, kind in kinds.items()
    }


def prove(scored: npt.NDArray[np.float32], golden: Golden, row: int | None = None) -> None:
    """Hold answers against the recorded ones.

    Args:
        scored: `(rows,)`.
        golden: The rows that were asked, and the recorded answers.
        row: The one that was asked; None: all.

    Raises:
        ArtefactInvalid: They differ by more than the tolerance, one is not a number, or there are more or fewer.
    """
    # As float32, like the answers: the recorded digits name one, and are not its value where it has no thousandths.
    first, said = (0, golden.predictions) if row is None else (row, golden.predictions[row : row + 1])
    recorded = np.asarray(said, dtype=np.float32)
    if scored.shape != recorded.shape:
        raise ArtefactInvalid(f"The model answers {scored.size} numbers to {recorded.size} golden rows. Train again.")
    difference = np.abs(scored - recorded)
    if not (difference <= golden.tolerance).all():
        worst = int(np.argmin(difference <= golden.tolerance))
        raise ArtefactInvalid(
            f"Golden row {first + worst} scores {scored[worst]} here and scored {said[worst]} when the "
            f"model was made; {golden.tolerance} is allowed. Serve it with the image it was made with."
        )
