"""The commands of `python -m windtunnel`, in one table: what each asks for, whom it asks, how the answer is shown."""

from __future__ import annotations

import csv
import getpass
import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from windtunnel import wording
from windtunnel.aws import drills, ledger, outbox, questions, verdicts
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import (
    Champion,
    Drilled,
    Entry,
    History,
    Proof,
    Recovered,
    Swept,
    Told,
    Verdict,
    VersionRecord,
)
from windtunnel.core.errors import SourceMissing, WindowInvalid
from windtunnel.core.settings import settings
from windtunnel.stages.rollback import rollback
from windtunnel.stages.show import show
from windtunnel.stages.sweep import sweep


@dataclass(frozen=True)
class Argument:
    """One argument of a command, as argparse takes it."""

    name: str
    about: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        about: One sentence.
        arguments: In the order they are given.
        run: Takes the arguments by name; raises the project's errors.
        text: What `run` answered, for a person.
    """

    about: str
    arguments: tuple[Argument, ...]
    run: Callable[..., Any]
    text: Callable[[Any], str]


def _champion(champion: Champion | None) -> str:
    return wording.fields(champion) if champion else "nothing is in service"


def _versions(records: list[VersionRecord]) -> str:
    return wording.table(
        ("version", "state", "created_at", "dataset_tag", "snapshot_id", "requested_by", "reason"),
        wording.rows(records),
    )


def _history(history: History) -> str:
    return "\n\n".join([wording.fields(history.record), *map(_entry, history.entries)])


def _entry(entry: Entry) -> str:
    """What happened, then the evidence, each on a line of its own: addresses are too long for a table."""
    epoch = "" if entry.epoch is None else f", epoch {entry.epoch}"
    told = [f"{entry.sequence}  {entry.state}  {wording.cell(entry.at)}  by {entry.by}{epoch}", f"   {entry.why}"]
    return "\n".join([*told, *(f"   {name}  {value}" for name, value in entry.evidence.items())])


def _live_at(model: str, moment: str) -> Champion | None:
    try:
        return ledger.live_at(model, datetime.fromisoformat(moment))
    except ValueError as error:
        raise WindowInvalid(
            f"`{moment}` is not a moment. Write `2026-11-20T14:30`, in UTC, or with its zone."
        ) from error


def _orphans(model: str, *, remove: bool) -> Swept:
    return sweep(model, owner=f"orphans:{getpass.getuser()}", remove=remove)


def _swept(swept: Swept) -> str:
    columns = ("kind", "name", "version", "created_at", "usd_per_hour")
    return f"{wording.table(columns, wording.rows(swept.orphans))}\n\n{swept.sentence}"


def _drills(found: list[Drilled]) -> str:
    columns = ("drilled_at", "from", "back_to", "seconds")
    rows = [
        dict(zip(columns, (each.drilled_at, each.forth.version, each.back.version, each.back.seconds), strict=True))
        for each in found
    ]
    return wording.table(columns, rows)


def _verdicts(found: list[Verdict]) -> str:
    columns = ("window", "version", "word", "asks", "labels_until", "sentence")
    rows = [{name: getattr(each, name) for name in columns} for each in found]
    return wording.table(columns, [{**row, "asks": "yes" if row["asks"] else "no"} for row in rows])


def _alerts(found: list[Told]) -> str:
    columns = ("told_at", "severity", "title", "waiting", "link")
    rows = [
        {**each.alert.to_json(), "told_at": each.told_at, "waiting": ", ".join(each.waiting) or None} for each in found
    ]
    return wording.table(columns, rows)


def _predict(model: str, *, file: str) -> list[list[str]]:
    if file == "-":
        return list(questions.answered(model, sys.stdin))
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as opened:
            return list(questions.answered(model, opened))
    except OSError as error:
        raise SourceMissing(
            f"`{file}` cannot be read: {error.strerror}. Give the path of a CSV file, or `-`."
        ) from error


def _lines(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().rstrip("\n")


def _rollback(model: str, *, to: str | None, because: str) -> Proof:
    return rollback(model, to, by=getpass.getuser(), why=because)


def _roles(*, airflow: str | None) -> list[dict[str, Any]]:
    # httpx costs 0.2 s, and no other command needs it.
    from windtunnel.orchestration import roles

    changes = roles.sync(airflow or settings().airflow_url, settings().airflow_token)
    return [{**change._asdict(), "rights": [" on ".join(right) for right in change.rights]} for change in changes]


def _changes(changes: list[dict[str, Any]]) -> str:
    lines = [f"{change['role']}: {change['change']}: {', '.join(change['rights'])}" for change in changes]
    return "\n".join(lines) or "All roles are as they should be."


def _reconcile(model: str, *, airflow: str | None, apply: bool, turn_on: bool) -> Recovered:
    # httpx and Airflow cost a second, and no other command but `roles` needs them.
    from windtunnel.recovery import recover

    return recover(model, airflow, apply=apply, turn_on=turn_on)


def _recovered(found: Recovered) -> str:
    from windtunnel.recovery import text

    return text(found)


def _known(run: Callable[..., Any]) -> Callable[..., Any]:
    """The same for models that exist; a slip of the pen is not an empty ledger."""

    def checked(model: str, **given: Any) -> Any:
        return run(model_spec(model).name, **given)

    return checked


MODEL = Argument("model", "Name of the model.")
_VERSION = Argument("version", "Such as `V1.2.14`.")
_AIRFLOW = Argument("--airflow", "Address of Airflow; without it `WINDTUNNEL_AIRFLOW_URL`.", {"metavar": "URL"})

COMMANDS: dict[str, Command] = {
    "live": Command("What is in service.", (MODEL,), _known(ledger.live), _champion),
    "live-at": Command(
        "What was in service at a moment.",
        (MODEL, Argument("moment", "Such as `2026-11-20T14:30`, in UTC.")),
        _known(_live_at),
        _champion,
    ),
    "history": Command(
        "A version and everything that happened to it.", (MODEL, _VERSION), _known(ledger.history), _history
    ),
    "versions": Command("All versions of a model.", (MODEL,), _known(ledger.versions), _versions),
    "snapshot": Command(
        "The versions that were trained on a dataset snapshot.",
        (MODEL, Argument("snapshot_id", "As the lake names it.")),
        _known(ledger.of_snapshot),
        _versions,
    ),
    "image": Command(
        "The versions that an image trained and serves.",
        (MODEL, Argument("image", "As it stands in the plan.")),
        _known(ledger.of_image),
        _versions,
    ),
    "export": Command(
        "Write every entry of the ledger to S3, once, and list the addresses.",
        (MODEL,),
        _known(ledger.export),
        "\n".join,
    ),
    "orphans": Command(
        "The endpoints, endpoint configs and models that no version needs; `--remove` ends them.",
        (MODEL, Argument("--remove", "Delete them, one by one.", {"action": "store_true"})),
        _known(_orphans),
        _swept,
    ),
    "rollback": Command(
        "Bring an earlier version back into service, and prove it: for when Airflow is away.",
        (
            MODEL,
            Argument("--to", "Such as `V1.2.14`; without it the last good one.", {"metavar": "VERSION"}),
            Argument("--because", "Goes on record with both versions.", {"required": True, "metavar": "REASON"}),
        ),
        _known(_rollback),
        wording.fields,
    ),
    "verdicts": Command(
        "What monitoring said, by window: the word, whether it started a retrain, and why.",
        (MODEL,),
        _known(verdicts.verdicts),
        _verdicts,
    ),
    "alerts": Command(
        "What people were told, and which channels have not taken it yet.", (MODEL,), _known(outbox.told), _alerts
    ),
    "show": Command(
        "Bring the pages of the Airflow UI to what stands now; the DAGs do it at their ends.",
        (MODEL,),
        _known(show),
        lambda shown: f"Generation {shown.generation}, read at {wording.cell(shown.at)}.",
    ),
    "predict": Command(
        "Ask the live endpoint about each row of a CSV file; answers the file with one more column, `prediction`.",
        (
            MODEL,
            Argument(
                "--file", "CSV with a header that has every feature; `-` reads standard input.", {"required": True}
            ),
        ),
        _known(_predict),
        _lines,
    ),
    "explain": Command(
        "What the live endpoint answers to one row, and what each feature adds to that.",
        (MODEL, Argument("--row", "A JSON object with a value per feature.", {"required": True})),
        _known(questions.explained),
        lambda found: "\n".join(f"{name:24}{value:12.4f}" for name, value in found.items()),
    ),
    "reconcile": Command(
        "After Airflow's database was lost: what stands, and what takes on each version that was on its way.",
        (
            MODEL,
            _AIRFLOW,
            Argument("--apply", "Create the events that Airflow lacks, show the pages.", {"action": "store_true"}),
            Argument("--turn-on", "Turn on the model's DAGs that are paused.", {"action": "store_true"}),
        ),
        _known(_reconcile),
        _recovered,
    ),
    "drills": Command("How many seconds each drill of the way back took.", (MODEL,), _known(drills.drills), _drills),
    "roles": Command(
        "Make our roles on an Airflow what `people.py` says, as `WINDTUNNEL_AIRFLOW_TOKEN`; say what was changed.",
        (_AIRFLOW,),
        _roles,
        _changes,
    ),
}
