"""The amazon provider's SageMaker operators, safe to run twice.

The stock operators start a second job when a task is retried, or fail on what the first try made. Ours derive the
names from the work key, so a name that exists is our own work: it is adopted and waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerEndpointOperator,
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
)
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from windtunnel.core.settings import settings


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

    def create_model(self, config: dict[str, Any]) -> Any:
        """Create a model, or describe the one of that name."""
        return self._adopt(
            lambda: super(AdoptingHook, self).create_model(config),
            lambda: self._sagemaker.describe_model(ModelName=config["ModelName"]),
        )

    def create_endpoint_config(self, config: dict[str, Any]) -> Any:
        """Create an endpoint config, or describe the one of that name."""
        return self._adopt(
            lambda: super(AdoptingHook, self).create_endpoint_config(config),
            lambda: self._sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"]),
        )

    def update_endpoint(self, config: dict[str, Any], *args: Any, **waiting: Any) -> Any:
        """Update an endpoint, unless it has the config already or is on its way to it.

        An endpoint that failed serves nobody and cannot be updated: it is made anew.
        """
        name = config["EndpointName"]
        found = self._sagemaker.describe_endpoint(EndpointName=name)
        if found["EndpointStatus"] == "Failed":
            self.log.warning("`%s` failed (%s): made anew.", name, found.get("FailureReason", "no reason given"))
            self._sagemaker.delete_endpoint(EndpointName=name)
            self._sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 2})
            return self.create_endpoint(config, *args, **waiting)
        pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        if config["EndpointConfigName"] == (pending or found["EndpointConfigName"]):
            self.log.info("Adopted: `%s` has or is getting this config.", name)
            return found
        return super().update_endpoint(config, *args, **waiting)

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
                f"{error} Mend the cause and clear from `plan`: it takes the next name."
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


class Deployment(SageMakerEndpointOperator):
    """Model, endpoint config, then the endpoint: created, or updated to that config.

    Its green means that SageMaker finished, not that the endpoint serves the version: after a failed update an
    endpoint is InService again with the old config. `stages.prove` tells.
    """

    aws_hook_class = AdoptingHook

    def __init__(self, *, config: Any, **arguments: Any) -> None:
        super().__init__(config=config, check_interval=settings().poll_seconds, deferrable=True, **arguments)


def _waiting() -> dict[str, Any]:
    poll_seconds = settings().poll_seconds
    # The stock operators give up after 60 looks while the job goes on; the job's own limit must come first.
    most_looks = settings().job_max_seconds // poll_seconds + 60
    return {"check_interval": poll_seconds, "max_attempts": most_looks, "deferrable": True}
