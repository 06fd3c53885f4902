"""What a tuning job really does: it starts training jobs, learns from those that end, stops hopeless ones."""

from __future__ import annotations

import time
import uuid

from localaws.context import Context
from localaws.jobs import Job, JobFailed
from localaws.s3_objects import below
from localaws.services.training import operations
from localaws.services.training import states as training
from localaws.services.tuning import states
from localaws.services.tuning.early_stopping import hopeless
from localaws.services.tuning.search import Draw, Search
from localaws.wire import AwsError, Document, Invalid, check

POLL_SECONDS = 0.2
# Members of a TrainingJobDefinition that are no members of a CreateTrainingJob request.
_OF_THE_DEFINITION = frozenset({"DefinitionName", "StaticHyperParameters"})


def check_child(document: Document) -> None:
    """Refuses a tuning job whose training jobs would be refused.

    Raises:
        AwsError: what CreateTrainingJob would answer.
    """
    request = child_request(document, f"{document['HyperParameterTuningJobName']}-001-00000000", {})
    check("CreateTrainingJob", request)
    operations.check(request)


def child_request(document: Document, name: str, tuned: dict[str, str]) -> Document:
    """The CreateTrainingJob request of one child."""
    definition = document["TrainingJobDefinition"]
    objective = document["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]["MetricName"]
    request = {
        **{member: value for member, value in definition.items() if member not in _OF_THE_DEFINITION},
        "TrainingJobName": name,
        "HyperParameters": {
            **definition.get("StaticHyperParameters", {}),
            **tuned,
            # AWS tells every child what it is judged by.
            "_tuning_objective_metric": objective,
        },
        "Tags": document.get("Tags", []),
    }
    if checkpoints := definition.get("CheckpointConfig"):
        # A place of its own: two children that train on from one another's checkpoints would both be wrong.
        request["CheckpointConfig"] = {**checkpoints, "S3Uri": below(checkpoints["S3Uri"], name)}
    return request


def run(context: Context, name: str, job: Job) -> None:
    """Runs a tuning job to its end and writes how it ended; when this process is closing, recovery writes it instead."""
    document = context.get(states.KIND, name)
    if document is None:
        return
    tuning = _Tuning(context, document, job)
    try:
        status, members = tuning.execute()
    except (JobFailed, AwsError) as failure:
        tuning.stop_all()
        status, members = "Failed", {"FailureReason": str(failure)[: training.REASON_CHARACTERS]}
    if not context.engine.closing.is_set():
        states.move(context, name, status, **members)


class _Tuning:
    """One tuning job's way."""

    def __init__(self, context: Context, document: Document, job: Job) -> None:
        self._context = context
        self._document = document
        self._name: str = document["HyperParameterTuningJobName"]
        self._config: Document = document["HyperParameterTuningJobConfig"]
        self._metric: str = self._config["HyperParameterTuningJobObjective"]["MetricName"]
        self._maximize = states.maximizes(document)
        self._job = job
        self._search = Search(self._config)
        self._running: dict[str, Draw] = {}
        self._ended: list[Document] = []
        self._began = time.monotonic()

    def execute(self) -> tuple[str, Document]:
        """The status it ends with, and the members that come of it.

        Raises:
            JobFailed: no training job gave an objective.
            AwsError: a training job was refused.
        """
        if fault := self._context.engine.faults.take("fail_job", "sagemaker:CreateHyperParameterTuningJob", self._name):
            raise JobFailed(fault.reason)
        enough = False
        while not self._job.stop.is_set():
            self._collect()
            enough = enough or self._enough()
            if enough and not self._running:
                return self._result()
            if enough or self._overdue():
                enough = True
                self.stop_all()
            else:
                self._launch()
                self._stop_hopeless()
            self._job.stop.wait(POLL_SECONDS)
        self.stop_all()
        while self._running and not self._context.engine.closing.wait(POLL_SECONDS):
            self._collect()
        return "Stopped", {}

    def stop_all(self) -> None:
        """Asks all children that run to stop."""
        for name in self._running:
            self._stop(name)

    def _launch(self) -> None:
        limits = self._config["ResourceLimits"]
        while (
            len(self._running) < limits["MaxParallelTrainingJobs"]
            and len(self._running) + len(self._ended) < limits["MaxNumberOfTrainingJobs"]
        ):
            draw = self._search.draw()
            number = len(self._running) + len(self._ended) + 1
            name = f"{self._name}-{number:03d}-{uuid.uuid4().hex[:8]}"
            # Named in the tuning job first: a child is never without its parent's knowledge, even after a kill.
            self._adopt(name)
            operations.submit(
                self._context,
                child_request(self._document, name, draw.parameters),
                TuningJobArn=self._document["HyperParameterTuningJobArn"],
                _tuned=draw.parameters,
            )
            self._running[name] = draw

    def _adopt(self, name: str) -> None:
        self._context.patch(states.KIND, self._name, lambda document: {"_children": [*document["_children"], name]})

    def _collect(self) -> None:
        """Learns from the children that have ended since."""
        for name, draw in list(self._running.items()):
            child = self._context.get(training.KIND, name)
            if child is None or child["TrainingJobStatus"] in training.ENDED:
                del self._running[name]
                ended = child or {"TrainingJobStatus": "Failed"}
                self._ended.append(ended)
                self._search.learn(draw, states.objective_of(ended, self._metric))

    def _enough(self) -> bool:
        """Whether no more training jobs are wanted."""
        if len(self._ended) >= self._config["ResourceLimits"]["MaxNumberOfTrainingJobs"]:
            return True
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        values = [value for child in self._ended if (value := states.objective_of(child, self._metric)) is not None]
        target = criteria.get("TargetObjectiveMetricValue")
        if target is not None and any(value >= target if self._maximize else value <= target for value in values):
            return True
        patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        if patience is None or not values:
            return False
        best = values.index(max(values) if self._maximize else min(values))
        return len(values) - 1 - best >= int(patience)

    def _overdue(self) -> bool:
        limit = self._config["ResourceLimits"].get("MaxRuntimeInSeconds")
        return limit is not None and time.monotonic() - self._began > limit

    def _stop_hopeless(self) -> None:
        if self._config["TrainingJobEarlyStoppingType"] != "Auto":
            return
        rivals = [self._values(child) for child in self._ended if child["TrainingJobStatus"] == "Completed"]
        for name in self._running:
            child = self._context.get(training.KIND, name)
            if child is not None and hopeless(self._values(child), rivals, maximize=self._maximize):
                self._stop(name)

    def _values(self, child: Document) -> list[float]:
        return [point["Value"] for point in child.get("_points", []) if point["MetricName"] == self._metric]

    def _stop(self, name: str) -> None:
        try:
            operations.stop_training_job(self._context, {"TrainingJobName": name})
        except Invalid:
            # It ended by itself in the meantime, or was deleted; the next collection sees how.
            return

    def _result(self) -> tuple[str, Document]:
        if any(states.objective_of(child, self._metric) is not None for child in self._ended):
            return "Completed", {}
        if all(child["TrainingJobStatus"] == "Failed" for child in self._ended):
            raise JobFailed(states.ALL_FAILED)
        raise JobFailed(states.NO_OBJECTIVE.format(metric=self._metric))
