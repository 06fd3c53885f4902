"""Models: the verbs of the API."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.models import artefacts, containers
from localaws.wire import Document, Invalid, NotSupported

KIND = "model"
_LIST = Listing("Models", "ModelName")
MODEL_EVENT = "SageMaker Model State Change"


def create_model(context: Context, request: Document) -> Document:
    """CreateModel: checks the containers and that their data exists, as AWS does before it answers."""
    name = request["ModelName"]
    arn = context.arn(KIND, name)
    if context.get(KIND, name) is not None:
        raise _exists(arn)
    for container in containers.resolved(context, _checked(request)):
        if missing := artefacts.missing(context, container):
            raise Invalid(f"Could not find model data at {missing}.")
    if not context.create(KIND, name, {"EnableNetworkIsolation": False, **request, "ModelArn": arn}):
        raise _exists(arn)
    context.publish(MODEL_EVENT, arn, {"ModelName": name, "ModelArn": arn})
    return {"ModelArn": arn}


def describe_model(context: Context, request: Document) -> Document:
    """DescribeModel."""
    return found(context, request["ModelName"])


def delete_model(context: Context, request: Document) -> None:
    """DeleteModel: the entry only; what serves it already goes on."""
    name = request["ModelName"]
    if context.delete(KIND, name) is None:
        raise _absent(context, name)
    arn = context.arn(KIND, name)
    context.publish(MODEL_EVENT, arn, {"ModelName": name, "ModelArn": arn})


def list_models(context: Context, request: Document) -> Document:
    """ListModels."""
    return _LIST.answer(request, context.all(KIND))


def found(context: Context, name: str) -> Document:
    """A model by name.

    Raises:
        Invalid: it does not exist.
    """
    model = context.get(KIND, name)
    if model is None:
        raise _absent(context, name)
    return model


def _checked(request: Document) -> Document:
    """The request, refused where AWS refuses it beyond the shapes, or where we cannot do what it asks."""
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if (primary is None) == (several is None):
        raise Invalid("A model needs either PrimaryContainer or Containers, and not both.")
    for container in several or [primary]:
        if ("Image" in container) == ("ModelPackageName" in container):
            raise Invalid("A container needs either Image or ModelPackageName, and not both.")
        if container.get("Mode", "SingleModel") != "SingleModel":
            raise NotSupported("sagemaker:CreateModel with a MultiModel container")
        if "AdditionalModelDataSources" in container:
            raise NotSupported("sagemaker:CreateModel with AdditionalModelDataSources")
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            raise Invalid("A container takes ModelDataUrl or ModelDataSource, not both.")
    return request


def _exists(arn: str) -> Invalid:
    return Invalid(f'Cannot create already existing model "{arn}".')


def _absent(context: Context, name: str) -> Invalid:
    return Invalid(f'Could not find model "{context.arn(KIND, name)}".')


OPERATIONS: Mapping[str, Operation] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": list_models,
}
