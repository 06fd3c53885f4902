"""Runs as a program: plants DAGs of models into Airflow's database, as the DAG processor would write them."""

from __future__ import annotations

import sys

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils.session import create_session

STAGES = {
    "ingest": "people",
    "retrain": "people",
    "approve": "people",
    **dict.fromkeys(("train", "shadow", "rollout", "rollback", "monitor", "deliver", "housekeeping"), "locked"),
}


NARROW = ("Website", *(f"DAG:m01_{stage}" for stage in ("ingest", "train", "shadow", "monitor")), "DAG:m03_ingest")
"""What the person `nora` may read and nothing else; FAB's API gives no right on a DAG that no DAG processor has seen."""


def main() -> None:
    """Ten DAGs for each model named on the command line, and nora, whose password is `narrow`."""
    with get_application_builder() as builder:
        role = builder.sm.add_role("Narrow")
        for resource in NARROW:
            builder.sm.add_permission_to_role(role, builder.sm.create_permission("can_read", resource))
        builder.sm.add_user("nora", "Nora", "Narrow", "nora@windtunnel.invalid", role=[role], password="narrow")
    with create_session() as session:
        session.merge(DagBundleModel(name="planted"))
        session.flush()
        for model in sys.argv[1:]:
            for stage, whose in STAGES.items():
                dag_id = f"{model}_{stage}"
                session.merge(
                    DagModel(  # type: ignore[no-untyped-call]
                        dag_id=dag_id,
                        bundle_name="planted",
                        is_paused=False,
                        is_stale=False,
                        fileloc=f"{stage}.py",
                        relative_fileloc=f"{stage}.py",
                    )
                )
                session.merge(DagTag(dag_id=dag_id, name=whose))


if __name__ == "__main__":
    main()
