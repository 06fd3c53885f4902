"""The servers of the bench: how each is started, where it takes rows, and in what form."""

from __future__ import annotations

from typing import Any, NamedTuple


class Peer(NamedTuple):
    """A server.

    Attributes:
        start: Its command; `{port}`, `{folder}` and `{bin}` are filled in.
        ready: Path that answers 200 once it serves.
        path: Where rows are sent.
        row: The body for one row, from a dict of features.
        csv: Content type of CSV; None where it reads none. A header is part of the body where the type ends in `+`.
        variables: More of its environment.
    """

    start: str
    ready: str
    path: str
    row: Any
    csv: str | None = None
    variables: dict[str, str] = {}  # noqa: RUF012


def instances(row: dict[str, Any]) -> dict[str, Any]:
    """A request of one row as SageMaker's containers take it."""
    return {"instances": [row]}


def _tensors(row: dict[str, Any]) -> dict[str, Any]:
    kinds: dict[type, str] = {int: "INT64", float: "FP64", str: "BYTES"}
    return {
        "id": "bench",  # else it invents one, and no answer is like another
        "parameters": {"content_type": "pd"},
        "inputs": [
            {
                "name": name,
                "shape": [1, 1],
                "datatype": kinds[type(value)],
                "data": [value],
                **({"parameters": {"content_type": "str"}} if isinstance(value, str) else {}),
            }
            for name, value in row.items()
        ],
    }


SERVERS = {
    "windtunnel": Peer("{bin}/python include/model_image/serve", "/ping", "/invocations", instances, "text/csv"),
    "sagemaker": Peer(
        "{bin}/gunicorn -k gevent -w 1 -b 127.0.0.1:{port} bench.peers.sagemaker_flask:app",
        "/ping",
        "/invocations",
        instances,
        "text/csv",
    ),
    "mlserver": Peer(
        "{bin}/mlserver start {folder}/mlserver", "/v2/health/ready", "/v2/models/flights/infer", _tensors
    ),
    "bentoml": Peer(
        "{bin}/bentoml serve bench.peers.bentoml_service:Flights --port {port} --host 127.0.0.1",
        "/readyz",
        "/predict",
        instances,
        variables={"BENTOML_DO_NOT_TRACK": "1"},
    ),
    "mlflow": Peer(
        "{bin}/mlflow models serve -m {folder}/mlflow --env-manager local -p {port} -h 127.0.0.1 -w 1",
        "/ping",
        "/invocations",
        lambda row: {"dataframe_records": [row]},
        "text/csv+",
        variables={"MLFLOW_DISABLE_TELEMETRY": "true"},
    ),
}
