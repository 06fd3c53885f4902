"""Folders and variables of SageMaker's containers."""

from pathlib import Path

import pytest

from windtunnel.core.errors import SettingInvalid, WindowInvalid
from windtunnel.ml.container import LONGEST_REASON, Container


def test_on_aws_nothing_is_set_and_the_folders_are_sagemakers() -> None:
    container = Container.read({})
    assert str(container.hyperparameters) == "/opt/ml/input/config/hyperparameters.json"
    assert str(container.channel("train")) == "/opt/ml/input/data/train"
    assert str(container.model) == "/opt/ml/model"
    assert str(container.processing("holdout")) == "/opt/ml/processing/holdout"
    assert (container.host, container.port) == ("0.0.0.0", 8080)  # noqa: S104 - SageMaker comes over the container's network


def test_a_given_port_is_the_embedded_aws_and_stays_on_this_machine() -> None:
    container = Container.read({"SAGEMAKER_BIND_TO_PORT": "15250", "SAGEMAKER_BASE_DIR": "/somewhere"})
    assert (container.host, container.port) == ("127.0.0.1", 15250)
    assert container.model == Path("/somewhere/model")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SAGEMAKER_BIND_TO_PORT", "http"),
        ("SAGEMAKER_BIND_TO_PORT", "65536"),
        ("WINDTUNNEL_ARTEFACT_SHA256", "abc"),
        ("WINDTUNNEL_VITALS_SECONDS", "0"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid, match=f"`{name}` is `{value}`"):
        Container.read({name: value})


def test_the_reason_of_a_failure_is_left_where_sagemaker_reads_it(tmp_path: Path) -> None:
    container = Container.read({"SAGEMAKER_BASE_DIR": str(tmp_path)})
    with pytest.raises(WindowInvalid), container.failure_told():
        raise WindowInvalid("`2013-13` is no month. " + "x" * 5000)
    for name in ("failure", "message"):
        reason = (tmp_path / "output" / name).read_text()
        assert reason.startswith("WindowInvalid: `2013-13` is no month.")
        assert len(reason) == LONGEST_REASON
