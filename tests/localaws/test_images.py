"""An image URI stands for a folder of programs; a program finds its /opt/ml."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from localaws.images import Image, ImageInvalid, Images, ImageUnknown
from localaws.jobs import JobFailed
from localaws.programs import relocated
from localaws.sandbox import Sandbox

pytestmark = pytest.mark.embedded


@pytest.fixture
def declared(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/train").write_text("")
    return {"image": "*flights*", "programs": "programs", "python": sys.executable}


def read(folder: Path, declared: dict[str, Any]) -> Image:
    file = folder / "local.json"
    file.write_text(json.dumps(declared))
    return Image.of(file)


def test_paths_are_relative_to_the_file(tmp_path: Path, declared: dict[str, Any]) -> None:
    image = read(tmp_path, {**declared, "environment": {"PYTHONPATH": ["lib", ".."], "CONF": "./a", "LEVEL": "1"}})
    assert image.programs == tmp_path / "programs"
    assert image.environment == {
        "PYTHONPATH": f"{tmp_path / 'lib'}:{tmp_path.parent}",
        "CONF": str(tmp_path / "a"),
        "LEVEL": "1",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"programs": "absent"}, "programs folder .* does not exist"),
        ({"python": "absent/python"}, "which is no program"),
    ],
)
def test_a_file_that_names_what_is_absent_is_refused(
    tmp_path: Path, declared: dict[str, Any], change: dict[str, str], message: str
) -> None:
    with pytest.raises(ImageInvalid, match=message):
        read(tmp_path, {**declared, **change})


def test_a_file_that_is_absent_or_no_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageInvalid, match="does not exist"):
        Image.of(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ImageInvalid, match="is not JSON"):
        Image.of(tmp_path / "broken.json")


def test_the_first_pattern_that_matches_wins_and_an_unknown_uri_lists_them(
    tmp_path: Path, declared: dict[str, Any]
) -> None:
    first, second = (read(tmp_path, {**declared, "image": pattern}) for pattern in ("*flights:2", "*flights*"))
    images = Images([first, second])
    assert images.find("1.dkr.ecr/flights:2") == first
    assert images.find("1.dkr.ecr/flights:3") == second
    with pytest.raises(ImageUnknown, match=r"`\*flights:2`, `\*flights\*`"):
        images.find("1.dkr.ecr/trains:1")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["train"], ["PYTHON", "PROGRAMS/train"]),
        (["/opt/program/train", "--fast"], ["PYTHON", "PROGRAMS/train", "--fast"]),
        (["python3", "/opt/program/train"], ["PYTHON", "PROGRAMS/train"]),
        (["/bin/sh", "-c", "true"], ["/bin/sh", "-c", "true"]),
    ],
)
def test_commands_of_the_container_are_found(
    tmp_path: Path, declared: dict[str, Any], words: list[str], command: list[str]
) -> None:
    image = read(tmp_path, declared)
    places = {"PYTHON": sys.executable, "PROGRAMS": str(image.programs)}
    for name, place in places.items():
        command = [word.replace(name, place) for word in command]
    assert image.command(words) == command


def test_env_mode_rewrites_opt_ml_and_nothing_else(tmp_path: Path) -> None:
    command, environment = Sandbox("env").wrapped(
        tmp_path, ["run", "/opt/ml/model", "--out=/opt/ml", "/opt/mlflow"], {"DATA": "/opt/ml/input", "N": "a=/opt/ml"}
    )
    assert command == ["run", f"{tmp_path}/model", f"--out={tmp_path}", "/opt/mlflow"]
    assert environment == {"DATA": f"{tmp_path}/input", "N": "a=/opt/ml", "SAGEMAKER_BASE_DIR": str(tmp_path)}


def test_bwrap_mode_mounts_the_folder_and_rewrites_nothing(tmp_path: Path) -> None:
    command, environment = Sandbox("bwrap").wrapped(tmp_path, ["run", "/opt/ml/model"], {"DATA": "/opt/ml/input"})
    assert command[-5:] == [str(tmp_path), "/opt/ml", "--", "run", "/opt/ml/model"]
    assert environment == {"DATA": "/opt/ml/input", "SAGEMAKER_BASE_DIR": "/opt/ml"}


def test_a_path_of_a_request_stays_below_opt_ml(tmp_path: Path) -> None:
    assert relocated("/opt/ml/processing/in", tmp_path) == tmp_path / "processing/in"
    for path in ("/var/data", "/opt/ml/../x", "relative"):
        with pytest.raises(JobFailed, match="is not below /opt/ml"):
            relocated(path, tmp_path)
