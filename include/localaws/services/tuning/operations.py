"""The verbs of tuning jobs."""

from __future__ import annotations

from functools import partial

from localaws.context import Context
from localaws.listing import Listing
from localaws.service import Operation
from localaws.services.tuning import states
from localaws.services.tuning.runner import check_child, run
from localaws.services.tuning.search import grid_size, ranges_of
from localaws.wire import AwsError, Document, Invalid, NotSupported

LISTING = Listing(
    "HyperParameterTuningJobSummaries",
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobStatus",
    sort_by="Name",
    order="Ascending",
)
CHILDREN = Listing("TrainingJobSummaries", "TrainingJobName", "TrainingJobStatus", sort_by="Name", order="Ascending")


def create_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """Starts a tuning job.

    Raises:
        AwsError: `ResourceInUse`, the name is taken.
        Invalid: the request contradicts itself.
        NotSupported: it asks for what only AWS has.
    """
    _check_supported(request)
    config = _checked_config(request)
    check_child({**request, "HyperParameterTuningJobConfig": config})
    name = request["HyperParameterTuningJobName"]
    document = {
        **request,
        "HyperParameterTuningJobConfig": config,
        "HyperParameterTuningJobArn": context.arn(states.KIND, name),
        "HyperParameterTuningJobStatus": "InProgress",
        "_children": [],
    }
    if not context.create(states.KIND, name, document):
        raise AwsError(
            "ResourceInUse",
            "Hyperparameter tuning job names must be unique within an AWS account and region, and a tuning job with "
            f"this name already exists ({document['HyperParameterTuningJobArn']})",
        )
    states.announce(context, _found(context, name))
    # It only waits for its children, so it holds none of the slots they need.
    context.engine.jobs.start(
        (context.region, states.KIND, name),
        partial(run, context, name),
        partial(states.fail, context, name),
        slot=False,
    )
    return document


def describe_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """The job as it stands."""
    return states.described(context, _found(context, request["HyperParameterTuningJobName"]))


def stop_hyper_parameter_tuning_job(context: Context, request: Document) -> None:
    """Asks a job to stop: no more training jobs are started, and those that run are stopped."""
    name = request["HyperParameterTuningJobName"]
    status = _found(context, name)["HyperParameterTuningJobStatus"]
    if status == "Stopping":
        return
    if states.move(context, name, "Stopping") is None:
        status = _found(context, name)["HyperParameterTuningJobStatus"]
        raise Invalid(f"The request was rejected because the tuning job is in status {status}.")
    context.engine.jobs.stop((context.region, states.KIND, name))


def delete_hyper_parameter_tuning_job(context: Context, request: Document) -> None:
    """Removes a job that has ended; its training jobs stay."""
    name = request["HyperParameterTuningJobName"]
    document = _found(context, name)

    def ended(stored: Document) -> bool:
        return stored["HyperParameterTuningJobStatus"] in states.ENDED

    if context.delete(states.KIND, name, when=ended) is None:
        arn = document["HyperParameterTuningJobArn"]
        raise AwsError("ResourceInUse", f"The tuning job {arn} has not ended. Stop it first.")


def list_hyper_parameter_tuning_jobs(context: Context, request: Document) -> Document:
    """One page of jobs; by name, ascending, unless asked otherwise."""
    page = LISTING.answer(request, context.all(states.KIND))
    page[LISTING.summaries] = [_summary(context, document) for document in page[LISTING.summaries]]
    return page


def list_training_jobs_for_hyper_parameter_tuning_job(context: Context, request: Document) -> Document:
    """One page of a tuning job's children; sorted by their objective, those without one are left out."""
    children = states.summaries(context, _found(context, request["HyperParameterTuningJobName"]))
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        children = [child for child in children if "FinalObjectiveMetricValue" in child]
    return CHILDREN.answer(request, children)


def _found(context: Context, name: str) -> Document:
    document = context.get(states.KIND, name)
    if document is None:
        raise states.missing(name)
    return document


