"""Everything a fleet is built from, taken down once: the configuration and the containers of its models."""

from __future__ import annotations

import copy

from localaws.context import Context
from localaws.services.endpoint_configs import operations as endpoint_configs
from localaws.services.models import containers
from localaws.services.models import operations as models
from localaws.wire import Document


def drawn(context: Context, config_name: str) -> Document:
    """The blueprint of a configuration as it stands now.

    Raises:
        Invalid: the configuration or one of its models does not exist.
    """
    config = endpoint_configs.found(context, config_name)
    described = {name: models.found(context, name) for name in _model_names(config)}
    return {
        "Config": config,
        "Models": {
            name: {"Containers": containers.resolved(context, model), "Mode": containers.mode(model)}
            for name, model in described.items()
        },
    }


def capacity(blueprint: Document) -> int:
    """Instances of the smallest variant that answers."""
    return min(int(variant["InitialInstanceCount"]) for variant in blueprint["Config"]["ProductionVariants"])


def reweighted(blueprint: Document, variants: list[Document]) -> Document:
    """The blueprint with the weights and counts that variants have now, by name; others keep those of the config."""
    changed = copy.deepcopy(blueprint)
    now = {variant["VariantName"]: variant for variant in variants}
    for variant in changed["Config"]["ProductionVariants"]:
        if variant["VariantName"] in now:
            current = now[variant["VariantName"]]
            variant["InitialVariantWeight"] = current["DesiredWeight"]
            variant["InitialInstanceCount"] = current["DesiredInstanceCount"]
    return changed


def retaining(blueprint: Document, endpoint: Document, excluded: set[str]) -> Document:
    """The blueprint with what the endpoint has now, for RetainAllVariantProperties.

    Args:
        blueprint: What the new configuration says.
        endpoint: The endpoint in service.
        excluded: VariantPropertyTypes to take from the new configuration all the same.
    """
    changed = copy.deepcopy(blueprint)
    now = {variant["VariantName"]: variant for variant in endpoint["ProductionVariants"]}
    for variant in changed["Config"]["ProductionVariants"]:
        current = now.get(variant["VariantName"])
        if current is None:
            continue
        if "DesiredWeight" not in excluded:
            variant["InitialVariantWeight"] = current["DesiredWeight"]
        if "DesiredInstanceCount" not in excluded:
            variant["InitialInstanceCount"] = current["DesiredInstanceCount"]
    capture = endpoint["_live"]["Config"].get("DataCaptureConfig")
    if "DataCaptureConfig" not in excluded and capture is not None:
        changed["Config"]["DataCaptureConfig"] = capture
    return changed


def _model_names(config: Document) -> list[str]:
    return [variant["ModelName"] for variant in endpoint_configs.variants(config)]
