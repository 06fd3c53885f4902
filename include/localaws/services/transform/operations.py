"""The verbs of transform jobs."""

from __future__ import annotations

from functools import partial

from localaws.channels import check_source
from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.models import containers
from localaws.services.models import operations as models
from localaws.services.transform import states
from localaws.services.transform.runner import run
from localaws.wire import AwsError, Document, Invalid, NotSupported

LISTING = Listing("TransformJobSummaries", "TransformJobName", "TransformJobStatus")
MOST_PAYLOAD_MB = 100
DEFAULT_PAYLOAD_MB = 6
_SAME = {"InputFilter": "$", "OutputFilter": "$", "JoinSource": "None"}


def create_transform_job(context: Context, request: Document) -> Document:
    """Starts a transform job.

    Raises:
        AwsError: `ResourceInUse`, the name is taken.
        Invalid: the model does not exist, or the request contradicts itself.
        NotSupported: it asks for what only AWS has.
    """
    _check(request)
    model = models.found(context, request["ModelName"])
    if containers.mode(model) == containers.DIRECT:
        raise Invalid(
            f"The containers of model {request['ModelName']} run in mode Direct; a transform job needs Serial."
        )
    name = request["TransformJobName"]
    document = {
        "MaxConcurrentTransforms": 0,
        "MaxPayloadInMB": DEFAULT_PAYLOAD_MB,
        **request,
        "TransformInput": {"CompressionType": "None", "SplitType": "None", **request["TransformInput"]},
        "TransformOutput": {"AssembleWith": "None", **request["TransformOutput"]},
        "TransformJobArn": context.arn(states.KIND, name),
        "TransformJobStatus": "InProgress",
        # As they are now: the model may be deleted while the job waits for a slot.
        "_containers": containers.resolved(context, model),
    }
    if not context.create(states.KIND, name, document):
        raise AwsError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({document['TransformJobArn']})",
        )
    states.announce(context, describe_transform_job(context, request))
    context.engine.jobs.start(
        (context.region, states.KIND, name), partial(run, context, name), partial(states.fail, context, name)
    )
    return document


def describe_transform_job(context: Context, request: Document) -> Document:
    """The job as it stands."""
    name = request["TransformJobName"]
    document = context.get(states.KIND, name)
    if document is None:
        raise Invalid(f"Could not find requested job with name: {name}")
    return document


def stop_transform_job(context: Context, request: Document) -> None:
    """Asks a job to stop; of the objects that are not finished no output is written."""
    name = request["TransformJobName"]
    status = describe_transform_job(context, request)["TransformJobStatus"]
    if status == "Stopping":
        return
    if states.move(context, name, "Stopping") is None:
        status = describe_transform_job(context, request)["TransformJobStatus"]
        raise Invalid(f"The request was rejected because the transform job is in status {status}.")
    context.engine.jobs.stop((context.region, states.KIND, name))


def list_transform_jobs(context: Context, request: Document) -> Document:
    """One page of jobs, the newest first unless asked otherwise."""
    return LISTING.answer(request, context.all(states.KIND))


def _check(request: Document) -> None:
    given, processing = request["TransformInput"], request.get("DataProcessing", {})
    check_source(given["DataSource"]["S3DataSource"]["S3DataType"], None)
    for member, same in _SAME.items():
        if processing.get(member, same) != same:
            raise NotSupported(f"CreateTransformJob with DataProcessing.{member} `{processing[member]}`")
    if given.get("SplitType", "None") not in ("None", "Line"):
        raise NotSupported(f"CreateTransformJob with SplitType {given['SplitType']} (None and Line are)")
    if "DataCaptureConfig" in request:
        raise NotSupported("CreateTransformJob with DataCaptureConfig")
    if "BatchStrategy" in request and request["BatchStrategy"] == "SingleRecord" and given.get("SplitType") != "Line":
        raise Invalid("BatchStrategy SingleRecord needs a SplitType: to send one record per request, set it to Line.")
    payload, concurrent = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB), request.get("MaxConcurrentTransforms", 0)
    if payload * max(1, concurrent) > MOST_PAYLOAD_MB:
        raise Invalid(
            f"MaxPayloadInMB ({payload}) times MaxConcurrentTransforms ({max(1, concurrent)}) "
            f"must not exceed {MOST_PAYLOAD_MB} MB."
        )


OPERATIONS: dict[str, Operation] = {
    "CreateTransformJob": create_transform_job,
    "DescribeTransformJob": describe_transform_job,
    "StopTransformJob": stop_transform_job,
    "ListTransformJobs": list_transform_jobs,
}
