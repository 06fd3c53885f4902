"""Runs as a program: plants DAGs of models into Airflow's database, as the DAG processor would write them."""

from __future__ import annotations

import sys

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session

STAGES = {
    "ingest": "people",
    "retrain": "people",
    "approve": "people",
    **dict.fromkeys(("train", "shadow", "rollout", "rollback", "monitor", "deliver", "housekeeping"), "locked"),
}


def main() -> None:
    """Ten DAGs for each model named on the command line."""
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
