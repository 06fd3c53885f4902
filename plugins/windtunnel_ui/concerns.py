"""Whether anything is wrong with a model, and whether anything waits: the glance at a line of the Models page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args
from urllib.parse import quote

from windtunnel_ui.runs import Dag, Known
from windtunnel_ui.store import Away, Missing

Level = Literal["bad", "warn", "note"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""The worst first."""
WORDS: dict[Level, str] = {"bad": "Wrong", "warn": "Look", "note": "Well"}

FAILED = ("failed",)


@dataclass(frozen=True)
class Concern:
    """One thing that somebody should look at.

    Attributes:
        level: `bad`: something does not work. `warn`: somebody should decide. `note`: good to know.
        text: One sentence.
        page: Where to look, a path of these pages; empty when it is in Airflow.
        airflow: Where to look, a path of Airflow's UI; empty when it is on these pages.
    """

    level: Level
    text: str
    page: str = ""
    airflow: str = ""


def of(known: Known, summary: dict[str, Any] | Exception, today: date | None = None) -> list[Concern]:
    """Everything about a model that deserves a look, the worst first.

    Args:
        known: What Airflow knows.
        summary: The model's line of the feed, or why there is none.
        today: The day it is.
    """
    today = today or datetime.now(UTC).date()
    dags = dict(known.dags)
    found = _of_feed(known.model, summary)
    if isinstance(summary, dict) and (due := summary["data_due"]) and date.fromisoformat(due) < today:
        ingest = dags.get("ingest")
        held = ", and ingest is paused" if ingest and ingest.paused else ""
        text = f"New rows have been due since {due}{held}."
        found.append(Concern("warn", text, airflow=f"/dags/{known.model}_ingest"))
        if ingest and held:
            dags["ingest"] = replace(ingest, paused=False)  # has been said
    found = [*(concern for dag in dags.values() for concern in _of_dag(dag)), *found]
    return sorted(found, key=lambda concern: LEVELS.index(concern.level))


def word(concerns: list[Concern]) -> tuple[Level, str]:
    """The worst of them as a word."""
    level: Level = concerns[0].level if concerns else "note"
    return level, WORDS[level]


def run_path(dag_id: str, run_id: str) -> str:
    """Of a run in Airflow's UI."""
    return f"/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}"


def _of_dag(dag: Dag) -> list[Concern]:
    found = []
    if dag.paused and dag.locked:
        by = f"paused by {dag.paused_by}" if dag.paused_by else "paused"
        found.append(Concern("bad", f"{dag.dag_id} is {by}: it runs for nobody.", airflow=f"/dags/{quote(dag.dag_id)}"))
    elif dag.paused:
        found.append(Concern("note", f"{dag.dag_id} is paused.", airflow=f"/dags/{quote(dag.dag_id)}"))
    if dag.last and dag.last.state in FAILED:
        text = f"The last run of {dag.dag_id} failed."
        found.append(Concern("bad", text, airflow=run_path(dag.dag_id, dag.last.run_id)))
    return found


def _of_feed(model: str, summary: dict[str, Any] | Exception) -> list[Concern]:
    here = f"/models/{model}"
    if isinstance(summary, Missing):
        return [Concern("note", "Nothing has happened yet: ingest its first month.", airflow=f"/dags/{model}_ingest")]
    if isinstance(summary, Away):
        return [Concern("warn", f"What the ledger says cannot be shown. {summary}")]
    if isinstance(summary, Exception):
        return [Concern("bad", f"What the ledger says cannot be read. {summary}")]
    found = []
    if summary["away_seconds"]:
        text = f"S3 does not answer; this is what it said {summary['away_seconds'] / 60:.0f} minutes ago."
        found.append(Concern("warn", text))
    verdict = summary["verdict"]
    if verdict and verdict["word"] != "ignore":
        level: Level = "bad" if verdict["word"] == "retrain" else "warn"
        found.append(Concern(level, f"The monitor says {verdict['word']}.", page=f"{here}/drift"))
    if summary["refused"]:
        text = f"The rows of {summary['refused']} were refused; nothing of them was published."
        found.append(Concern("bad", text, page=f"{here}/data?window={summary['refused']}"))
    if not summary["champion"]:
        found.append(Concern("note", "No version is in service yet.", page=here))
    return found
