"""Airflow's REST API as one person sees it: what `make demo` and the tests drive the journey with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

ATTEMPTS = 5
TAKEN_SECONDS = 180
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}


class AirflowRefused(Exception):
    """The API answered with an error; the message holds the request and what came back."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        request = response.request
        super().__init__(f"{request.method} {request.url}: {self.status} {response.text[:500]}")


class AirflowApi:
    """A signed-in person.

    Args:
        url: Address of the UI, e.g. `http://127.0.0.1:8080`.
        user: User name.
        password: Password.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        # The machine's proxy has no business on the loopback address. A connection each: the API server closes one
        # behind an answer of 500, and a request that is sent on it at that moment is lost.
        once = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=self.url, timeout=60, trust_env=False, limits=once)
        token = self._answer(self._http.post("/auth/token", json={"username": user, "password": password}))
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"

    def get(self, path: str, **query: Any) -> Any:
        """GET below /api/v2."""
        return self._repeat(lambda: self._http.get(f"/api/v2{path}", params=query))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """POST below /api/v2; not repeated, since it may have taken effect."""
        return self._answer(self._http.post(f"/api/v2{path}", json=body))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """PATCH below /api/v2."""
        return self._repeat(lambda: self._http.patch(f"/api/v2{path}", json=body))

    def status(self, method: str, path: str, body: dict[str, Any] | None = None) -> int:
        """The HTTP status of a request, for those who ask what is allowed."""
        return self._http.request(method, f"/api/v2{path}", json=body).status_code

    def pause(self, dag: str, *, paused: bool = True) -> None:
        """Pause or unpause a DAG."""
        self.patch(f"/dags/{dag}", {"is_paused": paused})

    def trigger(self, dag: str, **form: Any) -> dict[str, Any]:
        """Start a run by hand with the values of the DAG's form."""
        return dict(self.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": form}))

    def clear_failed(self, run: dict[str, Any]) -> None:
        """Run what failed in a run again, and what stands behind it."""
        self.post(f"{_path(run)}/clear", {"dry_run": False, "only_failed": True})

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """All runs of a DAG, oldest first."""
        return list(self.get(f"/dags/{dag}/dagRuns", limit=100, order_by="id")["dag_runs"])

    def run(self, run: dict[str, Any]) -> dict[str, Any]:
        """A run as it is now."""
        return dict(self.get(_path(run)))

    def started_by(self, dag: str, cause: dict[str, Any]) -> dict[str, Any] | None:
        """The run of a DAG that an asset event of another run started."""
        run: dict[str, Any]
        for run in reversed(self.runs(dag)):
            try:
                answer = self._http.get(f"/api/v2{_path(run)}/upstreamAssetEvents")
                events = self._answer(answer)["asset_events"]
            except AirflowRefused as refused:
                # Airflow 3.3.1 cannot show an event while a run that it started still waits in the queue.
                if refused.status != 500:
                    raise
                continue
            except httpx.TransportError:
                continue  # whoever waits asks again
            if any(
                (event["source_dag_id"], event["source_run_id"]) == (cause["dag_id"], cause["dag_run_id"])
                for event in events
            ):
                return run
        return None

    def tasks(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """The task instances of a run."""
        return list(self.get(f"{_path(run)}/taskInstances")["task_instances"])

    def result(self, run: dict[str, Any], task: str, key: str = "return_value") -> Any:
        """What a task returned."""
        return self.get(f"{_path(run)}/taskInstances/{task}/xcomEntries/{key}", stringify=False)["value"]

    def log(self, run: dict[str, Any], task: str, attempt: int = 1) -> str:
        """The log of a task, as text."""
        answer = self.get(f"{_path(run)}/taskInstances/{task}/logs/{attempt}", full_content=True)
        return "\n".join(_text(line) for line in answer["content"])

    def answer(self, run: dict[str, Any], task: str, choice: str, **params: Any) -> None:
        """Answer a human-in-the-loop task."""
        body = {"chosen_options": [choice], "params_input": params}
        self.patch(f"{_path(run)}/taskInstances/{task}/-1/hitlDetails", body)

    def decide(self, run: dict[str, Any], task: str, choice: str, **params: Any) -> None:
        """Answer a human-in-the-loop task, and look that the answer was taken.

        Airflow 3.3.1 can lose an answer that comes in the very second of the question; it then asks anew.
        """
        until = time.monotonic() + TAKEN_SECONDS
        while self.state(run, task) in {"awaiting_input", "up_for_retry", "queued", "scheduled", "running"}:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"`{task}` did not take the answer `{choice}` in {TAKEN_SECONDS} s: {self.link(run)}"
                )
            if self.state(run, task) == "awaiting_input":
                self.answer(run, task, choice, **params)
            time.sleep(1)

    def state(self, run: dict[str, Any], task: str) -> str | None:
        """State of a task of a run."""
        return next((found["state"] for found in self.tasks(run) if found["task_id"] == task), None)

    def link(self, run: dict[str, Any], task: str | None = None) -> str:
        """Address of a run, or of one of its tasks, in the UI."""
        below = f"/tasks/{task}" if task else ""
        return f"{self.url}/dags/{run['dag_id']}/runs/{run['dag_run_id']}{below}"

    def _repeat(self, send: Callable[[], httpx.Response]) -> Any:
        """The answer to a request that may be sent again: a busy SQLite refuses a write now and then."""
        for _ in range(ATTEMPTS - 1):
            try:
                response = send()
            except httpx.TransportError:
                time.sleep(1)
                continue
            if not response.is_server_error:
                return self._answer(response)
            time.sleep(1)
        return self._answer(send())

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if response.is_error:
            raise AirflowRefused(response)
        return response.json() if response.content else None


def wait(what: str, look: Callable[[], Any], seconds: float, every: float = 0.5) -> Any:
    """Look until something is there.

    Raises:
        TimeoutError: It is not there after so many seconds.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(every)
    raise TimeoutError(f"{what}: not there after {seconds:.0f} s")


def ended(run: dict[str, Any]) -> bool:
    """Whether a run has come to its end."""
    return run["state"] in ENDED


def failures(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tasks that failed by themselves, not because of another."""
    return (task for task in tasks if task["state"] == "failed")


def _text(line: dict[str, Any] | str) -> str:
    if isinstance(line, str):
        return line
    raised = [f"{error['exc_type']}: {error['exc_value']}" for error in line.get("error_detail") or ()]
    return "\n".join([str(line.get("event", line)), *raised])


def _path(run: dict[str, Any]) -> str:
    return f"/dags/{run['dag_id']}/dagRuns/{run['dag_run_id']}"
