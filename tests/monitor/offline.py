"""What a scoring job leaves behind, where the versions' answers follow from a formula."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tests.monitor.live_model import SPEC
from windtunnel.aws import objects, parquet
from windtunnel.core.contracts import CollectedPredictions, RegisteredVersion, Rescoring
from windtunnel.ml import joined
from windtunnel.ml.scoring_report import REPORT, SCORED, ScoredVersion, ScoringReport

Floats = npt.NDArray[np.float64]


def rescored(
    collected: CollectedPredictions, champion: Floats | None = None, control: Floats | None = None
) -> Rescoring:
    """The answers of both versions to the collected rows, in their order; the champion's as served unless given.

    Args:
        collected: The predictions.
        champion: What it says offline.
        control: What the control says; None: it cannot be asked.
    """
    rows = parquet.read(collected.rows)
    served = rows[joined.PREDICTION].to_numpy()
    silent = np.full(len(rows), np.nan)
    scored = pa.table(
        {
            SPEC.key: rows[SPEC.key],
            joined.CHAMPION_SAID: served if champion is None else champion,
            joined.CONTROL_SAID: silent if control is None else control,
        }
    )
    name = f"flights-score-{collected.work_key[:16]}"
    folder = f"{collected.rows.rpartition('/')[0]}/{name}"
    address = f"{folder}/{SCORED}"
    objects.put_once(address, parquet.encode(scored))
    said = ScoringReport(
        model=SPEC.name,
        rows=len(rows),
        champion=_asked(collected.champion, None),
        control=_asked(collected.control, None if control is not None else "It is away.")
        if collected.control
        else None,
    )
    objects.put_once(f"{folder}/{REPORT}", said.model_dump_json().encode())
    return Rescoring(collected=collected, job_name=name, answers=address)


def _asked(version: RegisteredVersion, why_not: str | None) -> ScoredVersion:
    return ScoredVersion(
        version=version.version,
        artefact_sha256=version.evaluated.artefact_sha256,
        why_not=why_not,
        tolerance=None if why_not else SPEC.evaluation.onnx_tolerance,
        unaskable=0,
        not_finite=0,
    )
