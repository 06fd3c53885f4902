"""The containers of a model as they will run: packages of the registry replaced by what they hold."""

from __future__ import annotations

from localaws.context import Context
from localaws.services.registry import packages
from localaws.wire import Document, Invalid

SERIAL = "Serial"
DIRECT = "Direct"


def resolved(context: Context, model: Document) -> list[Document]:
    """The containers of a model in the order in which they answer, each with Image, data and Environment.

    A package may hold several containers: they stand where it stood. What the model's container says about the
    environment wins over the package.

    Raises:
        AwsError: a package does not exist, or cannot be deployed.
    """
    declared = model.get("Containers") or [model["PrimaryContainer"]]
    return [part for container in declared for part in _parts(context, container)]


def mode(model: Document) -> str:
    """How several containers answer: one after the other, or the one that the caller names."""
    return str(model.get("InferenceExecutionConfig", {}).get("Mode", SERIAL))


def _parts(context: Context, container: Document) -> list[Document]:
    name = container.get("ModelPackageName")
    if name is None:
        return [container]
    package = packages.found(context, name)
    specification = _specification(package, container.get("InferenceSpecificationName"))
    own = {member: value for member, value in container.items() if member not in ("ModelPackageName", "Environment")}
    return [
        {**part, **own, "Environment": {**part.get("Environment", {}), **container.get("Environment", {})}}
        for part in specification["Containers"]
    ]


def _specification(package: Document, name: str | None) -> Document:
    arn = package["ModelPackageArn"]
    if name is None:
        specification: Document | None = package.get("InferenceSpecification")
        if specification is None:
            raise Invalid(f"Model package {arn} has no InferenceSpecification, so it cannot be deployed.")
        return specification
    for additional in package.get("AdditionalInferenceSpecifications", []):
        if additional["Name"] == name:
            return dict(additional)
    raise Invalid(f"Model package {arn} has no additional inference specification named {name}.")
