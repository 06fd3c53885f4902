"""The amazon provider's SageMaker operators, safe to run twice.

The stock operators start a second job when a task is retried, or fail on what the first try made. Ours derive the
names from the work key, so a name that exists is our own work: it is adopted and waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator, SageMakerTrainingOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from windtunnel.core.contracts import Release, Watch
from windtunnel.core.settings import settings
from windtunnel.orchestration.following import Following
from windtunnel.orchestration.stage import final

ALARM_PERIODS = 20
"""How long a release waits for alarms to be OK; they are after two or three periods with traffic."""

LONGEST_SECONDS = 12 * 3600
"""SageMaker ends a deployment by itself within the 8 hours of the longest rollout, and its turning back."""


class AdoptingHook(SageMakerHook):
    """Creates what is not there, and answers with what is."""

    def create_training_job(self, config: dict[str, Any], *args: Any, **waiting: Any) -> Any:
        """Create a training job, or describe the one of that name."""
        return self._adopt(
            lambda: super(AdoptingHook, self).create_training_job(config, *args, **waiting),
            lambda: self._sagemaker.describe_training_job(TrainingJobName=config["TrainingJobName"]),
        )

    def create_processing_job(self, config: dict[str, Any], *args: Any, **waiting: Any) -> Any:
        """Create a processing job, or describe the one of that name."""
        return self._adopt(
            lambda: super(AdoptingHook, self).create_processing_job(config, *args, **waiting),
            lambda: self._sagemaker.describe_processing_job(ProcessingJobName=config["ProcessingJobName"]),
        )

    @property
    def _sagemaker(self) -> Any:
        return self.get_conn()

    def _adopt(self, create: Callable[[], Any], describe: Callable[[], Any]) -> Any:
        from botocore.exceptions import ClientError

        try:
            return create()
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            if code != "ResourceInUse" and "already exist" not in message:
                raise
            self.log.info("Adopted: %s", message)
            return describe()


class _Job:
    """A job that failed stays failed under its name: trying again would adopt the failure again and again."""

    def execute(self, context: Context) -> Any:
        try:
            return super().execute(context)  # type: ignore[misc]
        except AirflowException as error:
            raise AirflowFailException(
                f"{error} Mend the cause and clear from the task that named the job: it takes the next name."
            ) from error


class TrainingJob(_Job, SageMakerTrainingOperator):
    """A training job, deferred to the triggerer: waiting holds no worker."""

    aws_hook_class = AdoptingHook

    def __init__(self, *, config: Any, **arguments: Any) -> None:
        super().__init__(config=config, check_if_job_exists=False, print_log=False, **_waiting(), **arguments)


class ProcessingJob(_Job, SageMakerProcessingOperator):
    """A processing job, deferred to the triggerer."""

    aws_hook_class = AdoptingHook

    def __init__(self, *, config: Any, **arguments: Any) -> None:
        super().__init__(config=config, print_log=False, **_waiting(), **arguments)

    def _get_unique_job_name(self, proposed_name: str, *_: Any) -> str:
        # The stock operator looks first and renames or fails; the hook adopts.
        return proposed_name


class Deployment(BaseOperator):
    """Calls a stage that moves the traffic until it has nothing to wait for; the waiting holds no worker.

    Its green means that SageMaker is done, not that the endpoint serves the version: after a failed update an endpoint
    is InService again with the old config. `stages.prove` tells.

    Args:
        release: What the task before gave, a `contracts.Release`.
        deploy: `Release -> Watch | None`, repeatable: what is to be waited for before it is called again.
    """

    template_fields = ("release",)

    def __init__(self, *, release: Any, deploy: Callable[[Release], Watch | None], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.release = release
        self.deploy = deploy

    def execute(self, context: Context) -> None:
        """Do what can be done, then wait in the triggerer for what comes next."""
        self.resume(context, None)

    def resume(self, context: Context, event: dict[str, Any] | None) -> None:  # noqa: ARG002 - Airflow's signature
        """Go on when what was waited for has come."""
        if event and not event["come"]:
            raise AirflowFailException(
                f"What this release waits for did not come: {event['said']} An alarm that rings before traffic moves "
                "says that what is in service now is not well: mend that first, or bring an earlier version back with "
                "the rollback DAG; then clear this run."
            )
        with final():
            watch = self.deploy(Release.from_json(self.release))
        if watch is None:
            return
        every_seconds = min(settings().poll_seconds, settings().alarm_seconds / 4)
        patience_seconds = ALARM_PERIODS * settings().alarm_seconds if watch.until == "heard" else LONGEST_SECONDS
        self.defer(trigger=Following(watch.to_json(), every_seconds, patience_seconds), method_name="resume")


def _waiting() -> dict[str, Any]:
    poll_seconds = settings().poll_seconds
    # The stock operators give up after 60 looks while the job goes on; the job's own limit must come first.
    most_looks = settings().job_max_seconds // poll_seconds + 60
    return {"check_interval": poll_seconds, "max_attempts": most_looks, "deferrable": True}
