"""States of a tuning job, and the children it is made of.

    InProgress -> Completed | Failed
    InProgress -> Stopping -> Stopped

Counters and the best job are not stored: they are read from the documents of the training jobs, of which the tuning
job keeps the names in `_children`. Each child carries its `TuningJobArn`, and in `_tuned` what was chosen for it.
"""

from __future__ import annotations

import time
from collections import Counter

from localaws.context import Context, Engine
from localaws.jobs import INTERRUPTED
from localaws.services.training import states as training
from localaws.wire import AwsError, Document, shaped

KIND = "hyper-parameter-tuning-job"
ENDED = frozenset({"Completed", "Failed", "Stopped"})
ALL_FAILED = "All training jobs failed. Please take a look at the training jobs failures to get more details."
NO_OBJECTIVE = "No training job emitted the objective metric {metric}. Check its regular expression against the logs."
STATE_EVENT = "SageMaker HyperParameter Tuning Job State Change"
_SUMMARISED = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "FailureReason",
)


def missing(name: str) -> AwsError:
    """No such tuning job. It is the one kind of job whose absence AWS calls ResourceNotFound."""
    return AwsError("ResourceNotFound", f"Amazon SageMaker can't find a tuning job with the name {name}.")


def described(context: Context, document: Document) -> Document:
    """The tuning job with its counters and its best training job as they are now."""
    children = summaries(context, document)
    statuses = Counter(child["TrainingJobStatus"] for child in children)
    objectives = Counter(child["ObjectiveStatus"] for child in children)
    return {
        **document,
        "TrainingJobStatusCounters": {
            "Completed": statuses["Completed"],
            "InProgress": statuses["InProgress"] + statuses["Stopping"],
            "RetryableError": 0,
            "NonRetryableError": statuses["Failed"],
            "Stopped": statuses["Stopped"],
        },
        "ObjectiveStatusCounters": {status: objectives[status] for status in ("Succeeded", "Pending", "Failed")},
        "BestTrainingJob": best(document, children),
        "ConsumedResources": {
            "RuntimeInSeconds": int(document.get("HyperParameterTuningEndTime", time.time()) - document["CreationTime"])
        },
    }


def best(document: Document, children: list[Document]) -> Document | None:
    """The child with the best objective; of equals the one created first."""
    rated = [child for child in children if "FinalObjectiveMetricValue" in child]
    if not rated:
        return None
    sign = -1 if maximizes(document) else 1
    return min(rated, key=lambda child: sign * child["FinalObjectiveMetricValue"])


def maximizes(document: Document) -> bool:
    """Whether more of the objective is better."""
    return bool(document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["Type"] == "Maximize")


def summaries(context: Context, document: Document) -> list[Document]:
    """The children as HyperParameterTrainingJobSummary, in the order they were created; deleted ones are left out."""
    objective = document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    found = (context.get(training.KIND, name) for name in document["_children"])
    return [_summary(child, objective) for child in found if child is not None]


def objective_of(child: Document, metric: str) -> float | None:
    """The last value of the objective that a training job emitted, once it has ended."""
    if child["TrainingJobStatus"] not in training.ENDED or child["TrainingJobStatus"] == "Failed":
        return None
    values = [point["Value"] for point in child.get("FinalMetricDataList", []) if point["MetricName"] == metric]
    return float(values[0]) if values else None


def move(context: Context, name: str, status: str, **members: object) -> Document | None:
    """Moves a tuning job into a state and tells EventBridge; one that has ended stays as it ended."""

    def change(_: Document) -> Document:
        ended = {"HyperParameterTuningEndTime": time.time()} if status in ENDED else {}
        return {"HyperParameterTuningJobStatus": status, **ended, **members}

    document = context.patch(KIND, name, change, when=lambda d: d["HyperParameterTuningJobStatus"] not in ENDED)
    if document is not None:
        announce(context, document)
    return document


def announce(context: Context, document: Document) -> None:
    """Sends the event of a tuning job's present state; its detail is the job's description."""
    detail = shaped("DescribeHyperParameterTuningJob", described(context, document))
    context.publish(STATE_EVENT, document["HyperParameterTuningJobArn"], detail)


def recover(engine: Engine) -> None:
    """After a restart: tuning jobs that ran when the process ended have failed, as their training jobs have."""
    for region, name, document in engine.store.everywhere(KIND):
        if document["HyperParameterTuningJobStatus"] not in ENDED:
            fail(engine.at(region), name, INTERRUPTED)


def _summary(child: Document, objective: Document) -> Document:
    summary = {member: child[member] for member in _SUMMARISED if member in child}
    summary["TunedHyperParameters"] = child["_tuned"]
    value = objective_of(child, objective["MetricName"])
    if value is not None:
        # The second is no member of AWS's summary but the key by which ListTrainingJobs... sorts.
        summary["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": value}
        summary["FinalObjectiveMetricValue"] = value
    ended = child["TrainingJobStatus"] in training.ENDED
    summary["ObjectiveStatus"] = "Succeeded" if value is not None else "Failed" if ended else "Pending"
    return summary


def fail(context: Context, name: str, reason: str) -> None:
    """Ends a job Failed; one that has ended stays as it ended."""
    move(context, name, "Failed", FailureReason=reason)
