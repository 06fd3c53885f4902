"""What started this run: an asset event, a schedule, or a person with a form."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from windtunnel.core.contracts import DatasetVersion
from windtunnel.core.window import Window
from windtunnel.orchestration import assets

log = logging.getLogger(__name__)


def events(asset: Asset) -> list[dict[str, Any]]:
    """The `extra` of each event of an asset that started this run, oldest first; several came while a run was busy.

    Raises:
        AirflowFailException: None did: the run was started by hand and cannot know what to work on.
    """
    if not (found := _events(asset)):
        raise AirflowFailException(
            f"This DAG is started by the asset `{asset.name}`; this run carries no event of it. "
            f"To repeat the work, create an event of `{asset.name}` again or clear the run that had one."
        )
    return found


def published(model: str) -> tuple[Window | None, DatasetVersion | None]:
    """The days whose rows are new and the newest dataset version, by the events; None where the clock started this run."""
    found = [DatasetVersion.from_json(event) for event in _events(assets.dataset(model))]
    return (Window.around(version.window for version in found), found[-1]) if found else (None, None)


def _events(asset: Asset) -> list[dict[str, Any]]:
    found = get_current_context()["triggering_asset_events"].get(asset) or []
    return [_made(event.extra) for event in sorted(found, key=lambda event: event.timestamp)]


def _made(extra: dict[str, Any]) -> dict[str, Any]:
    """What was made; Airflow marks an event that a person created."""
    return {name: value for name, value in extra.items() if name != "from_rest_api"}


def newest(asset: Asset) -> dict[str, Any]:
    """The newest event; it supersedes the others, which are logged.

    Raises:
        AirflowFailException: No event of this asset started the run.
    """
    *older, last = events(asset)
    for superseded in older:
        log.warning("superseded by a newer event of `%s`: %s", asset.name, superseded)
    return last


def newest_or_none(asset: Asset) -> dict[str, Any] | None:
    """The newest event, or None if another asset started this run."""
    return newest(asset) if _events(asset) else None


def interval() -> Window | None:
    """The month of a scheduled or backfilled run, which is over at its date; None where a person started it with a form."""
    context = get_current_context()
    over = context.get("data_interval_end")
    if context["dag_run"].run_type not in ("scheduled", "backfill") or not over:
        return None
    return Window.month(f"{over.date() - timedelta(days=1):%Y-%m}")


def owner(stage: str) -> str:
    """Who a lease is taken for: `<stage>:<dag run id>`. A retry in the same run is the same owner, another run is not."""
    return f"{stage}:{get_current_context()['run_id']}"


def person() -> str:
    """Who started this run by hand."""
    return get_current_context()["dag_run"].triggering_user_name or "unknown"
