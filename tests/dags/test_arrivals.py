"""The schedule of `ingest`: each month of a source once, when it is over, and a run that a person asks for has its tasks."""

from __future__ import annotations

from datetime import date

from windtunnel.core.spec import Arrival
from windtunnel.orchestration.arrivals import every_month


def test_a_source_that_ends_has_its_months_and_no_others() -> None:
    dates = [event.date() for event in every_month(Arrival(first="2013-11", last="2014-01")).event_dates]
    assert dates == [date(2013, 12, 1), date(2014, 1, 1), date(2014, 2, 1)]


def test_a_source_that_goes_on_is_looked_at_every_month() -> None:
    assert every_month(Arrival(first="2013-11")).expression == "0 0 1 * *"


def test_no_task_of_any_dag_ends_with_a_date() -> None:
    """Airflow 3.3.1 leaves such a task out of a run that is asked for later, and calls the empty run a success."""
    from airflow.dag_processing.dagbag import BundleDagBag

    from local.place import ROOT

    found = BundleDagBag(dag_folder=ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="dags-folder").dags
    assert found
    ending = {f"{dag_id}.{task.task_id}" for dag_id, dag in found.items() for task in dag.tasks if task.end_date}
    assert not ending, f"{sorted(ending)} have an end_date: bound the schedule instead, see orchestration/arrivals.py"


def test_airflow_reads_the_schedule_back_as_it_wrote_it_down() -> None:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    from local.place import ROOT

    bag = BundleDagBag(dag_folder=ROOT / "dags/ingest.py", bundle_path=ROOT / "dags", bundle_name="dags-folder")
    assert bag.dags
    for dag in bag.dags.values():
        written = DagSerialization.to_dict(dag)
        assert DagSerialization.from_dict(written).timetable.serialize() == written["dag"]["timetable"]["__var"]
