"""What a laid-out bundle is judged by; each check says what it saw, or raises with everything that is wrong."""

from __future__ import annotations

import json
from typing import Any

from local.fault import LocalFault
from local.mwaa.layout import Machine
from local.mwaa.needs import needs

HEAVY = {"pandas", "numpy", "pyarrow", "sklearn", "great_expectations", "evidently", "pyiceberg", "matplotlib", "scipy"}
"""Libraries that cost every parse 0.3 to 4.4 s of CPU; docs/decisions/0014-parse-cost.md says why boto3 is not here."""

PARSE_CPU_SECONDS = 1.0
"""Of one DAG file, in a process that has loaded Airflow."""

LOOK_SECONDS = 600
"""The longest that one look at everything may take, against a hang."""


def dags(machine: Machine) -> str:
    """Every DAG file is found, parsed, light, quiet, and makes DAGs that can be serialised.

    Raises:
        LocalFault: One is not.
    """
    found: list[dict[str, Any]] = machine.ask("dags", str(PARSE_CPU_SECONDS), limit_s=LOOK_SECONDS)
    _raise([f"dags/{parse['file']}: {fault}" for parse in found for fault in _faults_of_parse(parse)])
    if not found:
        raise LocalFault("The bundle has no DAG file. Put one into dags/.")
    slowest = max(found, key=lambda parse: parse["cpu_s"])
    made = sum(len(parse["dags"]) for parse in found)
    count = sum(sum(parse["dags"].values()) for parse in found)
    return (
        f"{len(found)} files, {made} DAGs, {count} tasks; {sum(parse['cpu_s'] for parse in found):.2f} s of CPU in all, "
        f"at most {slowest['cpu_s']:.2f} ({slowest['file']})"
    )


def _faults_of_parse(parse: dict[str, Any]) -> list[str]:
    if parse.get("skipped"):
        return ["Airflow does not take it for a DAG file. Make a DAG in it, or move it into windtunnel/."]
    if "died" in parse:
        return [f"its process ended with {parse['died']}. Nothing at module level may end or block the process."]
    faults = [f"MWAA could not import it:\n{error.strip()}" for error in parse["errors"]]
    faults += [
        f"uses the network, or starts a process, while it is parsed: {event}. Move it into a task."
        for event in parse["reached"]
    ]
    heavy = sorted(HEAVY & set(parse["loaded"]))
    if heavy:
        faults.append(
            f"imports {', '.join(f'`{name}`' for name in heavy)} while it is parsed. Import it inside the task."
        )
    if parse["cpu_s"] > PARSE_CPU_SECONDS:
        faults.append(
            f"costs {parse['cpu_s']:.2f} s of CPU a parse. Allowed: {PARSE_CPU_SECONDS} s. Look at its imports."
        )
    if not parse["dags"] and not faults:
        faults.append("makes no DAG. Call what it defines, or move it into windtunnel/.")
    return faults


def pages(machine: Machine) -> str:
    """Every module and template of the pages loads where there is no DAG folder, and their application is mounted.

    Raises:
        LocalFault: One does not.
    """
    found: dict[str, Any] = machine.ask("pages", limit_s=LOOK_SECONDS)
    faults = [f"plugins.zip: {error}" for error in found["errors"]]
    faults += [f"plugins.zip uses the network while it is imported: {event}." for event in found["reached"]]
    _raise(faults)
    if "windtunnel" not in found["apps"] or not found["templates"]:
        raise LocalFault(
            f"The API server would mount {sorted(found['apps']) or 'nothing'} with {found['templates']} templates, and the pages "
            "of `windtunnel` are not among it. Look at plugins/windtunnel_plugin.py, which logs why it closes them."
        )
    return f"{len(found['modules'])} modules, {found['templates']} templates, {found['apps']['windtunnel']} routes"


def tasks(machine: Machine) -> str:
    """Everything that the body of a task imports is installed and can be imported.

    Raises:
        LocalFault: Something cannot.
    """
    listed = machine.home / "needs.json"
    listed.write_text(json.dumps(needs(machine.dags)), encoding="utf-8")
    found: dict[str, Any] = machine.ask("tasks", str(listed), limit_s=LOOK_SECONDS)
    _raise([f"dags/{error}. Add the package to requirements.txt, with its reason." for error in found["errors"]])
    return f"{found['imports']} imports"


def _raise(faults: list[str]) -> None:
    if faults:
        more = [f"... and {len(faults) - 10} more."] if len(faults) > 10 else []
        raise LocalFault("\n".join([*faults[:10], *more]))
