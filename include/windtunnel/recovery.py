"""Airflow's database is lost: what stands without it, what goes on, and the whole of it as a person reads it."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from windtunnel.aws import ledger
from windtunnel.core.contracts import Recovered, Resumed, Standing, Waiting
from windtunnel.core.errors import LeaseHeld
from windtunnel.core.settings import settings
from windtunnel.orchestration import resume as airflow
from windtunnel.stages.resume import resume
from windtunnel.stages.show import show

ALONE_SECONDS = 300


def recover(model: str, address: str | None, *, apply: bool, turn_on: bool) -> Recovered:
    """Find what stands of a model, what Airflow knows of it, and what it has to be given; with `apply`, give it.

    Args:
        model: Name of the model.
        address: Of Airflow's UI; None: the setting.
        apply: Whether to create events, and to show the model on the pages again.
        turn_on: Whether to turn on the model's DAGs that are paused.

    Raises:
        LeaseHeld: Another call with `apply` is at work.
        RightMissing: Something is to be changed, and there is no token, or its owner may not.
        ServiceUnavailable: Airflow or AWS did not answer; the next call finds what was done.
    """
    if not apply:
        return _recovered(model, address, apply=False, turn_on=turn_on)
    with _alone(model):
        found = _recovered(model, address, apply=True, turn_on=turn_on)
    return found.model_copy(update={"generation": show(model).generation})


def _recovered(model: str, address: str | None, *, apply: bool, turn_on: bool) -> Recovered:
    standing, token, resumed = resume(model), settings().airflow_token, None
    if token or apply or turn_on:
        where = address or settings().airflow_url
        resumed = airflow.resume(model, standing.waiting, where, token, apply=apply, turn_on=turn_on)
    return Recovered(standing=standing, resumed=resumed, applied=apply, generation=None)


@contextmanager
def _alone(model: str) -> Iterator[None]:
    """One at a time: two would both find that Airflow knows nothing yet."""
    owner = f"reconcile:{getpass.getuser()}:{uuid.uuid4().hex[:8]}"
    try:
        lease = ledger.take(f"{model}-recovery", owner, seconds=ALONE_SECONDS)
    except LeaseHeld as held:
        raise LeaseHeld(
            f"Another `reconcile {model} --apply` is at work. Wait for its end, then repeat. {held}"
        ) from held
    try:
        yield
    finally:
        ledger.give_back(lease)


def text(found: Recovered) -> str:
    """What was found and done, for a person."""
    standing, resumed = found.standing, found.resumed
    agreement = {True: "as the ledger says", False: "NOT as the ledger says", None: "nothing can be said"}
    lines = [
        f"in service  {standing.live or 'nothing'}",
        f"endpoint    {agreement[standing.agrees]}: {standing.endpoint}",
        f"registry    {'agrees with the ledger' if not standing.differences else 'differs from the ledger:'}",
        *(f"   {difference}" for difference in standing.differences),
    ]
    said = {taken.version: taken.sentence for taken in resumed.taken} if resumed else {}
    for one in standing.waiting:
        lines += ["", _heading(one), f"   {one.sentence}"]
        if one.stage:
            lines.append(f"   {said.get(one.version, 'Airflow was not asked: set `WINDTUNNEL_AIRFLOW_TOKEN`.')}")
    if not standing.waiting:
        lines += ["", "No version is on its way."]
    return "\n".join([*lines, "", *_changes(standing, resumed, found)])


def _heading(one: Waiting) -> str:
    return f"{one.version}  {one.state} since {one.since:%Y-%m-%d %H:%M} UTC"


def _changes(standing: Standing, resumed: Resumed | None, found: Recovered) -> Iterator[str]:
    if resumed and resumed.turned_on:
        yield f"Turned on: {', '.join(resumed.turned_on)}."
    if resumed and resumed.paused:
        yield f"Paused: {', '.join(resumed.paused)}. `--turn-on` turns them on."
    words = [taken.word for taken in resumed.taken] if resumed else []
    if found.applied:
        yield f"Events created: {words.count('created')}. The pages of {standing.model} are shown, generation {found.generation}."
    else:
        yield f"A plan, no event was created. Events that `--apply` would create: {words.count('to-create')}."
