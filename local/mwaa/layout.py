"""A bundle laid out as MWAA's machines have it: folders, variables, and nothing of the checkout that it came from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from local.fault import LocalFault
from local.mwaa.bundle import PLUGINS, Bundle

STARTUP_SECONDS = 295
"""MWAA ends a startup script after five minutes, less the five seconds that it leaves it to stop."""

PROBE = Path(__file__).with_name("probe.py")

_FORCED = {
    "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR": "True",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
"""What MWAA sets and nobody overrides, as far as it decides what a DAG file or a page does when it is imported."""


class Machine(NamedTuple):
    """One of MWAA's machines, with the interpreter that its Airflow runs in."""

    home: Path
    "AIRFLOW_HOME; Airflow itself puts its config/ and plugins/ on sys.path, the DAG processor its dags/."
    python: Path
    variables: dict[str, str]

    @property
    def dags(self) -> Path:
        """The DAG folder."""
        return self.home / "dags"

    def ask(self, question: str, *words: str, limit_s: float) -> Any:
        """Run a part of the probe here; what it found.

        Raises:
            LocalFault: It ended without an answer, or gave none in time.
        """
        answer = self.home / f"{question}.json"
        answer.unlink(missing_ok=True)
        command = [str(self.python), "-I", str(PROBE), question, str(answer), *words]
        try:
            done = subprocess.run(
                command, cwd=self.home, env=self.variables, capture_output=True, text=True, timeout=limit_s
            )
        except subprocess.TimeoutExpired:
            raise LocalFault(
                f"Looking at the {question} did not end within {limit_s:.0f} s. Look for a loop at import."
            ) from None
        if done.returncode or not answer.exists():
            raise LocalFault(
                f"Looking at the {question} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        return json.loads(answer.read_text(encoding="utf-8"))


def worker(bundle: Bundle, home: Path, python: Path, exported: dict[str, str]) -> Machine:
    """A machine that parses DAG files and runs tasks: DAG files and pages."""
    made = web_server(bundle, home, python, exported)
    shutil.copytree(bundle.folder / "dags", made.dags)
    return made


def web_server(bundle: Bundle, home: Path, python: Path, exported: dict[str, str]) -> Machine:
    """A machine that serves Airflow's pages: the plugins, and no DAG folder."""
    (home / "config").mkdir(parents=True)
    with zipfile.ZipFile(bundle.folder / PLUGINS) as archive:
        for name in archive.namelist():  # of files that `bundle` wrote, each compared with the manifest
            file = home / "plugins" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(archive.read(name))
    return Machine(home, python, {**_own(home, python), **exported, **_forced(home)})


def startup(bundle: Bundle, home: Path, options: dict[str, str], limit_s: float = STARTUP_SECONDS) -> dict[str, str]:
    """Source startup.sh as MWAA does; the variables that it set or changed.

    Args:
        bundle: Whose script.
        home: An empty folder for it to run in.
        options: Options of the MWAA environment, as the variables that MWAA makes of them.
        limit_s: The longest that it may take.

    Raises:
        LocalFault: It fails, or takes too long.
    """
    script = bundle.folder / "startup.sh"
    before = {**_own(home, Path("python3")), **_forced(home), **options}
    # -e: MWAA goes on after a command that failed, with whatever was exported until then.
    command = ["/bin/bash", "-e", "-c", 'source "$1" >&2; env -0', "startup", str(script)]
    try:
        done = subprocess.run(command, cwd=home, env=before, capture_output=True, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise LocalFault(
            f"`startup.sh` did not end within {limit_s:.0f} s, after which MWAA ends it. Make it shorter."
        ) from None
    if done.returncode:
        raise LocalFault(
            f"`startup.sh` ended with {done.returncode}:\n{done.stderr[-2000:]}\nMend local/mwaa/startup.sh."
        )
    after = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    shell = {"_", "SHLVL", "PWD", "OLDPWD"}
    return {name: value for name, value in after.items() if before.get(name) != value and name not in shell}


def _own(home: Path, python: Path) -> dict[str, str]:
    # Nothing of this process is passed on: no PYTHONPATH, no keys, no proxy, no settings of a running copy.
    path: Sequence[str] = (str(python.parent), os.defpath)
    return {"PATH": os.pathsep.join(path), "HOME": str(home), "LANG": "C.UTF-8"}


def _forced(home: Path) -> dict[str, str]:
    database = f"sqlite:///{home / 'airflow.db'}"
    return {**_FORCED, "AIRFLOW_HOME": str(home), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database}
