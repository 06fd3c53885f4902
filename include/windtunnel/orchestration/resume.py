"""Versions that wait, brought on their way in an Airflow that has forgotten them: by the events that started their stages.

Airflow creates an event without a condition, so it is asked first what it knows: an event of the same version, what came
of it, and runs that are about to make one. Tried on 3.3.1: an event that comes while its DAG is paused is stored and
starts nothing, ever; the list of events is answered with 500 while a run that one of them started waits in the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from airflow.sdk import Asset

from windtunnel.core.contracts import Resumed, Taken, Waiting
from windtunnel.core.contracts.recovery import Stage
from windtunnel.core.errors import ServiceUnavailable
from windtunnel.orchestration import assets
from windtunnel.orchestration.rest import Rest, connected

log = logging.getLogger(__name__)

STARTED_BY: Mapping[Stage, Callable[[str], Asset]] = {
    "shadow": assets.registered,
    "approve": assets.dossier,
    "rollout": assets.approved,
}
"""Stage -> the asset whose events start it."""

_AFTER: Mapping[Stage, str] = {
    "shadow": "Repeat when that is decided.",
    "approve": "Repeat when its question is open.",
    "rollout": "Repeat when that has ended.",
}

_AT_WORK = ["queued", "running"]
_PAGE = 50


class Event(NamedTuple):
    """An event of an asset that names a version."""

    version: str
    runs: tuple[tuple[str, str], ...]
    "Id and state of each run that it started."


def resume(
    model: str, waiting: tuple[Waiting, ...], airflow: str, token: str, *, apply: bool, turn_on: bool
) -> Resumed:
    """Say of each version that waits what Airflow knows of it, and create the events of those it knows nothing of.

    Args:
        model: Name of the model.
        waiting: What stands without Airflow.
        airflow: Address of its UI.
        token: Bearer token of an Admin; for a look that changes nothing, of anybody.
        apply: Whether to create events. What was created is known to the next call.
        turn_on: Whether to turn on the model's DAGs that are paused.

    Raises:
        RightMissing: There is no token, or it is unknown, or its owner may not do this.
        ServiceUnavailable: Airflow did not answer; the next call finds what was done.
    """
    with connected(airflow, token, "/api/v2", "create events of assets and turn DAGs on") as rest:
        known = _Airflow(rest, model)
        turned_on = known.turn_on() if turn_on else ()
        taken = tuple(_take(known, one, apply=apply) for one in waiting)
        return Resumed(taken=taken, paused=known.paused, turned_on=turned_on)


def _take(known: _Airflow, one: Waiting, *, apply: bool) -> Taken:
    def said(word: Any, sentence: str) -> Taken:
        return Taken(version=one.version, word=word, sentence=sentence)

    if one.stage is None or one.made is None:
        return said("nothing", "No event takes it on.")
    asset, dag = STARTED_BY[one.stage](one.model), f"{one.model}_{one.stage}"
    if there := known.has(one.version, one.stage):
        return said("known", there)
    if why := known.hides(one.stage, one.since) or known.deaf(one.stage):
        return said("not-now", why)
    # Once a question is asked, another one is asked beside it.
    if one.behind and not (one.stage == "approve" and known.at_work(one.behind, one.stage)):
        return said("not-now", f"{one.behind} goes to `{dag}` first. {_AFTER[one.stage]}")
    if one.not_before and one.not_before > datetime.now(UTC):
        return said(
            "not-now", f"A run that is lost has the lease until {one.not_before:%Y-%m-%d %H:%M} UTC. Repeat after that."
        )
    what = f"an event of `{asset.name}` starts `{dag}`"
    if not apply:
        return said("to-create", f"With `--apply` {what}.")
    known.create(one.version, one.stage, one.made.to_json())
    log.info("resume: %s of %s: %s", one.version, one.model, what)
    return said("created", f"Created: {what}.")


class _Airflow:
    """What an Airflow knows of a model."""

    def __init__(self, rest: Rest, model: str) -> None:
        self._rest = rest
        self._model = model
        self._events: dict[str, tuple[tuple[Event, ...], bool]] = {}

    @property
    def paused(self) -> tuple[str, ...]:
        """The model's DAGs that stand still."""
        return tuple(sorted(dag for dag, paused in self._dags.items() if paused))

    def turn_on(self) -> tuple[str, ...]:
        """Turn on what is paused; the DAGs that were."""
        found = self.paused
        for dag in found:
            self._rest.ask("PATCH", f"/dags/{dag}", {"is_paused": False})
            self._dags[dag] = False
        return found

    def deaf(self, stage: Stage) -> str | None:
        """Why an event would start nothing now; None: it would."""
        dag, asset = f"{self._model}_{stage}", self._asset(stage)
        if dag not in self._dags or asset is None or dag not in _listeners(asset):
            return (
                f"Airflow does not know `{dag}` yet: DAGs are parsed within a minute or two of its start, once their "
                "roles exist (`python -m windtunnel roles`). Repeat then."
            )
        if self._dags[dag]:
            return f"`{dag}` is paused, and an event that comes meanwhile is lost. Turn it on, or give `--turn-on`."
        return None

    def has(self, version: str, stage: Stage) -> str | None:
        """What Airflow has of a version, in a sentence; None: nothing that it shows."""
        for each in STARTED_BY:
            if run := self.at_work(version, each):
                return f"`{self._model}_{each}` has it under way: run `{run}`."
        events, dag = self._of(stage, version), f"{self._model}_{stage}"
        if ended := [run for event in events for run in event.runs]:
            run, state = ended[-1]
            return f"Airflow has it: run `{run}` of `{dag}` ended as `{state}`. Read its log, mend the cause, clear it."
        if events and self._queued(stage):
            return f"Airflow has it: `{dag}` begins by itself."
        return None

    def at_work(self, version: str, stage: Stage) -> str | None:
        """The newest run of a stage that has a version and has not ended."""
        runs = [run for event in self._of(stage, version) for run in event.runs]
        return next((run for run, state in reversed(runs) if state in _AT_WORK), None)

    def hides(self, stage: Stage, since: datetime) -> str | None:
        """What may have a version although Airflow does not show it, in a sentence; None: nothing."""
        if waits := [f"`{self._model}_{each}`" for each in STARTED_BY if self._listed(each)[1]]:
            return (
                f"A run of {', '.join(waits)} waits in the queue, and Airflow cannot say for which version. "
                "Repeat when it runs."
            )
        if stage == "shadow" and (training := self._training(since)):
            return f"`{training}` of `{self._model}_train` has not ended and may send it. Repeat when it has."
        return None

    def create(self, version: str, stage: Stage, extra: dict[str, Any]) -> None:
        """Create an event; after a lost reply it is looked for.

        Raises:
            ServiceUnavailable: It was not created.
        """
        asset = self._asset(stage)
        assert asset is not None  # noqa: S101 - `deaf` has said so otherwise
        before = len(self._of(stage, version))
        try:
            self._rest.ask("POST", "/assets/events", {"asset_id": asset["id"], "extra": extra})
        except ServiceUnavailable:
            self._events.clear()
            if len(self._of(stage, version)) == before:
                raise
            log.warning("resume: the reply was lost; the event of %s is there", version)

    def _of(self, stage: Stage, version: str) -> list[Event]:
        return [event for event in self._listed(stage)[0] if event.version == version]

    def _listed(self, stage: Stage) -> tuple[tuple[Event, ...], bool]:
        """The events that started a stage, oldest first, and whether there are some that Airflow cannot show."""
        if stage not in self._events:
            asset, dag = self._asset(stage), f"{self._model}_{stage}"
            shown = list(self._shown(int(asset["id"]))) if asset else []
            found = (_event(one, dag) for one in shown if one is not None)
            self._events[stage] = (tuple(event for event in found if event), None in shown)
        return self._events[stage]

    def _shown(self, asset: int) -> Iterator[dict[str, Any] | None]:
        """Each event of an asset; None for one that Airflow cannot show."""
        offset, size = 0, _PAGE
        while True:
            query = {"asset_id": asset, "order_by": "timestamp", "limit": size, "offset": offset}
            page = self._rest.look("/assets/events", **query)
            if page is None and size > 1:
                size = 1  # from here on singly, to see the others
                continue
            found = [None] if page is None else page["asset_events"]
            yield from found
            offset += size
            if len(found) < size:
                return

    def _queued(self, stage: Stage) -> bool:
        """Whether a DAG has events that wait for its next run."""
        asset = self._asset(stage)
        answer = asset and self._rest.look(f"/assets/{asset['id']}/queuedEvents")
        return any(one["dag_id"] == f"{self._model}_{stage}" for one in (answer or {}).get("queued_events", ()))

    def _training(self, since: datetime) -> str | None:
        """A run of `train` that was at work when a version was registered, and still is: it has not sent it yet."""
        if f"{self._model}_train" not in self._dags:
            return None
        answer = self._rest.look(f"/dags/{self._model}_train/dagRuns", state=_AT_WORK, limit=100)
        begun = [run for run in (answer or {}).get("dag_runs", ()) if run["start_date"]]
        return next((run["dag_run_id"] for run in begun if datetime.fromisoformat(run["start_date"]) < since), None)

    def _asset(self, stage: Stage) -> dict[str, Any] | None:
        return self._assets.get(STARTED_BY[stage](self._model).name)

    @cached_property
    def _assets(self) -> dict[str, dict[str, Any]]:
        answer = self._rest.look("/assets", name_pattern=self._model, limit=100)
        return {asset["name"]: asset for asset in _there(answer, "assets", self._rest)}

    @cached_property
    def _dags(self) -> dict[str, bool]:
        """Each DAG of the model, and whether it is paused."""
        answer = self._rest.look("/dags", tags=[self._model], limit=100)
        found = _there(answer, "dags", self._rest)
        return {dag["dag_id"]: dag["is_paused"] for dag in found if dag["dag_id"].startswith(f"{self._model}_")}


def _there(answer: Any | None, name: str, rest: Rest) -> list[dict[str, Any]]:
    if answer is None:
        raise ServiceUnavailable(f"Airflow at `{rest.address}` cannot list its {name}. Nothing was changed: repeat.")
    return list(answer[name])


def _listeners(asset: Mapping[str, Any]) -> set[str]:
    return {reference["dag_id"] for reference in asset["scheduled_dags"]}


def _event(said: Mapping[str, Any], dag: str) -> Event | None:
    """An event as the list has it; None for one that names no version, which an Admin may have made by hand."""
    extra: Any = said["extra"]
    for name in ("dossier", "registered"):
        extra = extra.get(name, extra) if isinstance(extra, dict) else None
    if not isinstance(extra, dict) or "version" not in extra:
        return None
    runs = [(run["run_id"], run["state"]) for run in said["created_dagruns"] if run["dag_id"] == dag]
    return Event(str(extra["version"]), tuple(runs))