def _summary(context: Context, document: Document) -> Document:
    config = document["HyperParameterTuningJobConfig"]
    whole = states.described(context, document)
    return {**whole, "Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}


def _check_supported(request: Document) -> None:
    config = request["HyperParameterTuningJobConfig"]
    criteria = config.get("TuningJobCompletionCriteria", {})
    definition = request.get("TrainingJobDefinition", {})
    for asked, what in (
        (config["Strategy"] == "Hyperband", "Strategy Hyperband (Random, Grid and Bayesian are)"),
        ("StrategyConfig" in config, "StrategyConfig"),
        ("TrainingJobDefinitions" in request, "TrainingJobDefinitions (one TrainingJobDefinition is)"),
        ("WarmStartConfig" in request, "WarmStartConfig"),
        ("Autotune" in request, "Autotune"),
        ("AutoParameters" in config.get("ParameterRanges", {}), "ParameterRanges.AutoParameters"),
        (
            criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled",
            "TuningJobCompletionCriteria.ConvergenceDetected",
        ),
        ("HyperParameterRanges" in definition, "TrainingJobDefinition.HyperParameterRanges (ParameterRanges is)"),
        ("TuningObjective" in definition, "TrainingJobDefinition.TuningObjective"),
        (
            "HyperParameterTuningResourceConfig" in definition,
            "TrainingJobDefinition.HyperParameterTuningResourceConfig (ResourceConfig is)",
        ),
    ):
        if asked:
            raise NotSupported(f"CreateHyperParameterTuningJob with {what}")


def _checked_config(request: Document) -> Document:
    """HyperParameterTuningJobConfig with AWS's defaults, refused where it contradicts itself."""
    config = request["HyperParameterTuningJobConfig"]
    if "TrainingJobDefinition" not in request:
        raise Invalid("A tuning job needs a TrainingJobDefinition.")
    objective = config.get("HyperParameterTuningJobObjective")
    if objective is None:
        raise Invalid("HyperParameterTuningJobObjective must be specified in HyperParameterTuningJobConfig.")
    definition = request["TrainingJobDefinition"]
    metrics = [metric["Name"] for metric in definition["AlgorithmSpecification"].get("MetricDefinitions", [])]
    if objective["MetricName"] not in metrics:
        raise Invalid(
            f"The objective metric for the hyperparameter tuning job, [{objective['MetricName']}], isn't valid. "
            f"Choose one of the MetricDefinitions: {metrics}."
        )
    static = set(definition.get("StaticHyperParameters", {}))
    if both := sorted(static & {part.name for part in ranges_of(config)}):
        raise Invalid(f"The hyperparameters {both} are both static and tuned.")
    return {
        "TrainingJobEarlyStoppingType": "Off",
        **config,
        "ResourceLimits": {**config["ResourceLimits"], "MaxNumberOfTrainingJobs": _number_of_jobs(config)},
    }


def _number_of_jobs(config: Document) -> int:
    """How many training jobs there will be: as many as asked for, and in a grid search all combinations."""
    asked = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if config["Strategy"] != "Grid":
        if asked is None:
            raise Invalid(f"MaxNumberOfTrainingJobs must be specified for strategy {config['Strategy']}.")
        return int(asked)
    numeric = [
        name for name in ("IntegerParameterRanges", "ContinuousParameterRanges") if config["ParameterRanges"].get(name)
    ]
    if numeric:
        raise Invalid(f"Grid search takes CategoricalParameterRanges only; {' and '.join(numeric)} were given.")
    size = grid_size(config)
    if asked not in (None, size):
        raise Invalid(
            f"MaxNumberOfTrainingJobs is {asked}, but the grid has {size} combinations. Leave it out, or set it to {size}."
        )
    return size


OPERATIONS: dict[str, Operation] = {
    "CreateHyperParameterTuningJob": create_hyper_parameter_tuning_job,
    "DescribeHyperParameterTuningJob": describe_hyper_parameter_tuning_job,
    "StopHyperParameterTuningJob": stop_hyper_parameter_tuning_job,
    "DeleteHyperParameterTuningJob": delete_hyper_parameter_tuning_job,
    "ListHyperParameterTuningJobs": list_hyper_parameter_tuning_jobs,
    "ListTrainingJobsForHyperParameterTuningJob": list_training_jobs_for_hyper_parameter_tuning_job,
}
