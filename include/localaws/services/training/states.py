"""States of a training job.

    Starting -> Downloading -> Training -> Uploading -> Completed
                                        -> Failed
    any of them -> Stopping -> Uploading -> Stopped
                   Training -> Uploading -> MaxRuntimeExceeded

These are secondary states; TrainingJobStatus is InProgress, Stopping, Completed, Failed or Stopped. Each move carries a
message of its own: whoever watches a job describes it anew only when the message has changed.
"""

from __future__ import annotations

import time

from localaws.context import Context, Engine
from localaws.jobs import INTERRUPTED
from localaws.wire import Document

KIND = "training-job"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
REASON_CHARACTERS = 1024
MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Stopping": "Stopping the training job",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}
_STATUS = {"Stopping": "Stopping", "Completed": "Completed", "Failed": "Failed"} | dict.fromkeys(
    ("Stopped", "MaxRuntimeExceeded"), "Stopped"
)


def begun(now: float) -> Document:
    """The members of a job that was just created."""
    first = {"Status": "Starting", "StartTime": now, "StatusMessage": MESSAGES["Starting"]}
    return {
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [first],
        "CreationTime": now,
        "LastModifiedTime": now,
    }


def moved(document: Document, secondary: str) -> Document:
    """The members that change when a job enters a secondary state."""
    now = time.time()
    status = _STATUS.get(secondary, document["TrainingJobStatus"])
    *before, last = document["SecondaryStatusTransitions"]
    entered = {"Status": secondary, "StartTime": now, "StatusMessage": MESSAGES[secondary]}
    changes: Document = {"TrainingJobStatus": status, "SecondaryStatus": secondary}
    if status in ENDED:
        entered["EndTime"] = now
        changes |= {"TrainingEndTime": now}
        if began := document.get("TrainingStartTime"):
            # At least one second: AWS bills no less, and callers divide by it.
            seconds = max(1, round(now - began))
            changes |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
    changes["SecondaryStatusTransitions"] = [*before, {**last, "EndTime": now}, entered]
    return changes


def move(context: Context, name: str, secondary: str, **members: object) -> Document | None:
    """Moves a job into a secondary state and tells EventBridge.

    A job that has ended stays as it ended, and one that is being stopped is not set to work again.

    Returns:
        The document as it now stands, or None when the move was not made.
    """

    def allowed(document: Document) -> bool:
        status = document["TrainingJobStatus"]
        return status not in ENDED and not (status == "Stopping" and secondary in ("Downloading", "Training"))

    def change(document: Document) -> Document:
        return {**moved(document, secondary), **members}

    document = context.patch(KIND, name, change, when=allowed)
    if document is not None:
        announce(context, document)
    return document


def announce(context: Context, document: Document) -> None:
    """Sends the event of a job's present state."""
    detail = {member: value for member, value in document.items() if not member.startswith("_")}
    context.publish("SageMaker Training Job State Change", document["TrainingJobArn"], detail)


def recover(engine: Engine) -> None:
    """After a restart: jobs that ran when the process ended have failed."""
    for region, name, document in engine.store.everywhere(KIND):
        if document["TrainingJobStatus"] not in ENDED:
            fail(engine.at(region), name, INTERRUPTED)


def fail(context: Context, name: str, reason: str) -> None:
    """Ends a job Failed; one that has ended stays as it ended."""
    move(context, name, "Failed", FailureReason=reason)
