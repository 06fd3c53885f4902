"""What started this run: an asset event, a schedule, or a person with a form."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from windtunnel.core.window import Window

log = logging.getLogger(__name__)


def event(asset: Asset) -> dict[str, Any] | None:
    """The `extra` of the newest event of an asset that started this run, or None if the asset did not.

    Events that came while an earlier run was busy arrive together; the newest supersedes the others, which are logged.
    """
    events = get_current_context()["triggering_asset_events"].get(asset)
    if not events:
        return None
    newest, *older = sorted(events, key=lambda found: found.timestamp, reverse=True)
    for superseded in older:
        log.warning("superseded by a newer event of `%s`: %s", asset.name, superseded.extra)
    return dict(newest.extra)


def required_event(asset: Asset) -> dict[str, Any]:
    """The newest event of an asset; a run without one was started by hand and cannot know what to work on."""
    found = event(asset)
    if found is None:
        raise AirflowFailException(
            f"This DAG is started by the asset `{asset.name}`; this run carries no event of it. "
            f"To repeat the work, create an event of `{asset.name}` again or clear the run that had one."
        )
    return found


def window() -> Window:
    """The window of this run: its data interval when scheduled or backfilled, the form's window when by hand.

    Raises:
        WindowInvalid: The form's window is no window.
    """
    context = get_current_context()
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if context["dag_run"].run_type in ("scheduled", "backfill") and start and end:
        return Window(start=start.date(), end=end.date())
    return Window.parse(context["params"]["window_start"], context["params"]["window_end"])


def person() -> str:
    """Who started this run by hand."""
    return get_current_context()["dag_run"].triggering_user_name or "unknown"
