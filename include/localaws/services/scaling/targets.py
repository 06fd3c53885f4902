"""Scalable targets and their policies as documents, and what they mean for the endpoint they belong to."""

from __future__ import annotations

from localaws.context import Context, Engine
from localaws.services.endpoints import runner
from localaws.wire import AwsError, Document, Invalid, NotSupported

TARGET, POLICY = "scalable-target", "scaling-policy"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_NAMESPACE = "sagemaker"


class NotFound(AwsError):
    """No such registration or policy."""

    def __init__(self, message: str) -> None:
        super().__init__("ObjectNotFoundException", message)


def only_variants(request: Document) -> None:
    """Refuses what is not about the instances of a SageMaker variant.

    Raises:
        NotSupported: another service, or another dimension of SageMaker.
    """
    for member, wanted in (("ServiceNamespace", _NAMESPACE), ("ScalableDimension", DIMENSION)):
        if request.get(member, wanted) != wanted:
            raise NotSupported(f"application-autoscaling with {member} {request[member]}")


def place(request: Document) -> tuple[str, str]:
    """Endpoint and variant of a request's ResourceId.

    Raises:
        Invalid: it is not of the form `endpoint/<endpoint>/variant/<variant>`.
    """
    parts = request["ResourceId"].split("/")
    if len(parts) != 4 or (parts[0], parts[2]) != ("endpoint", "variant") or not (parts[1] and parts[3]):
        raise Invalid(
            f"Unsupported resource type. The ResourceId {request['ResourceId']} must be of the form "
            f"endpoint/<endpoint-name>/variant/<variant-name>."
        )
    return parts[1], parts[3]


def registered(context: Context, resource: str) -> Document:
    """The registration of a resource.

    Raises:
        NotFound: it is not registered.
    """
    target = context.get(TARGET, resource)
    if target is None:
        raise NotFound(
            f"No scalable target found for service namespace: {_NAMESPACE}, resource ID: {resource}, "
            f"scalable dimension: {DIMENSION}"
        )
    return target


def policies(context: Context, resource: str) -> list[Document]:
    """All policies of a resource."""
    return [policy for policy in context.all(POLICY) if policy["ResourceId"] == resource]


def remove(context: Context, resource: str) -> None:
    """Forgets a registration and its policies."""
    for policy in policies(context, resource):
        context.delete(POLICY, key(resource, policy["PolicyName"]))
    context.delete(TARGET, resource)


def key(resource: str, policy: str) -> str:
    """Name of a policy's document."""
    return f"{resource}#{policy}"


def recover(engine: Engine) -> None:
    """Before the first request: from now on endpoints heed what is registered of them."""
    runner.of(engine).conditions.append(_may_become)
    runner.of(engine).last_words.append(_forget)


def _may_become(context: Context, endpoint: Document, blueprint: Document) -> None:
    """Refuses the update of an endpoint that changes the instance type of a registered variant or removes it."""
    now = {variant["VariantName"]: variant for variant in endpoint["_live"]["Config"]["ProductionVariants"]}
    new = {variant["VariantName"]: variant for variant in blueprint["Config"]["ProductionVariants"]}
    for name, variant in now.items():
        if context.get(TARGET, f"endpoint/{endpoint['EndpointName']}/variant/{name}") is None:
            continue
        if name not in new or new[name]["InstanceType"] != variant["InstanceType"]:
            raise Invalid(
                f'The variant(s) "{name}" must be deregistered as scalable targets with AWS Auto Scaling before they '
                f"can be removed or have their instance type updated."
            )


def _forget(context: Context, endpoint: str) -> None:
    for target in context.all(TARGET):
        if place(target)[0] == endpoint:
            remove(context, target["ResourceId"])
