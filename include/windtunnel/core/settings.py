"""The only reader of environment variables. docs/settings.md is generated from the fields below."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Json, ValidationError, field_validator

from windtunnel.core.errors import SettingInvalid

PREFIX = "WINDTUNNEL_"
AIRFLOWS_OWN = {"airflow_url": "AIRFLOW__API__BASE_URL"}
"""Settings that Airflow has under a name of its own. On MWAA nobody else knows its address before it is made."""

COMMIT = Path(__file__).parents[1] / "commit.txt"
"""Only in a bundle of `make package`. Beside the code, since MWAA takes new code without a new environment."""


class Settings(BaseModel):
    """One field per environment variable `WINDTUNNEL_<NAME>`; frozen once read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    bucket: str = Field("windtunnel", description="S3 bucket of landing files, lake, models, captures and reports.")
    database: str = Field("windtunnel", description="Glue database of the Iceberg tables.")
    role_arn: str = Field(
        "arn:aws:iam::000000000000:role/windtunnel-sagemaker",
        description="Role that SageMaker jobs and endpoints run under.",
    )
    approver_role_arn: str = Field(
        "",
        description="Role that writes an answer into the registry, where the tasks' own may not; empty: the tasks' own.",
    )
    model_image: str = Field(
        "000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-model:local",
        description="Image of the programs train, evaluate, score and serve; on the laptop it stands for a local folder.",
    )
    code_bucket: str = Field(
        "",
        description="S3 bucket that deployments write and the pipeline only reads: the bundle, and a record of each commit "
        "that was deployed from main; empty: there are none, as on the laptop.",
    )
    git_commit: str = Field(
        "unknown",
        description="Commit of the deployed code, which `make package` writes beside it; recorded with each version.",
    )
    job_instance_type: str = Field("ml.m5.xlarge", description="Instance type of training and processing jobs.")
    endpoint_instance_type: str = Field("ml.m5.large", description="Instance type of endpoints.")
    endpoint_instance_count: int | None = Field(
        None, ge=1, description="Instances per live endpoint, in place of the spec's; 1 on the laptop."
    )
    ledger_table: str = Field("windtunnel-ledger", description="DynamoDB table of the ledger.")
    watch_seconds: int | None = Field(
        None,
        ge=0,
        description="Seconds that each step of a rollout is watched, in place of the spec's; 10 on the laptop.",
    )
    shadow_seconds: int | None = Field(
        None, ge=0, description="Longest stand of a shadow in seconds, in place of the spec's; 30 on the laptop."
    )
    alarm_seconds: int = Field(
        60,
        description="Period of the alarms: 10, 20, 30 or a multiple of 60, as CloudWatch wants it; 10 on the laptop.",
    )
    lease_seconds: int = Field(
        900, ge=1, description="A release whose task has not been heard of for so long may be taken over by another."
    )
    kill_at: str = Field(
        "", description="For tests: the process ends as by `kill -9` at this mark, such as `after:ledger.allocate`."
    )
    poll_seconds: int = Field(
        30, ge=1, description="Seconds between looks at a running SageMaker job; 1 on the laptop."
    )
    job_max_seconds: int = Field(3600, ge=60, description="A job that runs longer is stopped.")
    prices: Json[dict[str, Annotated[float, Field(ge=0)]]] = Field(
        {}, description="USD per hour by instance type, as JSON, over those of `core/prices.py`; for estimates of cost."
    )
    alert_topic: str = Field(
        "windtunnel-alerts",
        description="Name of the SNS topic that messages to people go to; made where it is missing.",
    )
    slack_secret: str = Field(
        "", description="Name of the secret that holds Slack's webhook address; empty: nothing goes to Slack."
    )
    airflow_url: str = Field(
        "http://127.0.0.1:8080",
        description="Address of the Airflow UI, for links in messages; not given: `AIRFLOW__API__BASE_URL`, which MWAA sets.",
    )
    airflow_token: str = Field(
        "",
        description="Bearer token of an Admin of Airflow, for the commands `roles` and `reconcile`; docs/rights.md says whence.",
    )

    @field_validator("alarm_seconds")
    @classmethod
    def _period(cls, seconds: int) -> int:
        if seconds not in (10, 20, 30) and (seconds < 60 or seconds % 60):
            raise ValueError("not a period of an alarm")
        return seconds

    @field_validator("airflow_url")
    @classmethod
    def _address(cls, url: str) -> str:
        # AWS says the address of a web server without its scheme.
        return (url if "://" in url else f"https://{url}").rstrip("/")

    def uri(self, *parts: str) -> str:
        """The `s3://` address of a key in the project's bucket."""
        return "/".join([f"s3://{self.bucket}", *parts])


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment.

    Raises:
        SettingInvalid: A value cannot be cast; the message names the variable, the value and what is allowed.
    """
    given: dict[str, Any] = {name: environment[own] for name, own in AIRFLOWS_OWN.items() if environment.get(own)}
    given |= {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    if COMMIT.exists():
        given.setdefault("git_commit", COMMIT.read_text(encoding="utf-8").strip())
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise SettingInvalid(
            f"`{PREFIX}{name.upper()}` is `{first['input']}`: {first['msg'].lower()}. "
            f"{Settings.model_fields[name].description} See docs/settings.md."
        ) from error


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return read(os.environ)
