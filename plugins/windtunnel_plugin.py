"""Declares the pages of windtunnel in the Airflow UI, nothing else: every Airflow process imports this file."""

from __future__ import annotations

import logging
from typing import Any

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

PREFIX = "/windtunnel"


class WindtunnelPlugin(AirflowPlugin):
    """Pages that show what windtunnel knows of each model; read-only."""

    name = "windtunnel"

    external_views = [  # noqa: RUF012 - Airflow's own way
        {
            "name": "Models",
            "href": f"{PREFIX}/models",
            "url_route": "models",
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{PREFIX}/static/models.svg",
            "icon_dark_mode": f"{PREFIX}/static/models-dark.svg",
        },
        {"name": "Model", "href": f"{PREFIX}/dags/{{DAG_ID}}", "url_route": "model", "destination": "dag"},
        {
            "name": "Dossier",
            "href": f"{PREFIX}/dags/{{DAG_ID}}/run?run_id={{RUN_ID}}",
            "url_route": "dossier",
            "destination": "dag_run",
        },
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Made when it is asked for: by the API server alone. Tasks and the scheduler do not pay for the pages."""
        try:
            from windtunnel_ui.app import app
        except ImportError:
            log.exception("The pages of windtunnel are closed: this Airflow is not the one they were made for.")
            return []
        return [{"app": app, "url_prefix": PREFIX, "name": "windtunnel"}]
