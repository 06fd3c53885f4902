"""Endpoints: the verbs of the API."""

from __future__ import annotations

import time
from collections.abc import Mapping

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.endpoints import blueprint, deployment, runner, states
from localaws.wire import Document, Invalid, NotSupported

_LIST = Listing("Endpoints", "EndpointName", "EndpointStatus")


def create_endpoint(context: Context, request: Document) -> Document:
    """CreateEndpoint: Creating, then InService when every container answers /ping, or Failed."""
    name = request["EndpointName"]
    arn = context.arn(states.KIND, name)
    if context.get(states.KIND, name) is not None:
        raise states.exists(arn)
    drawn = blueprint.drawn(context, request["EndpointConfigName"])
    deployment.check(request.get("DeploymentConfig"), blueprint.capacity(drawn))
    document = {
        "EndpointName": name,
        "EndpointArn": arn,
        "EndpointConfigName": request["EndpointConfigName"],
        "EndpointStatus": states.CREATING,
        "Tags": request.get("Tags", []),
        "LastDeploymentConfig": request.get("DeploymentConfig"),
        "_pending": {"Blueprint": drawn},
    }
    if not context.create(states.KIND, name, document):
        raise states.exists(arn)
    states.announce(context, found(context, name))
    runner.of(context.engine).create(context, name)
    return {"EndpointArn": arn}


def describe_endpoint(context: Context, request: Document) -> Document:
    """DescribeEndpoint."""
    return found(context, request["EndpointName"])


def list_endpoints(context: Context, request: Document) -> Document:
    """ListEndpoints."""
    return _LIST.answer(request, context.all(states.KIND))


def update_endpoint(context: Context, request: Document) -> Document:
    """UpdateEndpoint: a new fleet beside the old one, then traffic as the DeploymentConfig says."""
    name = request["EndpointName"]
    endpoint = _changeable(context, name)
    drawn = blueprint.drawn(context, request["EndpointConfigName"])
    if request.get("RetainAllVariantProperties"):
        excluded = {each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])}
        drawn = blueprint.retaining(drawn, endpoint, excluded)
    elif "ExcludeRetainedVariantProperties" in request:
        raise Invalid("ExcludeRetainedVariantProperties needs RetainAllVariantProperties.")
    if ("AsyncInferenceConfig" in drawn["Config"]) != (endpoint.get("AsyncInferenceConfig") is not None):
        raise Invalid(
            f"The AsyncInferenceConfig parameter cannot be added to or removed from this endpoint {name}. "
            f"To change the type of an endpoint create a new one."
        )
    for condition in runner.of(context.engine).conditions:
        condition(context, endpoint, drawn)
    wanted = request.get("DeploymentConfig")
    if wanted is None and request.get("RetainDeploymentConfig"):
        wanted = endpoint.get("LastDeploymentConfig")
    deployment.check(wanted, blueprint.capacity(drawn))
    now = time.time()
    changes = {
        "EndpointStatus": states.UPDATING,
        "FailureReason": None,
        "PendingDeploymentSummary": states.pending(drawn, now, "Creating", "The new fleet is being started."),
        "_pending": {"Blueprint": drawn, "DeploymentConfig": wanted, "StartTime": now},
    }
    updating = context.patch(states.KIND, name, changes, when=_in_service)
    if updating is None:
        raise states.unchangeable(found(context, name))
    states.announce(context, updating)
    runner.of(context.engine).update(context, name)
    return updating


def update_endpoint_weights_and_capacities(context: Context, request: Document) -> Document:
    """UpdateEndpointWeightsAndCapacities: what a variant's entry does not name stays as it is."""
    name = request["EndpointName"]
    endpoint = _changeable(context, name)
    present = {variant["VariantName"]: variant for variant in endpoint["ProductionVariants"]}
    wanted = {each["VariantName"]: each for each in request["DesiredWeightsAndCapacities"]}
    if unknown := sorted(set(wanted) - set(present)):
        raise Invalid(
            f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint configuration '
            f'"{endpoint["EndpointConfigName"]}".'
        )
    if any("ServerlessUpdateConfig" in each for each in wanted.values()):
        raise NotSupported("sagemaker:UpdateEndpointWeightsAndCapacities with ServerlessUpdateConfig")

    def changes(stored: Document) -> Document:
        return {
            "EndpointStatus": states.UPDATING,
            "FailureReason": None,
            "ProductionVariants": [
                _desired(variant, wanted.get(variant["VariantName"], {})) for variant in stored["ProductionVariants"]
            ],
        }

    updating = context.patch(states.KIND, name, changes, when=_in_service)
    if updating is None:
        raise states.unchangeable(found(context, name))
    states.announce(context, updating)
    runner.of(context.engine).reweight(context, name)
    return updating


def delete_endpoint(context: Context, request: Document) -> None:
    """DeleteEndpoint: what is captured is written first; the models and the configuration stay."""
    name = request["EndpointName"]
    deleting = context.patch(
        states.KIND,
        name,
        {"EndpointStatus": states.DELETING},
        when=lambda endpoint: endpoint["EndpointStatus"] in (states.IN_SERVICE, states.FAILED),
    )
    if deleting is None:
        raise states.unchangeable(found(context, name))
    states.announce(context, deleting)
    runner.of(context.engine).delete(context, name)


def found(context: Context, name: str) -> Document:
    """An endpoint by name.

    Raises:
        Invalid: it does not exist.
    """
    endpoint = context.get(states.KIND, name)
    if endpoint is None:
        raise states.absent(context.arn(states.KIND, name))
    return endpoint


def _changeable(context: Context, name: str) -> Document:
    endpoint = found(context, name)
    if not _in_service(endpoint):
        raise states.unchangeable(endpoint)
    return endpoint


def _in_service(endpoint: Document) -> bool:
    return bool(endpoint["EndpointStatus"] == states.IN_SERVICE)


def _desired(variant: Document, wanted: Document) -> Document:
    return {
        **variant,
        **{member: wanted[member] for member in ("DesiredWeight", "DesiredInstanceCount") if member in wanted},
    }


OPERATIONS: Mapping[str, Operation] = {
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "ListEndpoints": list_endpoints,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_endpoint_weights_and_capacities,
    "DeleteEndpoint": delete_endpoint,
}
