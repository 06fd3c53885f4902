"""What AWS bills for SageMaker jobs: their seconds as SageMaker reports them, times a price per hour.

An estimate of the instances alone: the storage of a job's volume and the requests to S3 are small beside them and not
in it.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from windtunnel.aws.clients import client
from windtunnel.aws.jobs import described
from windtunnel.core.contracts import JobCost
from windtunnel.core.prices import usd_per_hour

# `<model>-<16 digits of the work key>`, for an evaluation `-vs-<version>` behind the training it judges; then the
# number of the attempt. Key and version may end in digits themselves.
_ATTEMPT = re.compile(r"(?P<base>.+-[0-9a-f]{16}(?:(?:-\d+)?-vs-V\d+-\d+-\d+)?)-\d+")


def attempts(job_names: Iterable[str]) -> tuple[JobCost, ...]:
    """Every attempt at the work of these jobs, the failed ones too; each is billed.

    Args:
        job_names: Names as `jobs.attempt_name` gives them; any attempt stands for all.

    Returns:
        Training and processing jobs, in the order of their names' numbers; none for work that never began.
    """
    bases = dict.fromkeys(_base(name) for name in job_names)
    return tuple(cost for base in bases for cost in _all(base))


def _base(job_name: str) -> str:
    found = _ATTEMPT.fullmatch(job_name)
    return found["base"] if found else job_name


def _all(base: str) -> Iterator[JobCost]:
    for attempt in itertools.count(1):
        name = base if attempt == 1 else f"{base}-{attempt}"
        if not (costs := _costs(name)):
            return
        yield from costs


def _costs(name: str) -> tuple[JobCost, ...]:
    """A training and its evaluation may share a name: SageMaker keeps the two kinds apart."""
    return tuple(cost for cost in (_training(name), _processing(name)) if cost is not None)


def _training(name: str) -> JobCost | None:
    found = described(lambda: client("sagemaker").describe_training_job(TrainingJobName=name))
    if found is None:
        return None
    return _cost(
        name, "training", found["TrainingJobStatus"], found["ResourceConfig"], found.get("BillableTimeInSeconds", 0)
    )


def _processing(name: str) -> JobCost | None:
    found = described(lambda: client("sagemaker").describe_processing_job(ProcessingJobName=name))
    if found is None:
        return None
    began, ended = found.get("ProcessingStartTime"), found.get("ProcessingEndTime")
    seconds = math.ceil((ended - began).total_seconds()) if began and ended else 0
    cluster = found["ProcessingResources"]["ClusterConfig"]
    return _cost(name, "processing", found["ProcessingJobStatus"], cluster, seconds)


def _cost(name: str, kind: Any, status: str, cluster: Any, seconds: int) -> JobCost:
    per_hour = usd_per_hour(cluster["InstanceType"], cluster["InstanceCount"])
    return JobCost(
        name=name,
        kind=kind,
        status=status,
        instance_type=cluster["InstanceType"],
        instances=cluster["InstanceCount"],
        billed_seconds=seconds,
        usd=None if per_hour is None else per_hour * seconds / 3600,
    )
