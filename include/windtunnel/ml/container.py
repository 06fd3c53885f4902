"""Where SageMaker puts things in a container: folders below one base, and every environment variable that is read.

On AWS the base is `/opt/ml`. The embedded AWS runs the same programs as processes, each with a base of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from windtunnel.core.errors import SettingInvalid

LONGEST_REASON = 1024  # SageMaker cuts a FailureReason and an ExitMessage there


class Container(BaseModel):
    """The environment of `train`, `evaluate`, `score` and `serve`; the aliases are the variables' names."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    base: Path = Field(
        Path("/opt/ml"), alias="SAGEMAKER_BASE_DIR", description="Folder that holds input, model and output."
    )
    bind_port: int | None = Field(
        None, alias="SAGEMAKER_BIND_TO_PORT", gt=0, lt=65536, description="Port of the server; 8080 when unset."
    )
    artefact_sha256: str | None = Field(
        None,
        alias="WINDTUNNEL_ARTEFACT_SHA256",
        pattern="^[0-9a-f]{64}$",
        description="Digest the served artefact must have; when unset only its own listing is checked.",
    )
    endpoint: str | None = Field(
        None,
        alias="WINDTUNNEL_ENDPOINT",
        description="Name under which the server's signs of life are counted; when unset it prints none.",
    )
    version: str | None = Field(
        None, alias="WINDTUNNEL_VERSION", description="Version of the served model, told in its signs of life."
    )
    vitals_seconds: float = Field(
        10,
        alias="WINDTUNNEL_VITALS_SECONDS",
        gt=0,
        le=60,
        description="Seconds between two signs of life; several must fit into the period of an alarm.",
    )

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """The container of an environment; empty variables count as unset.

        Raises:
            SettingInvalid: A value cannot be cast; the message names the variable, the value and what is allowed.
        """
        try:
            return cls.model_validate({name: value for name, value in environment.items() if value})
        except ValidationError as error:
            first = error.errors()[0]
            about = {field.alias: field.description for field in cls.model_fields.values()}
            name = str(first["loc"][0])
            raise SettingInvalid(f"`{name}` is `{first['input']}`: {first['msg'].lower()}. {about[name]}") from error

    @property
    def hyperparameters(self) -> Path:
        """The hyper-parameters of a training job: one JSON object of strings."""
        return self.base / "input" / "config" / "hyperparameters.json"

    def channel(self, name: str) -> Path:
        """The folder of a training job's input channel."""
        return self.base / "input" / "data" / name

    @property
    def model(self) -> Path:
        """What becomes model.tar.gz, and where serving finds it unpacked."""
        return self.base / "model"

    @property
    def output(self) -> Path:
        """What becomes output.tar.gz of a training job."""
        return self.base / "output" / "data"

    def processing(self, name: str) -> Path:
        """The folder of a processing job's input or output."""
        return self.base / "processing" / name

    @property
    def host(self) -> str:
        """Where the server listens.

        SageMaker reaches a container over its network, so there it must be every interface. A port that is given
        means the embedded AWS, which runs the server as a plain process: nobody else on that network may reach it.
        """
        return "0.0.0.0" if self.bind_port is None else "127.0.0.1"  # noqa: S104

    @property
    def port(self) -> int:
        """The server's port; SageMaker calls 8080."""
        return self.bind_port or 8080

    @contextmanager
    def failure_told(self) -> Iterator[None]:
        """Leave the reason of a failure where SageMaker reads it, then fail.

        `output/failure` becomes a training job's FailureReason, `output/message` a processing job's ExitMessage.
        """
        try:
            yield
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
            folder = self.base / "output"
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("failure", "message"):
                (folder / name).write_text(reason, encoding="utf-8")
            raise
