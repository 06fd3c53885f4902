"""How a tuning job chooses hyper-parameters: Optuna's random, grid and TPE samplers behind AWS's words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localaws.wire import Document, Invalid

# TPE learns nothing from one or two trials; Optuna's default of 10 random ones would be a whole small tuning job.
MOST_STARTUP_TRIALS = 10
LEAST_STARTUP_TRIALS = 3


@dataclass(frozen=True)
class Range:
    """One tuned hyper-parameter: what Optuna draws from, and how a draw is written for the training job."""

    name: str
    distribution: Any
    write: Callable[[Any], str]


@dataclass(frozen=True)
class Draw:
    """Hyper-parameters of one training job, as AWS writes them (strings), and the trial they belong to."""

    parameters: dict[str, str]
    trial: Any


class Search:
    """Draws and learns, one training job at a time. Not safe to use from several threads.

    The same seed, ranges and order of results give the same draws.

    Args:
        config: HyperParameterTuningJobConfig.
    """

    def __init__(self, config: Document) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._ranges = ranges_of(config)
        self._learns = config["Strategy"] == "Bayesian"
        objective = config["HyperParameterTuningJobObjective"]
        self._study = optuna.create_study(
            sampler=_sampler(config, self._ranges),
            direction="maximize" if objective["Type"] == "Maximize" else "minimize",
        )

    def draw(self) -> Draw:
        """The hyper-parameters of the next training job."""
        trial = self._study.ask({part.name: part.distribution for part in self._ranges})
        return Draw({part.name: part.write(trial.params[part.name]) for part in self._ranges}, trial)

    def learn(self, draw: Draw, value: float | None) -> None:
        """Takes in the objective of a finished training job; None when it gave none.

        Only the Bayesian search uses it. The grid must not even be told: Optuna's grid sampler then stops a loop of
        its own that does not run here, which is an error.
        """
        import optuna

        if not self._learns:
            return
        if value is None or not math.isfinite(value):
            self._study.tell(draw.trial, state=optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(draw.trial, value)


def ranges_of(config: Document) -> list[Range]:
    """The tuned hyper-parameters of a HyperParameterTuningJobConfig.

    Raises:
        Invalid: a bound is no number, the bounds are in the wrong order or do not suit their scale, or a name is given
            twice.
    """
    declared = config.get("ParameterRanges", {})
    ranges = [
        *(_integer(part) for part in declared.get("IntegerParameterRanges", [])),
        *(_continuous(part) for part in declared.get("ContinuousParameterRanges", [])),
        *(_categorical(part) for part in declared.get("CategoricalParameterRanges", [])),
    ]
    names = [part.name for part in ranges]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"The hyperparameters {twice} are declared in more than one parameter range.")
    if not ranges:
        raise Invalid("At least one hyperparameter range must be specified in ParameterRanges.")
    return ranges


def grid_size(config: Document) -> int:
    """How many training jobs a grid search takes: the product of its categories."""
    return math.prod(len(part.distribution.choices) for part in ranges_of(config))


def _sampler(config: Document, ranges: list[Range]) -> Any:
    import optuna

    seed = config.get("RandomSeed")
    match config["Strategy"]:
        case "Random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "Grid":
            return optuna.samplers.GridSampler({part.name: part.distribution.choices for part in ranges}, seed=seed)
    limits = config["ResourceLimits"]
    return optuna.samplers.TPESampler(
        seed=seed,
        n_startup_trials=max(LEAST_STARTUP_TRIALS, min(MOST_STARTUP_TRIALS, limits["MaxNumberOfTrainingJobs"] // 3)),
        constant_liar=limits["MaxParallelTrainingJobs"] > 1,
    )


def _integer(declared: Document) -> Range:
    from optuna.distributions import IntDistribution

    low, high = (int(bound) for bound in _bounds(declared, int))
    scale = declared.get("ScalingType", "Auto")
    if scale == "ReverseLogarithmic":
        raise Invalid(f"Integer hyperparameter {declared['Name']} cannot be scaled ReverseLogarithmic.")
    logarithmic = scale == "Logarithmic"
    if logarithmic and low <= 0:
        raise Invalid(f"The range of {declared['Name']} must be above 0 for Logarithmic scaling.")
    return Range(declared["Name"], IntDistribution(low, high, log=logarithmic), str)


def _continuous(declared: Document) -> Range:
    """AWS picks a scale for `Auto`; here it is linear.

    `ReverseLogarithmic` draws the distance to 1 on a logarithmic scale, so it needs 0 <= value < 1.
    """
    from optuna.distributions import FloatDistribution

    low, high = _bounds(declared, float)
    match declared.get("ScalingType", "Auto"):
        case "Logarithmic":
            if low <= 0:
                raise Invalid(f"The range of {declared['Name']} must be above 0 for Logarithmic scaling.")
            return Range(declared["Name"], FloatDistribution(low, high, log=True), repr)
        case "ReverseLogarithmic":
            if low < 0 or high >= 1:
                raise Invalid(f"The range of {declared['Name']} must be in [0, 1) for ReverseLogarithmic scaling.")
            return Range(declared["Name"], FloatDistribution(1 - high, 1 - low, log=True), lambda gap: repr(1 - gap))
    return Range(declared["Name"], FloatDistribution(low, high), repr)


def _categorical(declared: Document) -> Range:
    from optuna.distributions import CategoricalDistribution

    return Range(declared["Name"], CategoricalDistribution(declared["Values"]), str)


def _bounds(declared: Document, kind: Callable[[str], float]) -> tuple[float, float]:
    try:
        low, high = kind(declared["MinValue"]), kind(declared["MaxValue"])
    except ValueError as error:
        raise Invalid(f"The range of {declared['Name']} is not numeric: {error}.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise Invalid(
            f"The range of {declared['Name']} is [{declared['MinValue']}, {declared['MaxValue']}]. "
            "MinValue must not be above MaxValue, and both must be finite."
        )
    return low, high
