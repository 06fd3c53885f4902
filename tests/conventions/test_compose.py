"""docker-compose.yaml is well-formed, runs what `make cluster` runs, and looks after each of its services."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import venvs
from local.place import ROOT, VENVS
from local.stores import STORES
from local.supervisor import services
from local.workers import WORKERS

PATH = ROOT / "docker-compose.yaml"
TEXT = PATH.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)["services"]
VARIABLES = {"WINDTUNNEL_LOCALAWS_PYTHON": "python", "WINDTUNNEL_AWS_PORT": "8081", "WINDTUNNEL_HOME": "/state"}


def schema(path: Path) -> subprocess.CompletedProcess[str]:
    venvs.setup(names=("actions",))
    command = [str(VENVS / "actions/bin/check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True)


def test_it_is_what_the_compose_specification_allows() -> None:
    done = schema(PATH)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    restart: unless-stopped", "    restarts: unless-stopped"),
        ("condition: service_healthy", "conditon: service_healthy"),
        ("      interval: 5s", "      interval: [5s]"),
    ],
)
def test_a_slip_of_the_pen_is_found(tmp_path: Path, before: str, after: str) -> None:
    assert before in TEXT
    planted = tmp_path / PATH.name
    planted.write_text(TEXT.replace(before, after, 1))
    assert schema(planted).returncode == 1


def test_it_runs_the_services_of_the_cluster() -> None:
    cluster = services(ROOT / "Procfile.cluster", VARIABLES)
    assert [*cluster] == [*STORES, "aws", "api-server", "scheduler", "dag-processor", "triggerer", *WORKERS]
    assert COMPOSE.keys() == {*cluster, "localaws", "prepare"} - {"aws"}
    for name, command in cluster.items():
        if name not in (*STORES, "aws"):
            assert COMPOSE[name]["command"] == command, f"docker-compose.yaml and Procfile.cluster differ in `{name}`"


def test_the_cluster_runs_what_the_laptop_runs() -> None:
    cluster = services(ROOT / "Procfile.cluster", VARIABLES)
    for name, command in services(ROOT / "Procfile", VARIABLES).items():
        assert cluster[name] == command, f"Procfile and Procfile.cluster differ in `{name}`"


@pytest.mark.parametrize("name", COMPOSE)
def test_each_service_has_limits_and_a_health_check(name: str) -> None:
    limits = COMPOSE[name]["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory"}
    assert name == "prepare" or COMPOSE[name]["healthcheck"]["test"]
    if name in WORKERS:
        assert COMPOSE[name]["healthcheck"]["test"][-1] == name


def test_what_a_restart_must_not_lose_lies_in_volumes() -> None:
    kept = {name: COMPOSE[name].get("volumes", []) for name in COMPOSE}
    assert kept["postgres"] == ["database:/var/lib/postgresql/data"]
    assert kept["redis"] == ["broker:/data"]
    assert all(kept[name] == ["state:/state"] for name in COMPOSE if name not in STORES)


def test_containers_name_exact_versions() -> None:
    images = [service["image"] for service in COMPOSE.values() if service["image"] != "windtunnel:local"]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    loose = [image for image in images if not re.search(r":\d+\.\d+", image)]
    assert images
    assert not loose
