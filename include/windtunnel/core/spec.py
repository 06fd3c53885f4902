"""What a model's `spec.py` declares. Cheap at DAG parse: nothing here imports pandas, not even in a type at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from windtunnel.core.errors import SpecInvalid, quoted

Kind = Literal["int64", "float64", "string", "timestamp"]
"""Column types of a dataset. Numbers are 64 bit: Great Expectations checks other widths row by row in Python."""


Task = Literal["regression", "classification", "anomaly"]
"""What the target is: a number; 0 or 1, predicted as the probability of 1; 0 or 1, predicted as a score that ranks."""


RESERVED = frozenset(
    {"captured_at", "champion_said", "control_said", "day", "event_id", "fault", "prediction", "source", "version"}
)
"""Columns that monitoring adds to a prediction's own: key, event time, target and features have other names."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SpecInvalid(
                f"`{type(self).__name__}` in a spec.py: `{where}` is `{first['input']}`: {first['msg']}."
            ) from error


class Column(_Declared):
    """One column of the published dataset."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: Kind
    about: str = Field(description="What it is, with its unit.")
    nullable: bool = False
    later: bool = Field(False, description="Known only after the prediction is made; can never be a feature.")


class PackageCsv(_Declared):
    """Rows that an installed Python distribution carries as a CSV file inside a zip; read as data, never imported."""

    distribution: str
    member: str = Field(description="Path of the zip inside the distribution.")
    month_columns: tuple[str, str] = Field(("year", "month"), description="The columns that say a row's month.")


class S3Csv(_Declared):
    """One CSV file per month, dropped by someone else at `s3://.../<prefix><YYYY-MM>.csv`."""

    prefix: str = Field(pattern=r"^s3://.+/$")


class Arrival(_Declared):
    """Which months the source has, so that the schedule can catch up over them."""

    first: str = Field(pattern=r"^\d{4}-\d{2}$")
    last: str | None = Field(None, pattern=r"^\d{4}-\d{2}$", description="None: months go on arriving.")


class Windows(_Declared):
    """Point-in-time windows: the newest `holdout_months` judge a model trained on the `train_months` before them."""

    train_months: int = Field(ge=1)
    holdout_months: int = Field(1, ge=1)


class Evaluation(_Declared):
    """What an evaluation compares and when it refuses."""

    season: tuple[str, ...] = Field(description="Columns of the seasonal-naive baseline: mean of the target per group.")
    slices: tuple[str, ...] = Field((), description="Columns whose values are reported as slices.")
    onnx_tolerance: float = Field(
        gt=0,
        description="Largest allowed difference between what is served, as ONNX or otherwise, and the trained estimator.",
    )


class Refresh(_Declared):
    """When a challenger may replace a champion that it does not beat: the champion is old, and nothing gets worse."""

    after_days: int = Field(ge=1, description="Days between the ends of the two training windows.")
    margin: float = Field(ge=0, description="Largest RMSE lost, as a share of the champion's.")


class Gate(_Declared):
    """What a challenger must show against the champion on the same fresh rows."""

    least_days: int = Field(14, ge=2, description="Fewer days are not enough evidence.")
    least_rows: int = Field(1_000, ge=1, description="Fewer rows are not enough evidence.")
    slice_margin: float = Field(0.1, ge=0, description="RMSE a slice may lose, as a share of the champion's.")
    slice_least_rows: int = Field(500, ge=1, description="Smaller slices are shown and not judged.")
    most_p99_ms: float = Field(50, gt=0, description="99th percentile of one row's request, measured in the image.")
    most_megabytes: float = Field(200, gt=0, description="Of the served model.")
    refresh: Refresh | None = None


class Shadow(_Declared):
    """How long a version stands in the champion's shadow, and what it must show there."""

    requests: int = Field(1_000, ge=1, description="Mirrored requests after which it is judged.")
    most_minutes: int = Field(1_440, ge=1, description="It is judged after that time however few there were.")
    least_requests: int = Field(30, ge=1, description="Fewer are not enough evidence.")
    most_errors: float = Field(0.001, ge=0, lt=1, description="Share of mirrored requests it may fail.")
    slower: float = Field(2.0, gt=1, description="99th percentile of its latency, as a multiple of the champion's.")
    margin: float = Field(0.05, ge=0, description="RMSE on matured labels it may lose, as a share of the champion's.")


class Rollout(_Declared):
    """How traffic moves to a version, and what turns it back."""

    kind: Literal["CANARY", "LINEAR"] = "CANARY"
    percent: int = Field(10, ge=1, le=50, description="Of the canary, or of each linear step.")
    watch_seconds: int = Field(300, ge=0, le=3600, description="Each step is watched that long.")
    most_seconds: int = Field(3_600, ge=600, le=28_800, description="A slower rollout is rolled back.")
    most_errors: float = Field(0.01, ge=0, lt=1, description="Share of answers 5xx.")
    most_p99_ms: float = Field(200, gt=0, description="99th percentile of the model's latency.")
    most_unusable: float = Field(
        0.05, ge=0, lt=1, description="Share of answers that are NaN or not plausible, on the worst instance."
    )
    most_shift: float = Field(
        1.0, gt=0, description="Mean answer, in standard deviations of the training's own answers from their mean."
    )


