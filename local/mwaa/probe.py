"""Runs on a laid-out machine, in its interpreter: imports what MWAA imports and writes down what happened, as JSON.

Usage: python -I probe.py dags ANSWER_FILE CPU_SECONDS | pages ANSWER_FILE | tasks ANSWER_FILE IMPORTS_FILE

Imports nothing of the checkout. It only reports; `checks.py` judges.
"""

from __future__ import annotations

import compileall
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

PARSE_SECONDS = 50
"""Airflow's DAG processor ends the parse of a file after so long."""

NETWORK = {
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
    "socket.sendmsg",
    "socket.sendto",
}
PROCESS = {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
"""A process that is started is not watched, so none may be started."""


class Watch:
    """Writes down every event of a kind, and refuses it.

    An audit hook sees what Python itself does, however it is wrapped or caught. A library that opens sockets in C, such
    as pycurl, is not seen.
    """

    def __init__(self, home: Path, events: set[str]) -> None:
        self.home = str(home)
        self.events = events
        self.seen: list[str] = []
        self.on = True
        sys.addaudithook(self)

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.on or event not in self.events or _within_the_machine(event, given):
            return
        self.seen.append(f"{event} {self._said(event, given)} from {self._line()}")
        raise PermissionError(f"{event}: refused while MWAA would parse or import")

    @staticmethod
    def _said(event: str, given: tuple[Any, ...]) -> str:
        words = given[1:2] if event in {"socket.connect", "socket.sendto", "socket.sendmsg"} else given[:2]
        return " ".join(repr(word)[:100] for word in words)

    def _line(self) -> str:
        """The innermost line of ours that led here."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            if frame.f_code.co_filename.startswith(self.home):
                return f"{os.path.relpath(frame.f_code.co_filename, self.home)}:{frame.f_lineno}"
            frame = frame.f_back
        return "a thread or a library"


def _within_the_machine(event: str, given: tuple[Any, ...]) -> bool:
    return event.startswith("socket.") and getattr(given[0], "family", None) == socket.AF_UNIX


def dags(home: Path, allowed_s: str) -> list[dict[str, Any]]:
    """Parse each DAG file as the DAG processor does: in a fork of a process that has loaded Airflow.

    One that costs up to three times the CPU that is allowed is parsed again, twice at most, and its cheapest parse
    counts: on a busy machine the same work costs more.
    """
    from airflow.dag_processing.dagbag import BundleDagBag  # noqa: F401 - loaded once, as by the DAG processor
    from airflow.serialization.serialized_objects import DagSerialization  # noqa: F401
    from airflow.utils.file import list_py_file_paths

    folder = home / "dags"
    compileall.compile_dir(folder, quiet=2)  # paid at the first parse alone
    found = {Path(path) for path in list_py_file_paths(str(folder))}
    return [
        {"file": path.name, **(_cheapest(home, path, float(allowed_s)) if path in found else {"skipped": True})}
        for path in sorted({*found, *folder.glob("*.py")})
    ]


def _cheapest(home: Path, path: Path, allowed_s: float) -> dict[str, Any]:
    tries: list[dict[str, Any]] = []
    while not tries or (len(tries) < 3 and 1 < tries[-1].get("cpu_s", 0) / allowed_s < 3):
        tries.append(_in_a_fork(home, path))
    return min(tries, key=lambda found: found.get("cpu_s", 0))


def _in_a_fork(home: Path, path: Path) -> dict[str, Any]:
    answer = home / f"{path.stem}.parsed.json"
    answer.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        code = 1
        try:
            signal.alarm(PARSE_SECONDS)
            answer.write_text(json.dumps(_parsed(home, path)), encoding="utf-8")
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if not answer.exists():
        return {"died": os.waitstatus_to_exitcode(status)}
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return found


def _parsed(home: Path, path: Path) -> dict[str, Any]:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    watch, before = Watch(home, NETWORK | PROCESS), set(sys.modules)
    cpu, wall = time.process_time(), time.monotonic()
    bag = BundleDagBag(dag_folder=path, bundle_path=home / "dags", bundle_name="dags-folder", load_op_links=False)
    cost = {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}
    errors = list(bag.import_errors.values())
    for dag in bag.dags.values():
        error = _fault_of(partial(DagSerialization.to_dict, dag))
        errors += [f"{dag.dag_id} cannot be serialised: {error}"] if error else []
    watch.on = False
    return {
        **cost,
        "dags": {dag.dag_id: len(dag.tasks) for dag in bag.dags.values()},
        "errors": errors,
        "reached": list(dict.fromkeys(watch.seen)),
        "loaded": sorted({name.partition(".")[0] for name in sys.modules.keys() - before}),
    }


def pages(home: Path) -> dict[str, Any]:
    """Load the plugins as the API server does, then every module and template of theirs."""
    from airflow import plugins_manager

    watch = Watch(home, NETWORK)  # Airflow itself runs `file` when its API is imported
    plugins_manager.ensure_plugins_loaded()
    errors = [f"{source}: {error}" for source, error in plugins_manager.get_import_errors().items()]
    apps = plugins_manager.get_fastapi_plugins()[0]
    names = [module.name for module in pkgutil.walk_packages([str(home / "plugins")])]
    errors += [f"{name}: {error}" for name in names if (error := _fault_of(partial(importlib.import_module, name)))]
    templates = 0
    for environment in _template_environments(names):
        for template in environment.list_templates():
            templates += 1
            error = _fault_of(partial(environment.get_template, template))
            errors += [f"{template}: {error}"] if error else []
    watch.on = False
    return {
        "apps": {app["name"]: len(app["app"].routes) for app in apps},
        "modules": names,
        "templates": templates,
        "errors": errors,
        "reached": list(dict.fromkeys(watch.seen)),
    }


def _template_environments(names: list[str]) -> list[Any]:
    from jinja2 import Environment

    values = [value for name in names if name in sys.modules for value in vars(sys.modules[name]).values()]
    return list({id(value): value for value in values if isinstance(value, Environment)}.values())


def tasks(home: Path, listed: str) -> dict[str, Any]:
    """Import what the bodies of tasks import, name by name."""
    import airflow  # noqa: F401 - puts config/ and plugins/ on sys.path

    sys.path.append(str(home / "dags"))
    wanted: list[tuple[str, list[str], str]] = json.loads(Path(listed).read_text(encoding="utf-8"))
    errors = []
    for module, names, where in wanted:
        error = _fault_of(partial(_import, module, names))
        errors += [f"{where} imports `{module}`: {error}"] if error else []
    return {"imports": len(wanted), "errors": errors}


def _import(module: str, names: list[str]) -> None:
    found = importlib.import_module(module)
    for name in names:
        if name != "*" and not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")


def _fault_of(work: Callable[[], object]) -> str:
    """The last line and place of what went wrong; empty when nothing did."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - also what calls sys.exit at import
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
    return ""


def main(question: str, answer: Path, *words: str) -> None:
    home = Path(os.environ["AIRFLOW_HOME"])
    found: Any = {"dags": dags, "pages": pages, "tasks": tasks}[question](home, *words)  # type: ignore[operator]
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
