"""Endpoint configurations: the verbs of the API."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.models import operations as models
from localaws.wire import Document, Invalid, NotSupported

KIND = "endpoint-config"
_LIST = Listing("EndpointConfigs", "EndpointConfigName")
_UNSUPPORTED_MEMBERS = ("ExplainerConfig",)
_UNSUPPORTED_VARIANT_MEMBERS = ("ServerlessConfig", "InstancePools", "CoreDumpConfig", "ManagedInstanceScaling")


def create_endpoint_config(context: Context, request: Document) -> Document:
    """CreateEndpointConfig: every model must exist; each variant gets AWS's defaults."""
    name = request["EndpointConfigName"]
    arn = context.arn(KIND, name)
    _check(request)
    for variant in variants(request):
        models.found(context, variant["ModelName"])
    document: Document = {**request, "EndpointConfigArn": arn}
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        if member in request:
            document[member] = [_with_defaults(variant) for variant in request[member]]
    if not context.create(KIND, name, document):
        raise Invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(context: Context, request: Document) -> Document:
    """DescribeEndpointConfig."""
    return found(context, request["EndpointConfigName"])


def delete_endpoint_config(context: Context, request: Document) -> None:
    """DeleteEndpointConfig: the entry only; an endpoint that was made with it goes on."""
    if context.delete(KIND, request["EndpointConfigName"]) is None:
        raise _absent(context, request["EndpointConfigName"])


def list_endpoint_configs(context: Context, request: Document) -> Document:
    """ListEndpointConfigs."""
    return _LIST.answer(request, context.all(KIND))


def found(context: Context, name: str) -> Document:
    """An endpoint configuration by name.

    Raises:
        Invalid: it does not exist.
    """
    config = context.get(KIND, name)
    if config is None:
        raise _absent(context, name)
    return config


def variants(config: Document) -> list[Document]:
    """All variants of a configuration: those that answer, then those that only listen."""
    return [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]


def _check(request: Document) -> None:
    """Refuses what AWS refuses beyond the shapes, and what we cannot do."""
    for member in _UNSUPPORTED_MEMBERS:
        if member in request:
            raise NotSupported(f"sagemaker:CreateEndpointConfig with {member}")
    for variant in variants(request):
        for member in _UNSUPPORTED_VARIANT_MEMBERS:
            if member in variant:
                raise NotSupported(f"sagemaker:CreateEndpointConfig with a variant's {member}")
        if "ModelName" not in variant:
            raise NotSupported("sagemaker:CreateEndpointConfig of inference components (a variant without ModelName)")
        if "InstanceType" not in variant or "InitialInstanceCount" not in variant:
            raise Invalid(f"The variant {variant['VariantName']} needs InstanceType and InitialInstanceCount.")
    output = request.get("AsyncInferenceConfig", {}).get("OutputConfig", {"S3OutputPath": ""})
    if "S3OutputPath" not in output:
        raise NotSupported("sagemaker:CreateEndpointConfig with an AsyncInferenceConfig without S3OutputPath")
    if "IncludeInferenceResponseIn" in output.get("NotificationConfig", {}):
        raise NotSupported("sagemaker:CreateEndpointConfig with IncludeInferenceResponseIn")
    names = [variant["VariantName"] for variant in variants(request)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"Variant names must be unique within an endpoint configuration: {twice}.")
    shadows = request.get("ShadowProductionVariants", [])
    if shadows and (len(shadows) > 1 or len(request["ProductionVariants"]) > 1):
        raise Invalid(
            "An endpoint configuration with a shadow variant has exactly one of it and one production variant."
        )


def _with_defaults(variant: Document) -> Document:
    return {"InitialVariantWeight": 1.0, **variant}


def _absent(context: Context, name: str) -> Invalid:
    return Invalid(f'Could not find endpoint configuration "{context.arn(KIND, name)}".')


OPERATIONS: Mapping[str, Operation] = {
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
}