class Serving(_Declared):
    """The live endpoint of a model."""

    capture_percent: int = Field(100, ge=0, le=100)
    golden_rows: int = Field(64, ge=1)
    plausible: tuple[float, float] = Field(description="Answers outside are counted as unusable, in the target's unit.")
    instances: int = Field(2, ge=1, description="AWS gives no SLA below 2.")
    most_instances: int = Field(4, ge=1, description="Where autoscaling stops.")
    invocations_per_minute: int = Field(6_000, ge=1, description="Per instance; autoscaling keeps to it.")


class Approval(_Declared):
    """How a version is approved."""

    days: int = Field(14, ge=1, description="Without an answer the question expires.")


class Monitoring(_Declared):
    """How a live model is watched, and when it is trained anew."""

    window_days: int = Field(
        7, ge=1, le=28, description="Days of a window; a month is cut into such, and its last one takes the rest."
    )
    mature_share: float = Field(
        0.95, gt=0, le=1, description="Share of a day's predictions whose labels must have come before the day counts."
    )
    false_alarms: float = Field(0.05, gt=0, lt=1, description="Share of quiet windows that may be called drift.")
    season: tuple[str, ...] = Field(
        (), description="Columns that say the season: a window is compared with reference rows of the seasons it has."
    )
    least_rows: int = Field(200, ge=2, description="Windows with fewer rows are not tested for drift.")
    windows: int = Field(5, ge=1, description="How many of the last windows the verdict looks at: the N of K of N.")
    damaged: int = Field(2, ge=1, description="How many of them, with the newest, must be worse: the K of K of N.")
    cooldown_days: int = Field(28, ge=0, description="Days of data after a retrain was asked for without another one.")
    precision_at: int = Field(100, ge=1, description="The k of an anomaly model's precision at k.")
    report_rows: int = Field(5_000, ge=100, description="Rows drawn for the Evidently report; scores use every row.")
    silent_days: int = Field(40, ge=1, description="Without a verdict for so long somebody is told.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.damaged > self.windows:
            raise SpecInvalid(
                f"`damaged` is `{self.damaged}` of `windows` = `{self.windows}`: there can never be so many. Lower it."
            )
        return self


class ModelSpec(_Declared):
    """Everything windtunnel must know of a model besides its code.

    Raises:
        SpecInvalid: A feature is unknown or known only later, or a named column is missing.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,29}$")
    tag: int = Field(ge=1, description="Generation of the model: the first number of its version.")
    revision: int = Field(ge=1, description="Raised when a person changes this folder: the second number.")
    about: str
    owner: str
    task: Task
    source: PackageCsv | S3Csv
    arrival: Arrival
    raw_columns: dict[str, Kind] = Field(
        description="Columns of a source file, in order, with the type each is read as."
    )
    columns: tuple[Column, ...]
    derive: Callable[[Any], Any] = Field(
        description="DataFrame of typed source columns -> the same with all of `columns`; imports pandas inside."
    )
    key: str = Field(description="Column that names a row; also the InferenceId of its prediction.")
    event_time: str = Field(description="Timestamp column that puts a row into a window.")
    eligible: str = Field(description="int64 column, 1 where a prediction can be asked for.")
    target: str
    unit: str
    features: tuple[str, ...]
    quarantine_budget: float = Field(
        ge=0, lt=1, description="Share of rows that may be quarantined before a batch stops."
    )
    windows: Windows
    evaluation: Evaluation
    gate: Gate = Gate()
    shadow: Shadow = Shadow()
    approval: Approval = Approval()
    rollout: Rollout = Rollout()
    serving: Serving
    monitoring: Monitoring = Monitoring()
    example: dict[str, Any] = Field(description="One request row, for documentation and for the README.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        columns = {column.name: column for column in self.columns}
        named = {self.key, self.event_time, self.eligible, self.target, *self.features}
        named |= {*self.evaluation.season, *self.evaluation.slices, *self.monitoring.season}
        if unknown := named - columns.keys():
            raise SpecInvalid(f"`{self.name}` names columns it does not declare: {quoted(unknown)}.")
        if leaks := {name for name in self.features if columns[name].later}:
            raise SpecInvalid(
                f"`{self.name}` uses {quoted(leaks)} as a feature, known only after the prediction. Take it out of `features`."
            )
        if taken := {self.key, self.event_time, self.target, *self.features} & RESERVED:
            raise SpecInvalid(
                f"`{self.name}` has {quoted(taken)} as key, event time, target or feature; monitoring uses the name. Allowed "
                "is any other: rename it in `derive`."
            )
        if not columns[self.target].later:
            raise SpecInvalid(f"The target `{self.target}` of `{self.name}` must be declared with `later=True`.")
        if set(self.example) != set(self.features):
            raise SpecInvalid(f"`example` of `{self.name}` must give exactly the features {quoted(self.features)}.")
        return self

    def column(self, name: str) -> Column:
        """The declaration of one column."""
        return next(column for column in self.columns if column.name == name)
