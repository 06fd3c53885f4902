"""The whole journey on real flights, top to bottom. Each step says what it does and why. Run by `make demo`.

The demo only does what people do: it signs in to Airflow and uses its REST API, as `admin` for the engineer's part and
as the reviewer `rita` for the approval; and it asks the live endpoint, as a customer's program would.
"""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.airflow_api import AirflowApi, ended, failures, wait
from local.keys import passwords
from local.place import place
from local.screen import Screen

MODEL = "flights"
HISTORY = ("2013-01", "2013-02", "2013-03", "2013-04")
NEXT = "2013-05"
LONGEST_STEP_SECONDS = 600


def main() -> None:
    where = place()
    people = passwords(where.home)
    airflow = AirflowApi(where.web_url, "admin", people["admin"])
    rita = AirflowApi(where.web_url, "rita", people["rita"])
    screen = Screen()

    screen.title("January to April arrive, month by month: landed, checked, audited on a branch, published")
    published = ingest(airflow, screen, HISTORY)

    screen.title("Three months train a candidate, April judges it beside two baselines; it is registered")
    registered = follow(airflow, screen, f"{MODEL}_train", since=published, until_task="register")

    screen.title("A reviewer reads what it is made of and says yes")
    approved = approve(rita, screen, registered)

    screen.title("Rollout: deploy, then prove that the endpoint serves exactly this version")
    proof = follow(airflow, screen, f"{MODEL}_rollout", since=approved, until_task="prove")

    screen.title("The first week of May leaves New York: every departure asks the endpoint")
    flights = ask(screen, days=7)

    screen.title("May arrives, and with it the truth about those flights")
    published = ingest(airflow, screen, (NEXT,))

    screen.title("Monitor: captured answers meet their labels; drift is measured; Evidently draws the report")
    report = follow(airflow, screen, f"{MODEL}_monitor", since=published, until_task="report")

    screen.ending(airflow, where, flights, registered, proof, report)
