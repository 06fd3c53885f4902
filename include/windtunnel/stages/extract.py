"""extract: source -> one landed file per month."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from windtunnel.aws import lake, landing, ledger, source
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import LandedFile
from windtunnel.core.errors import SourceMissing, WindowInvalid
from windtunnel.core.window import Window

log = logging.getLogger(__name__)


def extract(model: str, window: Window) -> list[LandedFile]:
    """Bring the months of a window from the model's source to landing, byte by byte as they are.

    Args:
        model: Name of the model.
        window: Whole months.

    Returns:
        One file per month, oldest first. Months that landed before with the same bytes are found, not written.

    Raises:
        WindowInvalid: The window cuts a month.
        SourceMissing: The source lacks one of the months.
        DataRejected: The source cannot be read as CSV.
    """
    log.info("extract: %s of %s from its source", window, model)
    _require_whole_months(window)
    lake.ensure()
    ledger.ensure()
    with tempfile.TemporaryDirectory(prefix="windtunnel-") as folder:
        files = source.fetch(model_spec(model).source, window, Path(folder))
        landed = [landing.land(model, month, files[month.label]) for month in window.months()]
    log.info(
        "extract: landed %s",
        ", ".join(f"{file.window.label} as {file.uri}, {file.size_bytes:,} bytes" for file in landed),
    )
    return landed


def newest(model: str) -> Window:
    """The newest published month, to be repeated by someone who names none; the source's first where nothing is."""
    lake.ensure()
    try:
        version = lake.current(model)
    except SourceMissing:
        return Window.month(model_spec(model).arrival.first)
    return lake.months(version.table, version.snapshot_id)[-1]


def _require_whole_months(window: Window) -> None:
    if window.start.day != 1 or window.end.day != 1:
        whole = Window.parse(f"{window.start:%Y-%m}", str(Window.month(str(list(window.months())[-1].start)).end))
        raise WindowInvalid(
            f"`{window}` cuts a month. A month arrives, is checked and is replaced as a whole: "
            f"give the first day of a month and the first day after the last one, such as `{whole}`."
        )
