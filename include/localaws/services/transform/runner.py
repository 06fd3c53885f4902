"""What a transform job really does: it serves the model, sends it the objects piece by piece, stores the answers."""

from __future__ import annotations

import gzip
import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from localaws.channels import listed
from localaws.context import Context
from localaws.jobs import Job, JobFailed
from localaws.s3_objects import below, upload
from localaws.services.models.server import ModelServer, Place, ServerAway, ServerFailed
from localaws.services.transform import states
from localaws.services.transform.payloads import RecordTooLong, assembled, payloads
from localaws.wire import Document

LOGS = "/aws/sagemaker/TransformJobs"
CHUNK_BYTES = 1 << 20
# AWS's defaults of ModelClientConfig.
INVOCATION_SECONDS = 600
INVOCATION_RETRIES = 3
RETRY_SECONDS = 0.2
POLL_SECONDS = 0.2
FAILED = "See job logs for more information"


class ObjectFailed(Exception):
    """One object could not be transformed; the others still can. The message is the job's FailureReason."""


class Stopped(Exception):
    """The job was asked to stop while a request was under way."""


def run(context: Context, name: str, job: Job) -> None:
    """Runs a job to its end and writes how it ended; when this process is closing, recovery writes it instead."""
    document = context.get(states.KIND, name)
    if document is None:
        return
    folder = context.engine.state / "jobs" / context.region / states.KIND / name
    transform = _Transform(context, document, folder, job)
    members: Document = {}
    try:
        transform.execute()
        status = "Stopped" if job.stop.is_set() else "Completed"
    except Stopped:
        status = "Stopped"
    except (JobFailed, ObjectFailed) as failure:
        status, members = "Failed", {"FailureReason": str(failure)[: states.REASON_CHARACTERS]}
    except (ClientError, BotoCoreError, OSError) as error:
        status, members = "Failed", {"FailureReason": f"ClientError: {error}"[: states.REASON_CHARACTERS]}
    finally:
        transform.close()
        shutil.rmtree(folder, ignore_errors=True)
    if not context.engine.closing.is_set():
        states.move(context, name, status, **members)


