"""Celery's workers of `make cluster`: which of them answer.

`python -m local.workers NAME` ends with 0 when that one does: the health check of its container.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Mapping

from local.place import ROOT, Place, place

WORKERS = ("worker-1", "worker-2")
"""Their names in the Procfile, in docker-compose.yaml, and to Celery, which adds the host."""

_APP = "airflow.providers.celery.executors.celery_executor.app"
_PING_SECONDS = 5


def silent(where: Place, given: Mapping[str, str]) -> list[str]:
    """Names of the workers that do not answer Celery's ping.

    Args:
        where: The place.
        given: The environment of its services.
    """
    command = [str(where.python("airflow").with_name("celery")), "--app", _APP, "inspect", "--json"]
    command += ["--timeout", str(_PING_SECONDS), "ping"]
    answer = subprocess.run(
        command, cwd=str(ROOT), env=dict(given), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout
    try:
        found = json.loads(answer[answer.index("{") :])
    except ValueError:  # nobody answered, which it says in words
        found = {}
    awake = {name.partition("@")[0] for name in found}
    return [worker for worker in WORKERS if worker not in awake]


if __name__ == "__main__":
    sys.exit(sys.argv[1] in silent(place(), os.environ))
