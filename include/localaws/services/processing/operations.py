"""The verbs of processing jobs."""

from __future__ import annotations

from functools import partial

from localaws.channels import check_source
from localaws.context import Context
from localaws.listing import Listing
from localaws.services.processing import states
from localaws.services.processing.runner import run
from localaws.wire import AwsError, Document, Invalid, NotSupported

LISTING = Listing("ProcessingJobSummaries", "ProcessingJobName", "ProcessingJobStatus", order="Ascending")


def create_processing_job(context: Context, request: Document) -> Document:
    """Stores a processing job and queues it for a slot.

    Raises:
        AwsError: `ResourceInUse`, the name is taken.
        Invalid: the request contradicts itself.
        NotSupported: it asks for what only AWS has.
    """
    _check(request)
    name = request["ProcessingJobName"]
    arn = context.arn(states.KIND, name)
    document = {**request, "ProcessingJobArn": arn, "ProcessingJobStatus": "InProgress"}
    if not context.create(states.KIND, name, document):
        raise AwsError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, "
            f"and a processing job with this name already exists ({arn})",
        )
    states.announce(context, document)
    context.engine.jobs.start(
        (context.region, states.KIND, name), partial(run, context, name), partial(states.fail, context, name)
    )
    return document


def describe_processing_job(context: Context, request: Document) -> Document:
    """The job as it stands.

    Raises:
        Invalid: no such job; AWS says so in these words.
    """
    name = request["ProcessingJobName"]
    document = context.get(states.KIND, name)
    if document is None:
        raise Invalid(f"Could not find requested job with name: {name}")
    return document


def stop_processing_job(context: Context, request: Document) -> None:
    """Asks a job to stop: SIGTERM, and SIGKILL two minutes later."""
    name = request["ProcessingJobName"]
    status = describe_processing_job(context, request)["ProcessingJobStatus"]
    if status == "Stopping":
        return
    if states.move(context, name, "Stopping") is None:
        status = describe_processing_job(context, request)["ProcessingJobStatus"]
        raise Invalid(f"The request was rejected because the processing job is in status {status}.")
    context.engine.jobs.stop((context.region, states.KIND, name))


def list_processing_jobs(context: Context, request: Document) -> Document:
    """One page of jobs; the oldest first unless asked otherwise, as on AWS."""
    return LISTING.answer(request, context.all(states.KIND))


def delete_processing_job(context: Context, request: Document) -> None:
    """Removes a job that has ended; its name is free for another."""
    document = describe_processing_job(context, request)
    if context.delete(states.KIND, request["ProcessingJobName"], when=_ended) is None:
        raise AwsError(
            "ResourceInUse", f"The processing job {document['ProcessingJobArn']} has not ended. Stop it first."
        )


def _ended(document: Document) -> bool:
    return document["ProcessingJobStatus"] in states.ENDED


def _check(request: Document) -> None:
    inputs = request.get("ProcessingInputs", [])
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for given, member, names in ((inputs, "InputName", "Input"), (outputs, "OutputName", "Output")):
        found = [each[member] for each in given]
        if twice := sorted({name for name in found if found.count(name) > 1}):
            raise Invalid(f"{names} names must be unique: {', '.join(twice)} is given more than once.")
    for each in inputs:
        if "S3Input" not in each:
            raise NotSupported(f"DatasetDefinition of input {each['InputName']} (S3Input is)")
        source = each["S3Input"]
        check_source(source["S3DataType"], source.get("S3InputMode"))
        if source.get("S3CompressionType", "None") != "None":
            raise NotSupported(f"S3CompressionType {source['S3CompressionType']}")
        if "LocalPath" not in source:
            raise Invalid(f"LocalPath is required for input {each['InputName']}.")
    for each in outputs:
        if "S3Output" not in each:
            raise NotSupported(f"FeatureStoreOutput of output {each['OutputName']} (S3Output is)")
        if "LocalPath" not in each["S3Output"]:
            raise Invalid(f"LocalPath is required for output {each['OutputName']}.")
    if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) != 1:
        raise NotSupported("Processing on more than one instance")


OPERATIONS = {
    "CreateProcessingJob": create_processing_job,
    "DescribeProcessingJob": describe_processing_job,
    "StopProcessingJob": stop_processing_job,
    "ListProcessingJobs": list_processing_jobs,
    "DeleteProcessingJob": delete_processing_job,
}