class _Transform:
    """One job's way: the servers of its model, then object after object."""

    def __init__(self, context: Context, document: Document, folder: Path, job: Job) -> None:
        self._context = context
        self._document = document
        self._name: str = document["TransformJobName"]
        self._folder = folder
        self._job = job
        self._over = threading.Event()
        self._instance = f"i-{uuid.uuid4().hex[:17]}"
        self._concurrent: int = document["MaxConcurrentTransforms"] or 1
        client = document.get("ModelClientConfig", {})
        self._seconds = float(client.get("InvocationsTimeoutInSeconds", INVOCATION_SECONDS))
        self._retries = int(client.get("InvocationsMaxRetries", INVOCATION_RETRIES))
        self._servers = [self._server(index, each) for index, each in enumerate(document["_containers"], start=1)]

    def execute(self) -> None:
        """Transforms every object; an object that fails does not keep the others from being transformed.

        Raises:
            JobFailed: there is no input, or the model cannot be served.
            ObjectFailed: the first object that failed.
            Stopped: the job was asked to stop.
        """
        if self._job.stop.is_set():
            return
        if fault := self._context.engine.faults.take("fail_job", "sagemaker:CreateTransformJob", self._name):
            raise JobFailed(fault.reason)
        threading.Thread(target=self._watch, name=f"watch-{self._name}", daemon=True).start()
        self._context.patch(states.KIND, self._name, {"TransformStartTime": time.time()})
        source = self._document["TransformInput"]["DataSource"]["S3DataSource"]
        objects = list(listed(self._context.s3, source["S3Uri"], source["S3DataType"]))
        self._serve()
        failures: list[ObjectFailed] = []
        for bucket, key, relative in objects:
            if self._job.stop.is_set():
                return
            try:
                self._transform(bucket, key, relative)
            except ObjectFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Ends the servers."""
        self._over.set()
        for server in self._servers:
            server.stop(0)

    def _watch(self) -> None:
        """Ends the servers when the job is asked to stop: what waits for them then fails, and sees why."""
        while not self._over.wait(POLL_SECONDS):
            if self._job.stop.is_set():
                self.close()

    def _server(self, index: int, container: Document) -> ModelServer:
        """A container with the environment AWS gives it in a transform job; what the job says wins."""
        environment = {
            **container.get("Environment", {}),
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": self._document.get("BatchStrategy", "MultiRecord"),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self._concurrent),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._document["MaxPayloadInMB"]),
            **self._document.get("Environment", {}),
        }
        stream = f"{self._name}/{self._instance}" + (f"/container-{index}" if index > 1 else "")
        place = Place(folder=self._folder / f"ml-{index}", log_group=LOGS, log_stream=stream)
        return ModelServer(self._context, {**container, "Environment": environment}, place)

    def _serve(self) -> None:
        for server in self._servers:
            try:
                server.start()
            except ServerFailed as error:
                if self._job.stop.is_set():
                    raise Stopped from error
                raise JobFailed(f"AlgorithmError: The container did not pass the ping health check. {error}") from error

    def _transform(self, bucket: str, key: str, relative: str) -> None:
        """One object to `<S3OutputPath>/<relative>.out`; nothing is written when any of its requests fails."""
        given, wanted = self._document["TransformInput"], self._document["TransformOutput"]
        bodies = payloads(
            _chunks(self._context.s3.get_object(Bucket=bucket, Key=key)["Body"], given["CompressionType"]),
            split=given["SplitType"],
            strategy=self._document.get("BatchStrategy", "MultiRecord"),
            most_mb=self._document["MaxPayloadInMB"],
        )
        output = self._folder / "output"
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            with output.open("wb") as target:
                for answer in self._answers(bodies):
                    target.write(assembled(answer, wanted["AssembleWith"]))
        except (ObjectFailed, RecordTooLong) as error:
            reason = error if isinstance(error, ObjectFailed) else f"ClientError: {FAILED}: {error}"
            self._log(f"s3://{bucket}/{key}: {error}")
            raise ObjectFailed(f"{reason} (s3://{bucket}/{key})") from error
        upload(self._context.s3, output, below(wanted["S3OutputPath"], f"{relative}.out"))

    def _answers(self, bodies: Iterator[bytes]) -> Iterator[bytes]:
        """The answers in the order of the requests, of which some are under way at a time."""
        waiting: deque[Future[bytes]] = deque()
        with ThreadPoolExecutor(self._concurrent, "transform") as pool:
            for body in bodies:
                waiting.append(pool.submit(self._invoke, body))
                if len(waiting) == self._concurrent:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _invoke(self, body: bytes) -> bytes:
        """One request through all containers, repeated when the model itself failed."""
        for attempt in range(self._retries + 1):
            if attempt:
                self._job.stop.wait(RETRY_SECONDS * attempt)
            if self._job.stop.is_set():
                raise Stopped
            try:
                reply = self._asked(body)
            except (urllib3.exceptions.HTTPError, ServerAway) as error:
                fault = f"AlgorithmError: {FAILED}: The container did not answer: {error}"
                continue
            if reply.status < 300:
                return reply.data
            said = f"Bad HTTP status returned from invoke: {reply.status}: {reply.data[:300].decode(errors='replace')}"
            if reply.status < 500:
                raise ObjectFailed(f"ClientError: {FAILED}: {said}")
            fault = f"AlgorithmError: {FAILED}: {said}"
        raise ObjectFailed(fault)

    def _asked(self, body: bytes) -> urllib3.BaseHTTPResponse:
        content_type, accept = (
            self._document["TransformInput"].get("ContentType"),
            self._document["TransformOutput"].get("Accept"),
        )
        headers = {name: value for name, value in (("content-type", content_type), ("accept", accept)) if value}
        first, *others = self._servers
        reply = first.post("/invocations", body, headers, self._seconds)
        for server in others:
            if reply.status >= 300:
                break
            headers["content-type"] = reply.headers.get("content-type", "application/octet-stream")
            reply = server.post("/invocations", reply.data, headers, self._seconds)
        return reply

    def _log(self, line: str) -> None:
        """What failed, in the stream where AWS writes it."""
        shipper = self._context.engine.shipper
        stream = shipper.open(self._context.logs, LOGS, f"{self._name}/{self._instance}/data-log")
        stream.write(line)
        shipper.close(stream)


def _chunks(body: Any, compression: str) -> Iterator[bytes]:
    """An object in pieces, unpacked."""
    source: IO[bytes] | Any = gzip.GzipFile(fileobj=body) if compression == "Gzip" else body
    while chunk := source.read(CHUNK_BYTES):
        yield chunk
