"""Each collection of a month is noted, in the order of its labels and captures: its rows, and the labels that changed.

A note lies at `monitor/<model>/collected/<YYYY-MM>/<N of the labels' tag>.<captures' sequence>.<work key>.json`.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from windtunnel.aws import objects, parquet
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import AbsorbedCaptures, DatasetVersion
from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.ml import labels as late
from windtunnel.ml.joined import DAY, on


def counted(
    labels: DatasetVersion, absorbed: AbsorbedCaptures, span: Window, key: str, address: str, rows: pa.Table
) -> int:
    """Note the joined rows of a span, and say how many labels differ from those of the last time.

    The last time of a month is the newest collection of older labels or captures; asked again it is the same one,
    because the answer was noted with the rows.

    Args:
        labels: Whose labels.
        absorbed: Whose predictions.
        span: Whole months.
        key: Work key of the rows.
        address: Where the rows lie.
        rows: The rows themselves.

    Raises:
        CommitConflict: A twin noted something else at the same moment; run it again.
    """
    order = f"{int(labels.tag.removeprefix('d')):08d}.{absorbed.sequence:08d}"
    total = 0
    for month in span.months():
        folder = _folder(labels.model, month)
        note = f"{folder}/{order}.{key[:16]}.json"
        there = list(objects.keys(f"{folder}/"))
        if note in there:
            total += objects.get_json(note)["changed"]
            continue
        older = [name for name in there if name < f"{folder}/{order}."]
        count = _changed(objects.get_json(older[-1])["rows"], rows, month, labels.model) if older else 0
        held = pc.sum(on(rows[DAY], month)).as_py()
        objects.put_json(note, {"rows": address, "predictions": held, "changed": count})
        total += count
    return total


def predictions(model: str, month: Window) -> int | None:
    """How many predictions a month held when it was last collected; None where it never was."""
    there = list(objects.keys(f"{_folder(model, month)}/"))
    return int(objects.get_json(there[-1])["predictions"]) if there else None


def _folder(model: str, month: Window) -> str:
    return settings().uri("monitor", model, "collected", month.label)


def _changed(address: str, rows: pa.Table, month: Window, model: str) -> int:
    spec, before = model_spec(model), parquet.read(address)
    return late.changed(before.filter(on(before[DAY], month)), rows, key=spec.key, target=spec.target)
