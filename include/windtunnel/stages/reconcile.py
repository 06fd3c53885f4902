"""reconcile: what the live endpoint really serves, compared with what the ledger says is live; people are told."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from windtunnel.aws import artefacts, endpoint, ledger, registry
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import Alert, Champion, Reconciled
from windtunnel.core.errors import ServiceUnavailable, quoted
from windtunnel.core.settings import settings
from windtunnel.ml import rehearsal
from windtunnel.stages.alert import tell

log = logging.getLogger(__name__)


def reconcile(model: str) -> Reconciled | None:
    """Look whether the endpoint serves the ledger's version, and page somebody where it does not.

    Returns:
        What was found; None: nothing is in service yet.

    Raises:
        CommitConflict: The message could not be stored, so it would be lost: try again.
        ServiceUnavailable: The ledger changed during the look; the next try sees the new version.
    """
    seen = _look(model)
    if seen is None:
        return None
    found, alert = seen
    if alert:
        tell(alert)
    log.info("reconcile: %s", found.sentence)
    return found


def look(model: str) -> Reconciled | None:
    """The same look for a person who asks: nobody is paged.

    Raises:
        ServiceUnavailable: The ledger changed during the look; the next try sees the new version.
    """
    seen = _look(model)
    return seen and seen[0]


def _look(model: str) -> tuple[Reconciled, Alert | None] | None:
    """What was found, and the message about it where there is a difference.

    Compared are the config, the model package behind it, the capture, and the golden rows answered as offline: somebody
    may have changed the endpoint by hand, and a release that died half-way leaves it where it was.
    """
    champion = ledger.live(model)
    if champion is None:
        log.info("reconcile: nothing to do, nothing of %s is in service", model)
        return None
    log.info(
        "reconcile: %s should serve %s with %s",
        endpoint.endpoint_name(model),
        champion.version,
        champion.endpoint_config,
    )
    found = endpoint.describe(model)
    under_way = _under_way(champion, found)
    difference = None if under_way else _difference(champion, found)
    if ledger.live(model) != champion:
        raise ServiceUnavailable(f"What is live of `{model}` changed while it was looked at. This is tried again.")
    sentence = (
        under_way or difference or f"`{endpoint.endpoint_name(model)}` serves {champion.version} as it was proved."
    )
    agrees = None if under_way else difference is None
    reconciled = Reconciled(model=model, version=champion.version, agrees=agrees, sentence=sentence)
    return reconciled, _alert(champion, found, difference) if difference else None


def _under_way(champion: Champion, found: dict[str, Any] | None) -> str | None:
    """Why nothing can be said now: the endpoint is changing, or a release is about to change it."""
    if found and found["EndpointStatus"] in endpoint.UNDER_WAY:
        return f"`{found['EndpointName']}` is {found['EndpointStatus']}: it is looked at again next time."
    # A release whose task died long ago is not under way: nobody will end it.
    most = timedelta(seconds=model_spec(champion.model).rollout.most_seconds + settings().lease_seconds)
    for record in ledger.versions(champion.model):
        if record.state == "releasing":
            begun = ledger.history(champion.model, record.version).entries[-1].at
            if datetime.now(UTC) - begun < most:
                return (
                    f"{record.version} is being released since {begun:%Y-%m-%d %H:%M} UTC: it is looked at next time."
                )
    return None


def _difference(champion: Champion, found: dict[str, Any] | None) -> str | None:
    """What is not as the ledger says, in a sentence; None where all is."""
    name = endpoint.endpoint_name(champion.model)
    if found is None:
        return f"The endpoint `{name}` is gone; the ledger says that {champion.version} is live."
    if found["EndpointStatus"] != "InService":
        said = found.get("FailureReason", "no reason given")
        return f"`{name}` is {found['EndpointStatus']}, not serving {champion.version}. SageMaker says: {said}."
    config = endpoint.describe_config(found["EndpointConfigName"])
    if config is None:
        return (
            f"The config `{found['EndpointConfigName']}` of `{name}` is gone: what it serves cannot be told, and a "
            "restart of the fleet would find nothing."
        )
    return _other_package(champion, config) or _other_config(champion, found, config) or _other_answers(champion)


def _other_package(champion: Champion, config: dict[str, Any]) -> str | None:
    described = [
        client("sagemaker").describe_model(ModelName=variant["ModelName"]) for variant in config["ProductionVariants"]
    ]
    served = [made.get("Containers", [{}])[0].get("ModelPackageName") for made in described]
    if served == [champion.package_arn]:
        return None
    return (
        f"`{endpoint.endpoint_name(champion.model)}` serves {quoted(map(str, served))}; the ledger says "
        f"{champion.version}, `{champion.package_arn}`."
    )


def _other_config(champion: Champion, found: dict[str, Any], config: dict[str, Any]) -> str | None:
    """A shadow brings a config of its own, with the capture of the champion's; all else is not what was proved."""
    shadowed = bool(found.get("ShadowProductionVariants"))
    if found["EndpointConfigName"] != champion.endpoint_config and not shadowed:
        return (
            f"`{found['EndpointName']}` serves {champion.version} by the config `{found['EndpointConfigName']}`, not by "
            f"`{champion.endpoint_config}` as it was proved."
        )
    wanted = int(config.get("DataCaptureConfig", {}).get("InitialSamplingPercentage", 0))
    captured = endpoint.captured_percent(found)
    if captured != wanted:
        return f"`{found['EndpointName']}` captures {captured} % of its requests, not {wanted} %: monitoring is blind."
    return None


def _other_answers(champion: Champion) -> str | None:
    artefact = artefacts.fetch(registry.read(champion.package_arn).evaluated)
    golden, *_ = rehearsal.questions(artefact)
    reply = endpoint.ask(endpoint.endpoint_name(champion.model), golden)
    check = rehearsal.judge(golden, reply, artefact.golden.tolerance)
    return None if check.passed else f"{champion.version} on the live endpoint: {check.sentence}"


def _alert(champion: Champion, found: dict[str, Any] | None, difference: str) -> Alert:
    """The same endpoint in the same state is one incident, however often it is looked at."""
    model = champion.model
    state = f"{found['LastModifiedTime']:%Y-%m-%dT%H:%M:%S}" if found else "gone"
    return Alert(
        model=model,
        key=f"reconcile/{champion.version}/{champion.live_since:%Y-%m-%dT%H:%M:%S}/{state}",
        severity="page",
        title=f"{model}: the endpoint is not what the ledger says, {champion.version}"[:100],
        text=f"{difference} Run `{model}_rollback` with an empty Version: it brings back what the ledger says is live.",
        link=f"{settings().airflow_url}/dags/{model}_rollback",
    )
