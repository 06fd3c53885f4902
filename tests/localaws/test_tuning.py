"""Tuning jobs: real training jobs with chosen hyper-parameters, watched, learnt from and stopped."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from embedded_aws import Embedded, Target

Request = Callable[..., dict[str, Any]]
METRIC = {"Name": "validation:mse", "Regex": r"validation:mse=([0-9.]+);"}
PENALTY = {"Name": "penalty", "MinValue": "0", "MaxValue": "100"}
# With this seed the grid of `test_a_hopeless_child_is_stopped_early` is taken in the order 4, 5, 6, 40.
GRID_ENDS_WITH_40 = 5
COUNTERS = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")


@pytest.fixture
def job(name: str) -> str:
    """Names of tuning jobs have at most 32 characters."""
    return name[:32]


@pytest.fixture
def request_for(aws: Target, s3: Any, job: str, name: str, prefix: str) -> Request:
    """Least squares with a penalty on points of y = 2x + 1: the smaller the penalty, the smaller the error."""
    s3.put_object(Bucket=aws.bucket, Key=f"{name}/train/points.csv", Body=b"3.1,1\n4.9,2\n7.1,3\n8.9,4\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{prefix}/train/", "S3DataDistributionType": "FullyReplicated"}

    def request(
        strategy: str = "Random",
        jobs: int | None = 3,
        parallel: int = 2,
        *,
        ranges: dict[str, Any] | None = None,
        static: dict[str, str] | None = None,
        config: dict[str, Any] | None = None,
        definition: dict[str, Any] | None = None,
        **members: Any,
    ) -> dict[str, Any]:
        number = {} if jobs is None else {"MaxNumberOfTrainingJobs": jobs}
        return {
            "HyperParameterTuningJobName": job,
            "HyperParameterTuningJobConfig": {
                "Strategy": strategy,
                "ResourceLimits": {**number, "MaxParallelTrainingJobs": parallel},
                "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:mse"},
                "ParameterRanges": ranges or {"ContinuousParameterRanges": [PENALTY]},
                **(config or {}),
            },
            "TrainingJobDefinition": {
                "StaticHyperParameters": static or {},
                "AlgorithmSpecification": {
                    "TrainingImage": aws.image,
                    "TrainingInputMode": "File",
                    "MetricDefinitions": [METRIC],
                },
                "RoleArn": aws.role,
                "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
                "OutputDataConfig": {"S3OutputPath": f"{prefix}/out"},
                "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
                "StoppingCondition": {"MaxRuntimeInSeconds": 600},
                **(definition or {}),
            },
            **members,
        }

    return request


@pytest.fixture
def run(aws: Target, sagemaker: Any, job: str) -> Callable[[dict[str, Any]], Any]:
    """Creates the tuning job and waits for its end."""

    def run(request: dict[str, Any]) -> Any:
        sagemaker.create_hyper_parameter_tuning_job(**request)
        return ended(aws, sagemaker, job)

    return run


def ended(aws: Target, sagemaker: Any, job: str) -> Any:
    return aws.wait(
        lambda: sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job),
        lambda found: found["HyperParameterTuningJobStatus"] not in ("InProgress", "Stopping"),
    )


def children(sagemaker: Any, job: str, **more: Any) -> list[dict[str, Any]]:
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job")
    return [
        child
        for page in pages.paginate(HyperParameterTuningJobName=job, **more)
        for child in page["TrainingJobSummaries"]
    ]


def objective(child: dict[str, Any]) -> float:
    return float(child["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_a_random_search_trains_and_names_the_best(
    sagemaker: Any, s3: Any, aws: Target, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    done = run(request_for(jobs=3))
    assert done["HyperParameterTuningJobStatus"] == "Completed", done
    assert [done["TrainingJobStatusCounters"][counter] for counter in COUNTERS] == [3, 0, 0, 0, 0]
    assert done["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}
    assert done["HyperParameterTuningEndTime"] >= done["CreationTime"]
    listed = children(sagemaker, job)
    assert [child["TrainingJobName"][: len(job) + 4] for child in listed] == [f"{job}-00{n}" for n in (1, 2, 3)]
    best = min(listed, key=objective)
    assert done["BestTrainingJob"]["TrainingJobName"] == best["TrainingJobName"]
    # A real effect of a real choice: the smallest penalty has the smallest error.
    assert best == min(listed, key=lambda child: float(child["TunedHyperParameters"]["penalty"]))
    trained = sagemaker.describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert trained["TuningJobArn"] == done["HyperParameterTuningJobArn"]
    assert trained["HyperParameters"] == {
        "penalty": best["TunedHyperParameters"]["penalty"],
        "_tuning_objective_metric": "validation:mse",
    }
    artefact = trained["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{aws.bucket}/")
    assert s3.head_object(Bucket=aws.bucket, Key=artefact)["ContentLength"] > 0


def test_a_seed_makes_a_search_repeatable(
    aws: Target, sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    ranges = {
        "ContinuousParameterRanges": [{**PENALTY, "MinValue": "0.001", "ScalingType": "Logarithmic"}],
        "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "5"}],
        "CategoricalParameterRanges": [{"Name": "message", "Values": ["a", "b"]}],
    }
    request = request_for(ranges=ranges, config={"RandomSeed": 7})
    run(request)
    again = f"{job[:30]}-2"
    sagemaker.create_hyper_parameter_tuning_job(**{**request, "HyperParameterTuningJobName": again})
    ended(aws, sagemaker, again)
    first, second = ([child["TunedHyperParameters"] for child in children(sagemaker, each)] for each in (job, again))
    assert first == second
    assert all(0.001 <= float(each["penalty"]) <= 100 for each in first)
    assert all(each["epochs"] in "12345" and each["message"] in "ab" for each in first)


def test_a_grid_search_takes_every_combination_once(
    sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    values = {"penalty": ["0", "1", "10"], "epochs": ["1", "2"]}
    ranges = {"CategoricalParameterRanges": [{"Name": key, "Values": each} for key, each in values.items()]}
    done = run(request_for("Grid", jobs=None, parallel=3, ranges=ranges))
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    taken = [
        (each["TunedHyperParameters"]["penalty"], each["TunedHyperParameters"]["epochs"])
        for each in children(sagemaker, job)
    ]
    assert sorted(taken) == sorted(itertools.product(*values.values()))
    assert done["BestTrainingJob"]["TunedHyperParameters"]["penalty"] == "0"


def test_a_bayesian_search_comes_closer_than_chance(
    sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    """After its four random draws it draws where the error was least, at the lower end of the range."""
    done = run(request_for("Bayesian", jobs=12, parallel=1, config={"RandomSeed": 0}))
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    penalties = [float(child["TunedHyperParameters"]["penalty"]) for child in children(sagemaker, job)]
    assert min(penalties[:4]) > 50
    assert max(penalties[4:7]) < 10
    assert float(done["BestTrainingJob"]["TunedHyperParameters"]["penalty"]) == min(penalties)


def test_no_more_run_at_a_time_than_allowed(aws: Target, sagemaker: Any, job: str, request_for: Request) -> None:
    sagemaker.create_hyper_parameter_tuning_job(**request_for(jobs=3, parallel=1, static={"sleep": "0.3"}))
    most = 0

    def watch() -> Any:
        nonlocal most
        found = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
        most = max(most, found["TrainingJobStatusCounters"]["InProgress"])
        return found

    aws.wait(watch, lambda found: found["HyperParameterTuningJobStatus"] == "Completed")
    assert most == 1


def test_children_that_fail_are_counted_and_all_failing_fails_the_job(
    sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    done = run(request_for(jobs=2, static={"fail": "out of luck"}))
    assert done["HyperParameterTuningJobStatus"] == "Failed"
    assert done["FailureReason"].startswith("All training jobs failed")
    assert done["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert "BestTrainingJob" not in done
    assert all("out of luck" in child["FailureReason"] for child in children(sagemaker, job))


def test_an_objective_that_is_never_printed_fails_the_job(request_for: Request, run: Callable[..., Any]) -> None:
    silent = {"Name": "validation:mse", "Regex": "never=([0-9.]+)"}
    request = request_for(jobs=2)
    request["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"] = [silent]
    done = run(request)
    assert done["HyperParameterTuningJobStatus"] == "Failed"
    assert "validation:mse" in done["FailureReason"]
    assert done["ObjectiveStatusCounters"]["Failed"] == 2


def test_a_job_is_stopped_with_its_children(aws: Target, sagemaker: Any, job: str, request_for: Request) -> None:
    sagemaker.create_hyper_parameter_tuning_job(**request_for(jobs=6, parallel=2, static={"sleep": "60"}))
    aws.wait(
        lambda: {"children": children(sagemaker, job)},
        lambda found: len(found["children"]) == 2 and all("TrainingStartTime" in each for each in found["children"]),
    )
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    done = ended(aws, sagemaker, job)
    assert done["HyperParameterTuningJobStatus"] == "Stopped"
    assert done["TrainingJobStatusCounters"]["Stopped"] == 2
    with pytest.raises(ClientError, match="in status Stopped"):
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)


def test_a_hopeless_child_is_stopped_early(
    sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    """The fourth child begins with losses far above those the first three had: it is not worth its forty epochs."""
    ranges = {"CategoricalParameterRanges": [{"Name": "epochs", "Values": ["4", "5", "6", "40"]}]}
    request = request_for(
        "Grid",
        jobs=None,
        parallel=1,
        ranges=ranges,
        static={"pause": "0.4"},
        config={"TrainingJobEarlyStoppingType": "Auto", "RandomSeed": GRID_ENDS_WITH_40},
    )
    done = run(request)
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    by_epochs = {child["TunedHyperParameters"]["epochs"]: child for child in children(sagemaker, job)}
    assert {epochs: child["TrainingJobStatus"] for epochs, child in by_epochs.items()} == {
        "4": "Completed",
        "5": "Completed",
        "6": "Completed",
        "40": "Stopped",
    }
    took = by_epochs["40"]["TrainingEndTime"] - by_epochs["40"]["TrainingStartTime"]
    assert took.total_seconds() < 12, "it ran its 40 epochs of 0.4 s"


def test_enough_is_enough(request_for: Request, run: Callable[..., Any]) -> None:
    done = run(
        request_for(jobs=30, parallel=1, config={"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 1000.0}})
    )
    assert done["HyperParameterTuningJobStatus"] == "Completed"
    assert done["TrainingJobStatusCounters"]["Completed"] < 3


def test_children_are_listed_by_objective(
    sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    run(request_for(jobs=3))
    ordered = children(sagemaker, job, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    values = [objective(child) for child in ordered]
    assert values == sorted(values, reverse=True)
    assert len(children(sagemaker, job, StatusEquals="Completed", MaxResults=1)) == 3


def test_jobs_are_listed_tagged_and_deleted(
    sagemaker: Any, job: str, request_for: Request, run: Callable[..., Any]
) -> None:
    done = run(request_for(jobs=1, Tags=[{"Key": "model", "Value": "flights"}]))
    listed = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=job)["HyperParameterTuningJobSummaries"]
    assert [(each["Strategy"], each["TrainingJobStatusCounters"]["Completed"]) for each in listed] == [("Random", 1)]
    [child] = children(sagemaker, job)
    for arn in (done["HyperParameterTuningJobArn"], child["TrainingJobArn"]):
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "model", "Value": "flights"}]
    sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    with pytest.raises(ClientError) as missing:
        sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"


def test_a_name_is_taken_once(sagemaker: Any, request_for: Request, run: Callable[..., Any]) -> None:
    run(request_for(jobs=1))
    with pytest.raises(ClientError, match="already exists") as refused:
        sagemaker.create_hyper_parameter_tuning_job(**request_for(jobs=1))
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"strategy": "Grid", "jobs": None}, "takes CategoricalParameterRanges only", id="grid of numbers"),
        pytest.param(
            {
                "strategy": "Grid",
                "jobs": 3,
                "ranges": {"CategoricalParameterRanges": [{"Name": "penalty", "Values": ["1", "2"]}]},
            },
            "the grid has 2 combinations",
            id="grid size",
        ),
        pytest.param({"jobs": None}, "MaxNumberOfTrainingJobs must be specified", id="no number of jobs"),
        pytest.param(
            {"ranges": {"ContinuousParameterRanges": [{"Name": "penalty", "MinValue": "2", "MaxValue": "1"}]}},
            "must not be above MaxValue",
            id="bounds",
        ),
        pytest.param(
            {"ranges": {"ContinuousParameterRanges": [{**PENALTY, "MinValue": "low"}]}}, "not numeric", id="text bound"
        ),
        pytest.param(
            {"ranges": {"ContinuousParameterRanges": [{**PENALTY, "ScalingType": "Logarithmic"}]}},
            "above 0 for Logarithmic",
            id="logarithm of zero",
        ),
        pytest.param({"static": {"penalty": "1"}}, "both static and tuned", id="static and tuned"),
        pytest.param(
            {"config": {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "auc"}}},
            "objective metric .* isn't valid",
            id="objective",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(
    sagemaker: Any, request_for: Request, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.create_hyper_parameter_tuning_job(**request_for(**changes))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"strategy": "Hyperband"}, "Strategy Hyperband", id="hyperband"),
        pytest.param(
            {
                "WarmStartConfig": {
                    "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "parent"}],
                    "WarmStartType": "TransferLearning",
                }
            },
            "WarmStartConfig",
            id="warm start",
        ),
        pytest.param({"Autotune": {"Mode": "Enabled"}}, "Autotune", id="autotune"),
        pytest.param({"TrainingJobDefinitions": []}, "TrainingJobDefinitions", id="several definitions"),
    ],
)
def test_what_only_aws_has_is_a_501_that_names_it(
    sagemaker: Any, request_for: Request, changes: dict[str, Any], says: str
) -> None:
    request = request_for(**changes)
    if "TrainingJobDefinitions" in request:
        request["TrainingJobDefinitions"] = [request["TrainingJobDefinition"]]
    with pytest.raises(ClientError, match=says) as refused:
        sagemaker.create_hyper_parameter_tuning_job(**request)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.embedded
def test_a_job_that_ran_at_a_kill_has_failed_after_it(own_server: Embedded, request_for: Request, job: str) -> None:
    own_server.start()
    sagemaker = own_server.target().client("sagemaker")
    sagemaker.create_hyper_parameter_tuning_job(**request_for(jobs=2, static={"sleep": "60"}))
    own_server.kill()
    own_server.start()
    done = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=job)
    assert done["HyperParameterTuningJobStatus"] == "Failed"
    assert "was stopped while the job ran" in done["FailureReason"]
