"""The last lines of the demo: one flight's prediction beside its truth, the metrics, and where to look next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.airflow_api import AirflowApi
    from local.place import Place
    from local.screen import Screen
    from local.traffic import Answered

METRICS = ("mse", "rmse", "mae", "r2")
COMPARED = {"": "this version", "linear_": "linear baseline", "seasonal_naive_": "seasonal-naive baseline"}


def show(
    screen: Screen,
    airflow: AirflowApi,
    where: Place,
    flights: list[Answered],
    *,
    dossier: dict[str, Any],
    measured: dict[str, Any],
    report: dict[str, Any],
    gate: dict[str, Any],
) -> None:
    """Print what the journey came to.

    Args:
        screen: Where to.
        airflow: For links into the UI.
        where: The running copy; reports are saved in its folder of state.
        flights: Flights the endpoint was asked about.
        dossier: The `Dossier` of the version in service.
        measured: The `MeasuredPredictions` of the month that arrived last.
        report: Its `MonitoringReport`.
        gate: The `Gate`'s answer to the challenger that this month trained.
    """
    evaluated = dossier["registered"]["evaluated"]
    unit = evaluated["unit"]
    shown = next(flight for flight in flights if flight.happened == flight.happened)  # NaN: cancelled or diverted
    screen.title("The endpoint's answer to one real flight")
    screen.text(
        f"{shown.key} left {shown.features['dep_delay']:+.0f} {unit} off schedule.",
        f"predicted arrival {shown.predicted:+.1f} {unit}, true arrival {shown.happened:+.0f} {unit}",
    )
    newest = report["reports"][max(report["reports"])]
    screen.title("How well")
    served = measured["windows"][-1]["metrics"]
    rows = [
        [f"{label}, April holdout", *(f"{evaluated['metrics'][prefix + name]:.2f}" for name in METRICS)]
        for prefix, label in COMPARED.items()
    ]
    rows.append([f"live endpoint, {report['labelled']:,} flights of May", *(f"{served[name]:.2f}" for name in METRICS)])
    screen.table(["", f"MSE ({unit}²)", f"RMSE ({unit})", f"MAE ({unit})", "R2"], rows)
    screen.title("What the monitor says")
    screen.text(f"{report['verdict']}: {report['sentence']}")
    screen.title("Look for yourself")
    screen.text(
        f"Airflow        {airflow.url}   (who may log in: {where.home / 'passwords.json'})",
        f"models         {airflow.url}/plugin/models   one glance: what is wrong, what is in service, what waits for whom",
        f"drift report   {_opened(where, newest['html'])}",
        f"its numbers    {_opened(where, newest['json'])}",
        f"data docs      {_opened(where, evaluated['plan']['dataset']['report'])}",
        f"dossier        {_opened(where, dossier['page'])}",
        f"challenger     {_opened(where, gate['report'])}",
        f"next           {airflow.url}/dags/flights_retrain   as sam: ask for a retrain, and force it past the gate",
        "stop           make down",
    )
    screen.text("", f"The journey took {screen.seconds:.0f} s.")


def _opened(where: Place, uri: str) -> str:
    """The address of an object as a browser opens it: the embedded AWS lets anyone on this machine read."""
    return f"{where.aws_url}/{uri.removeprefix('s3://')}"
