"""What a training job really does."""

from __future__ import annotations

import json
import shutil
import time
from functools import partial
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from localaws.channels import bring
from localaws.context import Context
from localaws.images import ImageUnknown
from localaws.jobs import INTERRUPTED, Job, JobFailed
from localaws.metrics import Metrics
from localaws.programs import Ending, Launch, Program, relocated
from localaws.s3_objects import Mirror, below, upload_archive
from localaws.services.training import states
from localaws.wire import Document

LOGS = "/aws/sagemaker/TrainingJobs"
DAY_SECONDS = 86_400
_SECONDARY = {Ending.EXITED: "Completed", Ending.STOPPED: "Stopped", Ending.TOO_LONG: "MaxRuntimeExceeded"}


def run(context: Context, name: str, job: Job) -> None:
    """Runs a job to its end and writes how it ended; when this process is closing, recovery writes it instead."""
    document = context.get(states.KIND, name)
    if document is None:
        return
    folder = context.engine.state / "jobs" / context.region / states.KIND / name / "ml"
    try:
        ending, members = _Training(context, document, folder, job).execute()
        end, extra = _SECONDARY[ending], members
    except JobFailed as failure:
        end, extra = "Failed", {"FailureReason": str(failure)[: states.REASON_CHARACTERS]}
    except (ClientError, BotoCoreError, OSError) as error:
        # Of S3 mostly: a bucket that does not exist, a full disk. The job's fault or not, the caller must read it.
        end, extra = "Failed", {"FailureReason": f"ClientError: {error}"[: states.REASON_CHARACTERS]}
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)
    if not context.engine.closing.is_set():
        states.move(context, name, end, **extra)


class _Training:
    """One job's way through its states."""

    def __init__(self, context: Context, document: Document, folder: Path, job: Job) -> None:
        self._context = context
        self._document = document
        self._name: str = document["TrainingJobName"]
        self._folder = folder
        self._job = job
        self._metrics = Metrics(document["AlgorithmSpecification"].get("MetricDefinitions", []))

    def execute(self) -> tuple[Ending, Document]:
        """How the program ended, and the members of the document that come of it.

        Raises:
            JobFailed: with the FailureReason.
        """
        if self._job.stop.is_set():
            return Ending.STOPPED, {}
        for part in ("input/config", "input/data", "model", "output/data"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        self._write_config()
        self._enter("Downloading")
        for channel in self._document.get("InputDataConfig", []):
            source = channel["DataSource"]["S3DataSource"]
            target = self._folder / "input/data" / channel["ChannelName"]
            bring(self._context.s3, source["S3Uri"], source["S3DataType"], target)
        checkpoints = self._checkpoints()
        if checkpoints is not None:
            checkpoints.pull()
        if self._job.stop.is_set():
            return Ending.STOPPED, {}
        return self._train(checkpoints)

    def _train(self, checkpoints: Mirror | None) -> tuple[Ending, Document]:
        if fault := self._context.engine.faults.take("fail_job", "sagemaker:CreateTrainingJob", self._name):
            raise JobFailed(fault.reason)
        program = self._start()
        stopping = self._document.get("StoppingCondition", {})
        ending = program.wait(
            stop=self._job.stop,
            limit_seconds=stopping.get("MaxRuntimeInSeconds", DAY_SECONDS),
            every=partial(self._report, checkpoints),
        )
        if self._context.engine.closing.is_set():
            raise JobFailed(INTERRUPTED)
        self._report(checkpoints)
        self._metrics.publish(self._context.cloudwatch, LOGS, "TrainingJobName", self._name)
        final = self._metrics.final()
        self._context.patch(states.KIND, self._name, {"FinalMetricDataList": final})
        if ending is Ending.EXITED and program.exit_code:
            raise JobFailed(self._failure(program))
        return ending, self._upload()

    def _report(self, checkpoints: Mirror | None) -> None:
        """Once a second and at the end: checkpoints to S3, and what a tuning job watches to stop a child early."""
        if checkpoints is not None:
            checkpoints.push()
        if "TuningJobArn" in self._document:
            self._context.patch(states.KIND, self._name, {"_points": self._metrics.points()})

    def _start(self) -> Program:
        algorithm = self._document["AlgorithmSpecification"]
        try:
            image = self._context.engine.images.find(algorithm["TrainingImage"])
        except ImageUnknown as error:
            raise JobFailed(f"ClientError: {error}") from error
        command = [*algorithm.get("ContainerEntrypoint", ["train"]), *algorithm.get("ContainerArguments", [])]
        self._enter("Training", TrainingStartTime=time.time())
        launch = Launch(
            image=image,
            command=command,
            folder=self._folder,
            log_group=LOGS,
            log_stream=f"{self._name}/algo-1-{int(time.time())}",
            environment={
                "TRAINING_JOB_NAME": self._name,
                "TRAINING_JOB_ARN": self._document["TrainingJobArn"],
                "CURRENT_HOST": "algo-1",
                **self._document.get("Environment", {}),
            },
            on_line=self._metrics.read,
        )
        try:
            return Program(self._context, launch)
        except OSError as error:
            raise JobFailed(f"AlgorithmError: the program could not be started: {error}") from error

    def _upload(self) -> Document:
        self._enter("Uploading")
        s3, config = self._context.s3, self._document["OutputDataConfig"]
        output = below(config["S3OutputPath"], self._name, "output")
        if config.get("CompressionType") == "NONE":
            artefact = below(output, "model/")
            Mirror(s3, self._folder / "model", artefact).push()
        else:
            artefact = below(output, "model.tar.gz")
            upload_archive(s3, self._folder / "model", artefact)
        if any((self._folder / "output/data").iterdir()):
            upload_archive(s3, self._folder / "output/data", below(output, "output.tar.gz"))
        return {"ModelArtifacts": {"S3ModelArtifacts": artefact}}

    def _checkpoints(self) -> Mirror | None:
        config = self._document.get("CheckpointConfig")
        if config is None:
            return None
        folder = relocated(config.get("LocalPath", "/opt/ml/checkpoints"), self._folder)
        folder.mkdir(parents=True, exist_ok=True)
        return Mirror(self._context.s3, folder, config["S3Uri"])

    def _failure(self, program: Program) -> str:
        written = self._folder / "output/failure"
        reason = written.read_text(errors="replace") if written.is_file() else "\n".join(program.tail)
        ending = f", exit code: {program.exit_code}"
        start = "AlgorithmError: "
        return start + reason[: states.REASON_CHARACTERS - len(start) - len(ending)] + ending

    def _enter(self, secondary: str, **members: object) -> None:
        states.move(self._context, self._name, secondary, **members)

    def _write_config(self) -> None:
        mode = self._document["AlgorithmSpecification"].get("TrainingInputMode", "File")
        channels = {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode", mode),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": "None",
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in self._document.get("InputDataConfig", [])
        }
        resources = {
            "current_host": "algo-1",
            "hosts": ["algo-1"],
            "network_interface_name": "lo",
            "current_instance_type": self._document.get("ResourceConfig", {}).get("InstanceType"),
            "current_group_name": "homogeneousCluster",
        }
        for file, content in (
            ("hyperparameters", self._document.get("HyperParameters", {})),
            ("inputdataconfig", channels),
            ("resourceconfig", resources),
        ):
            (self._folder / "input/config" / f"{file}.json").write_text(json.dumps(content))
