"""The verbs of training jobs."""

from __future__ import annotations

import re
import time
from functools import partial

from localaws.channels import check_channels
from localaws.context import Context
from localaws.listing import Listing
from localaws.services.training import states
from localaws.services.training.runner import run
from localaws.wire import AwsError, Document, Invalid, NotSupported

LISTING = Listing("TrainingJobSummaries", "TrainingJobName", "TrainingJobStatus", order="Ascending")
_REFUSED = {
    "AlgorithmName": "AlgorithmSpecification.AlgorithmName (TrainingImage is)",
    "TrainingImageConfig": "AlgorithmSpecification.TrainingImageConfig",
}


def create_training_job(context: Context, request: Document) -> Document:
    """Starts a training job."""
    return submit(context, request)


def submit(context: Context, request: Document, **members: object) -> Document:
    """Stores a training job and queues it for a slot.

    Args:
        context: Region of the job.
        request: A CreateTrainingJob request.
        members: Further members of the document, such as TuningJobArn of a tuning job's child.

    Raises:
        AwsError: `ResourceInUse`, the name is taken.
        Invalid: the request contradicts itself.
        NotSupported: it asks for what only AWS has.
    """
    check(request)
    name = request["TrainingJobName"]
    arn = context.arn(states.KIND, name)
    document = {**request, **members, "TrainingJobArn": arn, **states.begun(time.time())}
    if not context.create(states.KIND, name, document):
        raise AwsError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, "
            f"and a training job with this name already exists ({arn})",
        )
    states.announce(context, document)
    context.engine.jobs.start(
        (context.region, states.KIND, name), partial(run, context, name), partial(states.fail, context, name)
    )
    return document


def describe_training_job(context: Context, request: Document) -> Document:
    """The job as it stands.

    Raises:
        Invalid: no such job; AWS says so in these words.
    """
    document = context.get(states.KIND, request["TrainingJobName"])
    if document is None:
        raise Invalid("Requested resource not found.")
    return document


def stop_training_job(context: Context, request: Document) -> None:
    """Asks a job to stop: SIGTERM, and SIGKILL two minutes later."""
    name = request["TrainingJobName"]
    status = describe_training_job(context, request)["TrainingJobStatus"]
    if status == "Stopping":
        return
    if states.move(context, name, "Stopping") is None:
        status = describe_training_job(context, request)["TrainingJobStatus"]
        raise Invalid(f"The request was rejected because the training job is in status {status}.")
    context.engine.jobs.stop((context.region, states.KIND, name))


def list_training_jobs(context: Context, request: Document) -> Document:
    """One page of jobs; the oldest first unless asked otherwise, as on AWS."""
    return LISTING.answer(request, context.all(states.KIND))


def delete_training_job(context: Context, request: Document) -> None:
    """Removes a job that has ended; its name stays free for another."""
    document = describe_training_job(context, request)
    if context.delete(states.KIND, request["TrainingJobName"], when=_ended) is None:
        raise AwsError("ResourceInUse", f"The training job {document['TrainingJobArn']} has not ended. Stop it first.")


def _ended(document: Document) -> bool:
    return document["TrainingJobStatus"] in states.ENDED


def check(request: Document) -> None:
    """Refuses what the shapes of the request do not show.

    Raises:
        Invalid: the request contradicts itself.
        NotSupported: it asks for what only AWS has.
    """
    algorithm = request["AlgorithmSpecification"]
    for member, what in _REFUSED.items():
        if member in algorithm:
            raise NotSupported(what)
    if "TrainingImage" not in algorithm:
        raise Invalid("AlgorithmSpecification must name a TrainingImage.")
    for metric in algorithm.get("MetricDefinitions", []):
        try:
            groups = re.compile(metric["Regex"]).groups
        except re.error as error:
            raise Invalid(f"The Regex of metric {metric['Name']} is invalid: {error}.") from None
        if not groups:
            raise Invalid(f"The Regex of metric {metric['Name']} must capture the value in a group.")
    check_channels(request.get("InputDataConfig", []), algorithm.get("TrainingInputMode"))
    resources = request.get("ResourceConfig", {})
    if resources.get("InstanceCount", 1) != 1 or resources.get("InstanceGroups"):
        raise NotSupported("Training on more than one instance")
    stopping = request.get("StoppingCondition", {})
    if request.get("EnableManagedSpotTraining") and stopping.get("MaxWaitTimeInSeconds", 0) < stopping.get(
        "MaxRuntimeInSeconds", 1
    ):
        raise Invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds "
            "when EnableManagedSpotTraining is true."
        )
    if "MaxWaitTimeInSeconds" in stopping and not request.get("EnableManagedSpotTraining"):
        raise Invalid("MaxWaitTimeInSeconds can only be set when EnableManagedSpotTraining is true.")


OPERATIONS = {
    "CreateTrainingJob": create_training_job,
    "DescribeTrainingJob": describe_training_job,
    "StopTrainingJob": stop_training_job,
    "ListTrainingJobs": list_training_jobs,
    "DeleteTrainingJob": delete_training_job,
}
