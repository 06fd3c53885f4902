"""Scoring: what two versions say, offline, to questions that were asked live. The program `score` of the model image.

Parsing, serving and the network are left out: where a live answer differs, it was made different there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import ArtefactInvalid, DataRejected, quoted
from windtunnel.core.spec import ModelSpec
from windtunnel.ml import rows
from windtunnel.ml.arguments import Arguments, pair
from windtunnel.ml.artefact import Artefact
from windtunnel.ml.champion import read_champion, refusal
from windtunnel.ml.container import Container
from windtunnel.ml.joined import CHAMPION_SAID, CONTROL_SAID
from windtunnel.ml.matrix import columns
from windtunnel.ml.scorer import Scorer, scorer_of
from windtunnel.ml.scoring_report import REPORT, SCORED, ScoredVersion, ScoringReport

ROWS = "predictions.parquet"

BATCH_ROWS = 65_536
"""Rows in memory at a time; of all of them only the answers."""

Answers = npt.NDArray[np.float64]


def score(container: Container, arguments: Sequence[str]) -> ScoringReport:
    """Ask up to two versions as a processing job's arguments say; write `scored.parquet` and `scored.json`.

    A version that cannot be read or asked fails nothing: its answers are NaN, and the report has the reason.

    Args:
        container: Where the inputs lie: the joined rows, and the model.tar.gz of each version.
        arguments: The job's ContainerArguments.

    Raises:
        SettingInvalid: An argument is missing or unknown.
        UnknownModel: There is no model of that name.
        DataRejected: The rows cannot be read, or there are none with a key.
    """
    required = ("--model", "--champion-version", "--champion-sha256")
    asked = Arguments("score", required, ("--control-version", "--control-sha256")).parse_args(arguments)
    spec = model_spec(asked.model)
    given = _rows(container.processing("rows") / ROWS, spec)
    before = pair(asked.control_version, asked.control_sha256, "control")
    count = given.metadata.num_rows
    versions = f"{asked.champion_version} and {asked.control_version or 'no control'}"
    print(f"score `{spec.name}`: {versions} on {count:,} rows", flush=True)

    said, champion = _ask(
        container.processing("champion"), (asked.champion_version, asked.champion_sha256), given, spec
    )
    repeated, control = _ask(container.processing("control"), before, given, spec) if before else (_none(count), None)

    folder = container.processing("scored")
    folder.mkdir(parents=True, exist_ok=True)
    scored = given.read([spec.key]).append_column(CHAMPION_SAID, pa.array(said))
    pq.write_table(scored.append_column(CONTROL_SAID, pa.array(repeated)), folder / SCORED, compression="zstd")
    found = ScoringReport(model=spec.name, rows=count, champion=champion, control=control)
    (folder / REPORT).write_text(found.model_dump_json(indent=1), encoding="utf-8")
    for version in filter(None, (champion, control)):
        went = version.why_not or f"asked {count - version.unaskable:,}, {version.not_finite:,} without a finite answer"
        print(f"scored `{spec.name}`: {version.version}: {went}", flush=True)
    return found


def _ask(folder: Path, asked: tuple[str, str], given: pq.ParquetFile, spec: ModelSpec) -> tuple[Answers, ScoredVersion]:
    """What a version says to each row, NaN where it says nothing, and what is to be told of it."""
    version, sha256 = asked
    artefact, said, why_not = None, _none(given.metadata.num_rows), None
    askable = np.zeros(len(said), dtype=np.bool_)
    try:
        champion = read_champion(folder, version, sha256)
        artefact, why_not = champion.artefact, champion.why_not
        if artefact and (why_not := refusal(artefact, given.schema_arrow.empty_table().to_pandas(), spec)) is None:
            said, askable = (np.concatenate(parts) for parts in zip(*_answers(artefact, given), strict=True))
    except ArtefactInvalid as error:
        why_not = str(error)
    return said, ScoredVersion(
        version=version,
        artefact_sha256=sha256,
        why_not=why_not,
        tolerance=artefact.golden.tolerance if artefact else None,
        unaskable=0 if why_not else int((~askable).sum()),
        not_finite=int((~np.isfinite(said[askable])).sum()),
    )


def _answers(artefact: Artefact, given: pq.ParquetFile) -> Iterator[tuple[Answers, npt.NDArray[np.bool_]]]:
    """Its answers batch by batch, and which rows it could be asked."""
    scorer = scorer_of(artefact)
    kinds = {feature.name: feature.kind for feature in artefact.signature.features}
    for batch in given.iter_batches(BATCH_ROWS, columns=list(kinds)):
        frame = batch.to_pandas()
        askable = rows.exact(frame, kinds)
        said = _none(len(frame))
        said[askable] = _score(scorer, rows.as_features(frame[askable], kinds))
        yield said, askable


def _score(scorer: Scorer, frame: pd.DataFrame) -> npt.NDArray[np.float32]:
    try:
        return scorer.score(columns(frame))
    except Exception as error:  # onnxruntime's errors share no base but this
        raise ArtefactInvalid(f"It failed on rows that it should be able to answer: {error}.") from error


def _none(count: int) -> Answers:
    return np.full(count, np.nan)


def _rows(path: Path, spec: ModelSpec) -> pq.ParquetFile:
    try:
        found = pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataRejected(f"`{path}` cannot be read: {error}. Give the rows that `collect` wrote.") from error
    if spec.key not in found.schema_arrow.names or not found.metadata.num_rows:
        raise DataRejected(
            f"`{path.name}` needs rows with the key `{spec.key}`; it has {found.metadata.num_rows} with "
            f"{quoted(found.schema_arrow.names)}. Give the rows that `collect` wrote."
        )
    return found
