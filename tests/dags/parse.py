"""Parses the DAG files as a fresh process would and prints what it cost, as JSON. Run by test_parse.py.

Usage: python parse.py DAGS_FOLDER [EXTRA_MODELS]

`calls` counts the calls of Python functions, which is the same on every machine and under any load.
"""

from __future__ import annotations

import atexit
import cProfile
import json
import runpy
import shutil
import sys
import tempfile
import time
from pathlib import Path

import airflow.sdk  # noqa: F401 - its cost is Airflow's, not ours

from local.mwaa.checks import HEAVY
from windtunnel.core import catalog


def main(folder: Path, extra_models: int) -> None:
    spec = catalog.model_spec("flights")
    extra = [spec.model_copy(update={"name": f"extra{number}"}) for number in range(extra_models)]
    specs = (*catalog.model_specs(), *extra)
    catalog.model_specs = lambda: specs
    catalog.MODELS = copied([spec.name for spec in specs])
    cost, files = {}, sorted(folder.glob("*.py"))
    for path in files:
        started = time.process_time()
        runpy.run_path(str(path))
        cost[path.name] = time.process_time() - started
    heavy = sorted(HEAVY & sys.modules.keys())
    print(json.dumps({"cpu_s": cost, "heavy": heavy, "models": len(specs), "calls": counted(files)}))


def counted(files: list[Path]) -> int:
    """Calls of functions in a second parse of the files, when all modules are there."""
    with cProfile.Profile() as profile:
        for path in files:
            runpy.run_path(str(path))
    return sum(entry.callcount for entry in profile.getstats())


def copied(names: list[str]) -> Path:
    """A models folder in which every model has an estimator of its own to be read."""
    models = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, models)
    for name in names:
        shutil.copytree(catalog.MODELS / "flights", models / name)
    return models


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
