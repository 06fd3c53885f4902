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


def prove(scored: npt.NDArray[np.float32], golden: Golden, first: int = 0) -> None:
    """Hold answers against the recorded ones.

    Args:
        scored: `(rows,)`.
        golden: The rows that were asked, and the recorded answers.
        first: The golden row that `scored` begins with.

    Raises:
        ArtefactInvalid: They differ by more than the tolerance, or one is not a number.
    """
    # As float32, like the answers: the recorded digits name one, and are not its value where it has no thousandths.
    recorded = np.asarray(golden.predictions[first : first + len(scored)], dtype=np.float32)
    difference = np.abs(scored - recorded)
    if not (difference <= golden.tolerance).all():
        row = int(np.argmin(difference <= golden.tolerance))
        raise ArtefactInvalid(
            f"Golden row {first + row} scores {scored[row]} here and scored {golden.predictions[first + row]} when the "
            f"model was made; {golden.tolerance} is allowed. Serve it with the image it was made with."
        )
