"""What the calls of the table are made on: real runs, questions and values, with every DAG paused so that nothing moves."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx

from local.airflow_api import AirflowApi, wait
from local.keys import passwords
from tests import flown
from tests.release.dossiers import waiting
from tests.rights.table import LOCKED, Row
from tests.stack import Stack
from windtunnel.aws import lake, ledger
from windtunnel.orchestration.people import ACCESS

MODEL = "flights"
ASSET = "registered:flights"
TAG = 8
"A generation of the model that no other test of this stack knows."
PROBE = "rights-probe"
ON_ADMIN = f"{MODEL}_deliver"
"The locked DAG that Admin's own calls are made on: it only sends messages, and there are none."
SCHEDULED = f"{MODEL}_housekeeping"
ASK_WHY = ("_retrain", "_rollback")
"Their forms want a reason."
ANSWERED = dict.fromkeys(
    ("dag_run", "task_instance", "xcom"), f"where dag_id != '{MODEL}_approve' or run_id like 'rights-%'"
)
"A run whose question was answered goes on by itself; what was answered is watched as `hitl_detail`."
ANYTHING = {"map_index": "-1", "group_id": "none", "xcom_key": PROBE, "key": PROBE}

WATCHED = {
    "dag": "dag_id, is_paused",
    "dag_run": "dag_id, run_id, state, clear_number, partition_key",
    "task_instance": "dag_id, run_id, task_id, map_index, state, try_number",
    "dag_run_note": "dag_run_id, content",
    "task_instance_note": "ti_id, content",
    "xcom": "dag_id, run_id, task_id, key, value",
    "hitl_detail": "ti_id, chosen_options, responded_at",
    "backfill": "id, is_paused, completed_at",
    "asset_event": "id",
    "asset_dag_run_queue": "asset_id, target_dag_id",
    "task_state_store": "*",
    "asset_state_store": "*",
    "variable": "key, val",
    "connection": "conn_id, conn_type",
    "slot_pool": "pool, slots",
    "ab_user": "username, password, active",
    "ab_user_role": "user_id, role_id",
    "ab_role": "name",
    "ab_permission_view_role": "permission_view_id, role_id",
}
"Tables and columns that a refused call must leave as they were."


class Scene:
    """Everything that a call of the table can name."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.admin: AirflowApi = stack.airflow()
        self._fab = signed_in(stack, "admin")
        dags = self.admin.get("/dags", limit=100)["dags"]
        self.paused = {dag["dag_id"]: dag["is_paused"] for dag in dags}
        self.locked = sorted(dag["dag_id"] for dag in dags if LOCKED in {tag["name"] for tag in dag["tags"]})
        self.asset = self._asset(ASSET)
        self._tokens = {dag["dag_id"]: dag["file_token"] for dag in dags}
        self._runs: dict[str, dict[str, Any]] = {}
        self._backfills: dict[str, int] = {}
        self.questions: list[str] = []

    def lay_out(self) -> None:
        """Ask two questions, pause every DAG, wait until nothing runs, and lay out what can be edited."""
        self._ask(2)
        for dag in self.paused:
            self.admin.pause(dag)
        wait("that nothing runs", self._at_rest, 600)
        for dag in (*self.locked, *(f"{MODEL}_{stage}" for stage in ACCESS)):
            self.renew(dag)
        self.backfill(SCHEDULED)
        self.things()

    def leave(self) -> None:
        """Every DAG stays paused with what was made: these tests come last on their stack."""
        self._fab.close()
        flown.forget()

    def dags(self, row: Row) -> list[str]:
        """The DAGs that a row speaks of; one, where it speaks of none."""
        if row.section == LOCKED:
            return self.locked
        return [f"{MODEL}_{row.section if row.section in ACCESS else 'train'}"]

    def values(self, dag: str) -> dict[str, str]:
        """What stands for each word in braces, for calls on a DAG."""
        run = self._runs[dag]
        return {
            **ANYTHING,
            "dag_id": dag,
            "dag_run_id": run["dag_run_id"],
            "task_id": run["task_id"],
            "task_instance_id": run["task_instance_id"],
            "asset_id": str(self.asset),
            "backfill_id": str(self._backfills.get(dag) or self._backfills[SCHEDULED]),
            "file_token": self._tokens[dag],
            "question_run_id": self.questions[0],
            "variable_key": PROBE,
            "connection_id": PROBE,
            "pool_name": PROBE,
            "username": PROBE,
            "name": PROBE,
            "password": passwords(self.stack.where.home)["vic"],
        }

    def renew(self, dag: str) -> None:
        """A new queued run of a paused DAG, whose first task has an XCom and a state."""
        form = {"conf": {"reason": "For the tests of rights."}} if dag.endswith(ASK_WHY) else {}
        name = f"rights-{uuid.uuid4().hex[:8]}"
        self.admin.post(f"/dags/{dag}/dagRuns", {"dag_run_id": name, "logical_date": None, **form})
        first = self.admin.get(f"/dags/{dag}/dagRuns/{name}/taskInstances", order_by="id")["task_instances"][0]
        self._runs[dag] = {"dag_run_id": name, "task_id": first["task_id"], "task_instance_id": first["id"]}
        at = f"/dags/{dag}/dagRuns/{name}/taskInstances/{first['task_id']}"
        self.admin.post(f"{at}/xcomEntries", {"key": PROBE, "value": 1})
        assert self.admin.status("PUT", f"{at}/state-store/{PROBE}", {"value": "as it was"}) < 300
        self.admin.status("PUT", f"/assets/{self.asset}/state-store/{PROBE}", {"value": "as it was"})

    def things(self) -> None:
        """A variable, a connection, a pool, a person and a role of these tests' own, where they are missing."""
        self.admin.status("POST", "/variables", {"key": PROBE, "value": "1"})
        self.admin.status("POST", "/connections", {"connection_id": PROBE, "conn_type": "aws"})
        self.admin.status("POST", "/pools", {"name": PROBE, "slots": 1})
        self.fab("POST", "/roles", {"name": PROBE, "actions": []})
        names = {"username": PROBE, "email": f"{PROBE}@windtunnel.invalid", "first_name": "P", "last_name": "P"}
        self.fab("POST", "/users", {**names, "password": uuid.uuid4().hex, "roles": [{"name": "Viewer"}]})

    def backfill(self, dag: str) -> None:
        """A backfill of a DAG that has not ended."""
        day = "2013-04-01" if dag == f"{MODEL}_ingest" else "2026-02-02"
        span = {"from_date": f"{day}T00:00:00Z", "to_date": f"{day}T06:00:00Z"}
        open_ = [one for one in self.admin.get("/backfills", dag_id=dag)["backfills"] if not one["completed_at"]]
        made = open_[0] if open_ else self.admin.post("/backfills", {"dag_id": dag, "dag_run_conf": {}, **span})
        self._backfills[dag] = made["id"]

    def fab(self, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        """The status of a call of FAB's own API as Admin."""
        return self._fab.request(method, f"/auth/fab/v1{path}", json=body).status_code

    def changes(self, before: dict[str, set[str]]) -> dict[str, set[str]]:
        """Rows that came, went or became others, by table."""
        now = self.snapshot()
        return {table: before[table] ^ now[table] for table in before if before[table] != now[table]}

    def snapshot(self) -> dict[str, set[str]]:
        """What a refused call must not change."""
        with sqlite3.connect(f"file:{self.stack.where.home}/airflow/airflow.db?mode=ro", uri=True, timeout=60) as data:
            return {
                table: set(map(repr, data.execute(f"select {columns} from {table} {ANSWERED.get(table, '')}")))  # noqa: S608
                for table, columns in WATCHED.items()
            }

    def _ask(self, count: int) -> None:
        """Put versions before the reviewers, as `shadow` does at its end, and wait until `approve` asks."""
        flown.forget()
        lake.ensure()
        ledger.ensure()
        dag = f"{MODEL}_approve"
        self.admin.pause(dag, paused=False)
        for _ in range(count):
            known = self._run_ids(dag)
            event = {"asset_id": self._asset(f"dossier:{MODEL}"), "extra": waiting(tag=TAG).to_json()}
            self.admin.post("/assets/events", event)
            self.questions += wait("the run", partial(self._new_runs, dag, known), 180)
        for run in self.questions:
            wait("the question", partial(self._asks, f"/dags/{dag}/dagRuns/{run}/taskInstances"), 300)

    def _new_runs(self, dag: str, known: set[str]) -> list[str]:
        return sorted(self._run_ids(dag) - known)

    def _asks(self, tasks: str) -> bool:
        """Whether the question is asked and the pages show it: from then on the run stands still."""
        states = [self.admin.get(f"{tasks}/{task}")["state"] for task in ("decide", "show_now")]
        return states == ["awaiting_input", "success"]

    def _at_rest(self) -> bool:
        """Whether no task is at work and no run is under way.

        A run that was under way when its DAG was paused starts no further task and never ends: it is marked as failed.
        """
        if self._under_way("dagRuns/~/taskInstances", "task_instances", ["queued", "running"]):
            return False
        left = self._under_way("dagRuns", "dag_runs", ["queued", "running"])
        for run in left:
            self._end(run)
        return not left

    def _end(self, run: dict[str, Any]) -> None:
        """Mark a run as failed. Airflow waits for its teardowns, which a paused DAG never starts: they are marked first."""
        at = f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
        for task in self.admin.tasks(run):
            if task["state"] is None:
                self.admin.patch(f"{at}/taskInstances/{task['task_id']}", {"new_state": "failed"})
        self.admin.patch(at, {"state": "failed"})

    def _under_way(self, path: str, found: str, states: list[str]) -> list[dict[str, Any]]:
        listed = self.admin.get(f"/dags/~/{path}", state=states, limit=100)[found]
        return [one for one in listed if one["dag_id"] != f"{MODEL}_approve"]  # a question waits for days

    def _run_ids(self, dag: str) -> set[str]:
        return {run["dag_run_id"] for run in self.admin.runs(dag)}

    def _asset(self, name: str) -> int:
        found = self.admin.get("/assets", limit=100)["assets"]
        return int(next(asset["id"] for asset in found if asset["name"] == name))


def signed_in(stack: Stack, person: str | None) -> httpx.Client:
    """Airflow as a person's program sees it; None has not signed in."""
    client = httpx.Client(base_url=stack.where.web_url, timeout=60, trust_env=False)
    if person:
        given = {"username": person, "password": passwords(stack.where.home)[person]}
        client.headers["Authorization"] = f"Bearer {client.post('/auth/token', json=given).json()['access_token']}"
    return client


def parsed(stack: Stack, stages: set[str]) -> Iterator[Scene]:
    """The scene, once every DAG is known."""
    admin, wanted = stack.airflow(), {f"{MODEL}_{stage}" for stage in stages}
    wait("all DAGs", lambda: wanted <= {dag["dag_id"] for dag in admin.get("/dags", limit=100)["dags"]}, 300)
    scene = Scene(stack)
    try:
        scene.lay_out()
        yield scene
    finally:
        scene.leave()
