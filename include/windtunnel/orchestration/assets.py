"""The assets that join the DAGs, in the order of the journey. An event's `extra` is the contract of what was made."""

from __future__ import annotations

from airflow.sdk import Asset


def dataset(model: str) -> Asset:
    """`ingest` published a dataset version (`contracts.DatasetVersion`)."""
    return _asset("dataset", model)


def retrain(model: str) -> Asset:
    """A person or a verdict asked for a retrain (`contracts.TrainingRequest`)."""
    return _asset("retrain", model)


def registered(model: str) -> Asset:
    """`train` registered a version (`contracts.RegisteredVersion`)."""
    return _asset("registered", model)


def dossier(model: str) -> Asset:
    """`shadow` wrote the evidence for a version (`contracts.Dossier`)."""
    return _asset("dossier", model)


def approved(model: str) -> Asset:
    """A reviewer said yes (`contracts.ApprovedVersion`)."""
    return _asset("approved", model)


def live(model: str) -> Asset:
    """`rollout` or `rollback` proved that the endpoint serves a version (`contracts.Proof`)."""
    return _asset("live", model)


def monitored(model: str) -> Asset:
    """`monitor` gave its verdict and wrote its reports (`contracts.MonitoringReport`)."""
    return _asset("monitored", model)


def _asset(state: str, model: str) -> Asset:
    return Asset(name=f"{state}:{model}", uri=f"windtunnel://{model}/{state}")
