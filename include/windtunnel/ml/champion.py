"""The champion at an evaluation: read from its archive, and asked about the rows its challenger is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype
from pydantic import ValidationError

from windtunnel.core.errors import ArtefactInvalid, DataRejected, quoted
from windtunnel.core.spec import Kind, ModelSpec
from windtunnel.ml import artefact, rows
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.evaluation_report import ScoredChampion
from windtunnel.ml.matrix import columns
from windtunnel.ml.scorer import scorer_of


@dataclass(frozen=True)
class Champion:
    """The version in service."""

    version: str
    sha256: str
    artefact: Artefact | None
    "None: its bytes are the right ones, in a form that this image does not read."
    why_not: str | None = None

    @property
    def features(self) -> dict[str, Kind]:
        """What it takes, name -> kind."""
        return {feature.name: feature.kind for feature in self.artefact.signature.features} if self.artefact else {}


def read_champion(folder: Path, version: str, sha256: str) -> Champion:
    """The champion of an archive, its digest checked before anything of it is parsed.

    Args:
        folder: Holds its model.tar.gz.
        version: Its name.
        sha256: The digest it went into service with.

    Raises:
        ArtefactInvalid: It is not the artefact of that digest, or not whole.
    """
    with TemporaryDirectory() as name:
        artefact.extract(folder / "model.tar.gz", Path(name))
        try:
            return Champion(version, sha256, artefact.read(Path(name), sha256))
        except ArtefactInvalid as error:
            # The digests came first and were right, so this is what serves, made by another release of windtunnel.
            if isinstance(error.__cause__, ValidationError):
                return Champion(version, sha256, None, str(error))
            # Where it was unpacked is nothing to tell: it is another place each time.
            raise ArtefactInvalid(str(error).replace(name, "model.tar.gz")) from error


def answers(
    champion: Champion, table: pd.DataFrame, spec: ModelSpec
) -> tuple[npt.NDArray[np.float64] | None, ScoredChampion]:
    """Its answers `(rows,)` to the rows, and what is to be said of them.

    Args:
        champion: The version in service.
        table: Rows that were read with `champion.features`, as far as the dataset has them.
        spec: The model as it is now.

    Returns:
        The answers and no reason, or None and the reason why there are none.
    """
    said, why_not = None, champion.why_not
    if champion.artefact is not None:
        said, why_not = _ask(champion, champion.artefact, table, spec)
    return said, ScoredChampion(version=champion.version, artefact_sha256=champion.sha256, why_not=why_not)


def refusal(read: Artefact, table: pd.DataFrame, spec: ModelSpec) -> str | None:
    """Why an artefact cannot be asked about rows, None where it can.

    Args:
        read: Made from the model's folder as it was once.
        table: The rows, or none of them under the same columns.
        spec: The model as it is now.
    """
    target, unit = read.signature.target, read.signature.unit
    if (target, unit) != (spec.target, spec.unit):
        return f"It predicts `{target}` in {unit}, the model is now about `{spec.target}` in {spec.unit}."
    if read.signature.task != spec.task:
        return f"It answers a question of {read.signature.task}, the model's is now one of {spec.task}."
    takes = {feature.name: feature.kind for feature in read.signature.features}
    if missing := takes.keys() - set(table.columns):
        return f"It takes {quoted(missing)}, which the rows do not have."
    numbers = {name for name in takes if is_numeric_dtype(table[name])}
    if changed := {name for name, kind in takes.items() if (kind != "string") != (name in numbers)}:
        return f"It takes {quoted(changed)} as another kind of value than the rows have."
    return None


def _ask(
    champion: Champion, read: Artefact, table: pd.DataFrame, spec: ModelSpec
) -> tuple[npt.NDArray[np.float64] | None, str | None]:
    if why_not := refusal(read, table, spec):
        return None, why_not
    try:
        asked = rows.as_features(table, champion.features)
        return scorer_of(read).score(columns(asked)).astype(np.float64), None
    except (ArtefactInvalid, DataRejected) as error:
        return None, str(error)
