"""States of a transform job.

InProgress -> Completed | Failed
InProgress -> Stopping -> Stopped
"""

from __future__ import annotations

import time

from localaws.context import Context, Engine
from localaws.jobs import INTERRUPTED
from localaws.wire import Document, shaped

KIND = "transform-job"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
REASON_CHARACTERS = 1024
STATE_EVENT = "SageMaker Transform Job State Change"


def move(context: Context, name: str, status: str, **members: object) -> Document | None:
    """Moves a job into a state and tells EventBridge; one that has ended stays as it ended.

    Returns:
        The document as it now stands, or None when the move was not made.
    """
    ending = {"TransformEndTime": time.time()} if status in ENDED else {}
    document = context.patch(
        KIND,
        name,
        {"TransformJobStatus": status, **ending, **members},
        when=lambda found: found["TransformJobStatus"] not in ENDED,
    )
    if document is not None:
        announce(context, document)
    return document


def announce(context: Context, document: Document) -> None:
    """Sends the event of a job's present state; its detail is the job's description."""
    context.publish(STATE_EVENT, document["TransformJobArn"], shaped("DescribeTransformJob", document))


def recover(engine: Engine) -> None:
    """After a restart: jobs that ran when the process ended have failed."""
    for region, name, document in engine.store.everywhere(KIND):
        if document["TransformJobStatus"] not in ENDED:
            fail(engine.at(region), name, INTERRUPTED)


def fail(context: Context, name: str, reason: str) -> None:
    """Ends a job Failed; one that has ended stays as it ended."""
    move(context, name, "Failed", FailureReason=reason)
