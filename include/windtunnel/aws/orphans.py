"""Endpoints, endpoint configs and models of ours that serve nobody, and their end.

Ours is what has one of our names *and* was made for a version that this ledger knows: where two deployments share an
account, each sweeps before its own door.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from botocore.exceptions import ClientError

from windtunnel.aws import endpoint, ledger
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core.catalog import model_names
from windtunnel.core.contracts import Orphan
from windtunnel.core.marks import shared_write
from windtunnel.core.prices import usd_per_hour

GRACE = timedelta(days=2)
"""Longer than a shadow stands and than a person takes to mend a run and clear it: what is younger may be adopted."""

_SLUG = re.compile(r"V(\d+)-(\d+)-(\d+)(?:-|$)")


@dataclass(frozen=True)
class _Standing:
    """A resource with one of our names."""

    kind: Literal["endpoint", "endpoint-config", "model"]
    name: str
    version: str | None
    created_at: datetime
    holds: tuple[str, ...] = ()
    "Configs of an endpoint, models of a config."
    usd_per_hour: float | None = 0.0


def orphans(model: str, *, grace: timedelta = GRACE) -> tuple[Orphan, ...]:
    """What no live version, no last good one and no recent run of a model needs.

    Whoever removes them holds the model's lease: a release that begins meanwhile may adopt some of them.

    Args:
        model: Name of the model.
        grace: What is younger is needed.

    Returns:
        In the order in which they can be removed: an endpoint before its config before its models.
    """
    known, young = {record.version for record in ledger.versions(model)}, datetime.now(UTC) - grace
    live, last_good = ledger.live(model), ledger.last_good(model)

    def split(standing: Iterable[_Standing], needed: set[str]) -> tuple[list[_Standing], set[str]]:
        """Those that nobody needs, and what the others hold."""
        lost, held = [], set[str]()
        for each in standing:
            if each.name in needed or each.version not in known or each.created_at > young:
                held.update(each.holds)
            else:
                lost.append(each)
        return lost, held

    endpoints, configs = split(_endpoints(model), {endpoint_name(model)} if live else set())
    configs |= {champion.endpoint_config for champion in (live, last_good) if champion}
    lost_configs, models = split(_configs(model), configs)
    # A config that someone named otherwise, put on our endpoint by hand, holds its models like one of ours.
    models |= {variant["ModelName"] for name in configs for variant in _variants(name)}
    lost_models, _ = split(_models(model), models)
    return tuple(
        Orphan(
            model=model,
            kind=each.kind,
            name=each.name,
            version=str(each.version),
            created_at=each.created_at,
            usd_per_hour=each.usd_per_hour,
        )
        for each in (*endpoints, *lost_configs, *lost_models)
    )


def remove(orphan: Orphan) -> None:
    """Delete an orphan; one that is gone already is as good."""
    sagemaker = client("sagemaker")
    if orphan.kind == "endpoint":
        endpoint.remove(orphan.name)
    elif orphan.kind == "endpoint-config":
        with shared_write("endpoint-config.delete"):
            _unless_gone(lambda: sagemaker.delete_endpoint_config(EndpointConfigName=orphan.name))
    else:
        with shared_write("model.delete"):
            _unless_gone(lambda: sagemaker.delete_model(ModelName=orphan.name))


def _endpoints(model: str) -> Iterator[_Standing]:
    for summary in _listed("list_endpoints", "Endpoints", endpoint_name(model)):
        name = summary["EndpointName"]
        found = endpoint.describe(model, name=name) if _model_of(name) == model else None
        if found is None:
            continue
        served = found.get("EndpointConfigName") or endpoint.heading_for(found)
        # One that is changing is someone's work, and has no version to call it an orphan by.
        settled = found["EndpointStatus"] not in endpoint.UNDER_WAY
        configs = tuple({served, endpoint.heading_for(found)})
        version = _version(model, served) if settled else None
        yield _Standing("endpoint", name, version, found["CreationTime"], configs, _usd_per_hour(found, served))


def _configs(model: str) -> Iterator[_Standing]:
    for summary in _listed("list_endpoint_configs", "EndpointConfigs", f"{model}-V"):
        name = summary["EndpointConfigName"]
        if version := _version(model, name):
            models = tuple(variant["ModelName"] for variant in _variants(name))
            yield _Standing("endpoint-config", name, version, summary["CreationTime"], models)


def _models(model: str) -> Iterator[_Standing]:
    for summary in _listed("list_models", "Models", f"{model}-V"):
        if version := _version(model, summary["ModelName"]):
            yield _Standing("model", summary["ModelName"], version, summary["CreationTime"])


def _version(model: str, name: str) -> str | None:
    """`flights-V1-1-0-live-3f2a91c0` -> `V1.1.0`; None for a name that is not of this model."""
    found = _SLUG.match(name.removeprefix(f"{model}-")) if name.startswith(f"{model}-") else None
    return f"V{found[1]}.{found[2]}.{found[3]}" if found else None


def _model_of(name: str) -> str | None:
    """`windtunnel-flights-eu-staging` belongs to `flights-eu` where there is such a model, not to `flights`."""
    owners = [each for each in model_names() if f"{name}-".startswith(f"{endpoint_name(each)}-")]
    return max(owners, key=len, default=None)


def _usd_per_hour(described: dict[str, Any], config: str) -> float | None:
    """What an endpoint costs now; None where one of its instance types has no price."""
    types = {each["VariantName"]: each.get("InstanceType", "") for each in _variants(config)}
    total = 0.0
    for variant in (*described.get("ProductionVariants", ()), *described.get("ShadowProductionVariants", ())):
        price = usd_per_hour(types.get(variant["VariantName"], ""), variant.get("CurrentInstanceCount", 0))
        if price is None:
            return None
        total += price
    return total


def _variants(config: str) -> list[dict[str, Any]]:
    """The variants that a config declares; none where the config is gone, which an endpoint survives."""
    found = endpoint.describe_config(config) or {"ProductionVariants": []}
    return [*found["ProductionVariants"], *found.get("ShadowProductionVariants", [])]


def _listed(operation: Any, member: str, name: str) -> Iterator[Any]:
    for page in client("sagemaker").get_paginator(operation).paginate(NameContains=name):
        yield from page[member]


def _unless_gone(delete: Callable[[], Any]) -> None:
    try:
        delete()
    except ClientError as error:
        if "Could not find" not in error.response["Error"]["Message"]:
            raise
