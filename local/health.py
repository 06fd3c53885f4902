"""Whether the services of a place are healthy, and a first request of each kind to an API server that starts lazily.

`python -m local.health NAME` ends with 0 when Airflow says so of that service: the health check of its container.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from datetime import datetime
from typing import Any

from local.keys import passwords
from local.place import Place, place

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def unhealthy(where: Place, since: datetime) -> list[str]:
    """Names of the services that are not healthy, by what they answer or have written since a time."""
    waiting = [] if answers(where.aws_url) else ["aws"]
    report = _get(where.web_url + "/api/v2/monitor/health")
    if report is None:
        return [*waiting, "api-server", "scheduler", "dag-processor", "triggerer"]
    for service in ("scheduler", "dag_processor", "triggerer"):
        seen = (report.get(service) or {}).get(f"latest_{service}_heartbeat")
        # The heartbeat of an earlier life counts as healthy for half a minute; it must not here.
        if not seen or datetime.fromisoformat(seen.replace("Z", "+00:00")) < since:
            waiting.append(service.replace("_", "-"))
    return waiting


def said_healthy(where: Place, service: str) -> bool:
    """Whether Airflow says that one of its services is healthy; `api-server` is when it says anything."""
    report = _get(where.web_url + "/api/v2/monitor/health") or {}
    if service == "api-server":
        return bool(report)
    return (report.get(service.replace("-", "_")) or {}).get("status") == "healthy"


def answers(url: str) -> bool:
    """Whether a server is there, whatever it says."""
    try:
        _OPENER.open(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def warm(where: Place) -> None:
    """Have the API server load what it loads at the first request: 3.5 s of processor time that a person would wait for."""
    token = sign_in(where, "vic")
    for path in ("/api/v2/dags?limit=1", "/ui/config", "/ui/dags?dag_runs_limit=1", "/api/v2/assets?limit=1"):
        _get(where.web_url + path, token)
    answers(where.web_url + "/execution/health")


def sign_in(where: Place, person: str) -> str:
    """A bearer token of one of the people of the place."""
    body = json.dumps({"username": person, "password": passwords(where.home)[person]}).encode()
    request = urllib.request.Request(
        where.web_url + "/auth/token", body, {"Content-Type": "application/json"}, method="POST"
    )
    with _OPENER.open(request, timeout=60) as answer:
        return str(json.load(answer)["access_token"])


def _get(url: str, token: str | None = None) -> dict[str, Any] | None:
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token} if token else {})
    try:
        with _OPENER.open(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):  # not there yet, or no JSON yet
        return None


if __name__ == "__main__":
    sys.exit(not said_healthy(place(), sys.argv[1]))
