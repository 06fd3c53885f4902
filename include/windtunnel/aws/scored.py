"""What the scoring job left behind: the collected rows with both versions' offline answers beside them."""

from __future__ import annotations

import pyarrow as pa

from windtunnel.aws import objects, parquet
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Rescoring
from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml.joined import CHAMPION_SAID, CONTROL_SAID
from windtunnel.ml.scoring_report import REPORT, ScoringReport


def rows(rescoring: Rescoring) -> pa.Table:
    """The joined rows of `ml/joined.py` with the columns `champion_said` and `control_said`, NaN where nothing was said.

    Raises:
        ArtefactInvalid: The answers are to other rows.
    """
    key = model_spec(rescoring.collected.champion.model).key
    asked, said = parquet.read(rescoring.collected.rows), parquet.read(rescoring.answers)
    if not asked[key].equals(said[key]):
        raise ArtefactInvalid(
            f"`{rescoring.answers}` ({len(said)} rows) does not answer the rows of `{rescoring.collected.rows}` "
            f"({len(asked)}), key by key. Clear the run from `collect`."
        )
    for name in (CHAMPION_SAID, CONTROL_SAID):
        asked = asked.append_column(name, said[name])
    return asked


def report(rescoring: Rescoring) -> ScoringReport:
    """How the two versions were asked, and why one said nothing."""
    folder = rescoring.answers.rpartition("/")[0]
    return ScoringReport.model_validate_json(objects.get(f"{folder}/{REPORT}"))
