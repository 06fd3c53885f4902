"""What a processing job really does."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from localaws.channels import bring
from localaws.context import Context
from localaws.images import ImageUnknown
from localaws.jobs import INTERRUPTED, Job, JobFailed
from localaws.programs import Ending, Launch, Program, relocated
from localaws.s3_objects import Mirror
from localaws.services.processing import states
from localaws.wire import Document

LOGS = "/aws/sagemaker/ProcessingJobs"
DAY_SECONDS = 86_400
# What AWS writes into /opt/ml/config/processingjobconfig.json.
_CONFIG = (
    "ProcessingJobArn",
    "ProcessingJobName",
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
)


def run(context: Context, name: str, job: Job) -> None:
    """Runs a job to its end and writes how it ended; when this process is closing, recovery writes it instead."""
    document = context.get(states.KIND, name)
    if document is None:
        return
    folder = context.engine.state / "jobs" / context.region / states.KIND / name / "ml"
    members: Document = {}
    try:
        status, members = _Processing(context, document, folder, job).execute()
    except JobFailed as failure:
        status, members = "Failed", {"FailureReason": str(failure)[: states.MESSAGE_CHARACTERS]}
    except (ClientError, BotoCoreError, OSError) as error:
        # Of S3 mostly: a bucket that does not exist, a full disk. The job's fault or not, the caller must read it.
        status, members = "Failed", {"FailureReason": f"ClientError: {error}"[: states.MESSAGE_CHARACTERS]}
    finally:
        message = _exit_message(folder)
        shutil.rmtree(folder.parent, ignore_errors=True)
    if not context.engine.closing.is_set():
        states.move(context, name, status, **members, **message)


class _Processing:
    """One job's way to its end."""

    def __init__(self, context: Context, document: Document, folder: Path, job: Job) -> None:
        self._context = context
        self._document = document
        self._name: str = document["ProcessingJobName"]
        self._folder = folder
        self._job = job

    def execute(self) -> tuple[str, Document]:
        """The final status, and the members of the document that come of it.

        Raises:
            JobFailed: with the FailureReason.
        """
        if self._job.stop.is_set():
            return "Stopped", {}
        for part in ("config", "output", "processing"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        self._write_config()
        for each in self._document.get("ProcessingInputs", []):
            source = each["S3Input"]
            target = relocated(source["LocalPath"], self._folder)
            bring(self._context.s3, source["S3Uri"], source["S3DataType"], target)
        outputs = self._outputs()
        if self._job.stop.is_set():
            return "Stopped", {}
        return self._process(outputs)

    def _process(self, outputs: list[tuple[Mirror, bool]]) -> tuple[str, Document]:
        if fault := self._context.engine.faults.take("fail_job", "sagemaker:CreateProcessingJob", self._name):
            raise JobFailed(fault.reason)

        def push_continuous() -> None:
            for mirror, continuous in outputs:
                if continuous:
                    mirror.push()

        program = self._start()
        ending = program.wait(
            stop=self._job.stop,
            limit_seconds=self._document.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_SECONDS),
            every=push_continuous,
        )
        if self._context.engine.closing.is_set():
            raise JobFailed(INTERRUPTED)
        push_continuous()
        if ending is Ending.EXITED and program.exit_code:
            raise JobFailed(self._failure(program))
        if ending is Ending.EXITED:
            for mirror, _ in outputs:
                mirror.push()
            return "Completed", {}
        return "Stopped", {"FailureReason": states.TOO_LONG} if ending is Ending.TOO_LONG else {}

    def _start(self) -> Program:
        application = self._document["AppSpecification"]
        try:
            image = self._context.engine.images.find(application["ImageUri"])
        except ImageUnknown as error:
            raise JobFailed(f"ClientError: {error}") from error
        entrypoint = application.get("ContainerEntrypoint") or ([image.entrypoint] if image.entrypoint else None)
        if entrypoint is None:
            raise JobFailed(
                f"ClientError: the image {application['ImageUri']} has no entrypoint. Name ContainerEntrypoint."
            )
        states.move(self._context, self._name, "InProgress", ProcessingStartTime=time.time())
        launch = Launch(
            image=image,
            command=[*entrypoint, *application.get("ContainerArguments", [])],
            folder=self._folder,
            log_group=LOGS,
            log_stream=f"{self._name}/algo-1-{int(time.time())}",
            environment={
                "PROCESSING_JOB_NAME": self._name,
                "PROCESSING_JOB_ARN": self._document["ProcessingJobArn"],
                **self._document.get("Environment", {}),
            },
        )
        try:
            return Program(self._context, launch)
        except OSError as error:
            raise JobFailed(f"AlgorithmError: the program could not be started: {error}") from error

    def _outputs(self) -> list[tuple[Mirror, bool]]:
        """Every output's folder with its address, and whether it is uploaded while the program runs."""
        outputs = []
        for each in self._document.get("ProcessingOutputConfig", {}).get("Outputs", []):
            target = each["S3Output"]
            folder = relocated(target["LocalPath"], self._folder)
            folder.mkdir(parents=True, exist_ok=True)
            mirror = Mirror(self._context.s3, folder, target["S3Uri"])
            outputs.append((mirror, target["S3UploadMode"] == "Continuous"))
        return outputs

    def _failure(self, program: Program) -> str:
        written = _exit_message(self._folder).get("ExitMessage")
        reason = written or "\n".join(program.tail)
        ending = f", exit code: {program.exit_code}"
        start = "AlgorithmError: "
        return start + reason[: states.MESSAGE_CHARACTERS - len(start) - len(ending)] + ending

    def _write_config(self) -> None:
        config = {member: self._document[member] for member in _CONFIG if member in self._document}
        resources = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
        (self._folder / "config/processingjobconfig.json").write_text(json.dumps(config))
        (self._folder / "config/resourceconfig.json").write_text(json.dumps(resources))


def _exit_message(folder: Path) -> Document:
    """What the program wrote to `/opt/ml/output/message`, in 1 KB."""
    message = folder / "output/message"
    if not message.is_file():
        return {}
    return {"ExitMessage": message.read_text(errors="replace")[: states.MESSAGE_CHARACTERS]}
