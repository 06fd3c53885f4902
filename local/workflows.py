"""`make check-actions`: the workflows of GitHub Actions, read by actionlint with shellcheck, by zizmor and by their schema.

And by the rules below, which none of those has. Runs in the Airflow environment; the tools have one of their own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from local import venvs
from local.place import ROOT, VENVS

TOOLS = VENVS / "actions" / "bin"
WORKFLOWS = Path(".github/workflows")
DEPENDABOT = Path(".github/dependabot.yml")
COOLDOWN_DAYS = 7
"""Fewer, and a version is proposed before anybody could take a bad one back."""

_USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(.*)$", re.MULTILINE)
_PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
_VERSION = re.compile(r"\s+# v\d+\.\d+\.\d+")
_OWN = ("./.github/", "$/.github/")
_STRANGERS = {"pull_request_target", "workflow_run", "issue_comment"}


def commands(root: Path) -> list[list[str]]:
    """What the tools are asked; each answers with an exit code and says why."""
    workflows = [str(path.relative_to(root)) for path in _files(root)]
    schema = [str(TOOLS / "check-jsonschema"), "--builtin-schema"]
    return [
        [str(TOOLS / "actionlint"), f"-shellcheck={TOOLS / 'shellcheck'}", *workflows],
        # Its questions to GitHub need a token and a network; what it can tell without is told everywhere alike.
        [str(TOOLS / "zizmor"), "--offline", "--quiet", "--pedantic", "--no-progress", ".github"],
        [*schema, "vendor.github-workflows", *workflows],
        [*schema, "vendor.dependabot", str(DEPENDABOT)],
    ]


def faults(root: Path) -> list[str]:
    """What breaks our own rules in a checkout, one sentence each."""
    found = [
        f"`{path.name}` {fault}" for path in _files(root) for fault in _of_workflow(path.read_text(encoding="utf-8"))
    ]
    settings = yaml.safe_load((root / DEPENDABOT).read_text(encoding="utf-8"))
    return found + [
        f"`{DEPENDABOT.name}` has `{update['package-ecosystem']}` without a cool-down of {COOLDOWN_DAYS} days. Write "
        f"`cooldown: {{default-days: {COOLDOWN_DAYS}}}`."
        for update in settings["updates"]
        if update.get("cooldown", {}).get("default-days", 0) < COOLDOWN_DAYS
    ]


def _files(root: Path) -> list[Path]:
    return sorted((root / WORKFLOWS).glob("*.y*ml"))


def _of_workflow(text: str) -> Iterator[str]:
    workflow = yaml.safe_load(text)
    if workflow.get("permissions") != {}:
        yield "gives rights to all its jobs. Write `permissions: {}` at the top, and what a job needs into the job."
    if "concurrency" not in workflow:
        yield "may run twice at a time. Give it a `concurrency` group."
    if workflow.get("defaults", {}).get("run", {}).get("shell") != "bash":
        yield "takes a pipe for well that broke at its beginning. Write `defaults: {run: {shell: bash}}`, which sets pipefail."
    started = workflow[True]  # YAML 1.1 reads the key `on` as a truth
    if strangers := _STRANGERS & set(started):
        yield f"is started by {sorted(strangers)}, which runs with our rights what others wrote. Use `pull_request`."
    if re.search(r"\bsecrets\.(?!GITHUB_TOKEN\b)", text) or "secrets: inherit" in text:
        yield "reads a secret. AWS is reached by OIDC, and what else differs is a variable of the environment."
    for used, rest in _USES.findall(text):
        if not used.startswith(_OWN) and not (_PINNED.fullmatch(used) and _VERSION.match(rest)):
            yield f"uses `{used}`. Pin it by the forty digits of its commit, with the version behind: `@<digits> # v1.2.3`."
    for name, job in workflow["jobs"].items():
        yield from (f"has the job `{name}`, which {fault}" for fault in _of_job(job))


def _of_job(job: Mapping[str, Any]) -> Iterator[str]:
    rights = job.get("permissions")
    if not isinstance(rights, Mapping):
        yield "does not say what it may do. Give it `permissions`, `{}` if it needs none."
        rights = {}
    if "uses" in job:
        return
    if not isinstance(job.get("timeout-minutes"), int):
        yield "may run for six hours. Give it `timeout-minutes`."
    if rights.get("id-token") == "write" and "environment" not in job:
        yield "may be a role of AWS without an `environment`, whose rules and reviewers then do not count. Name one."
    for step in job["steps"]:
        keeps = step.get("with", {}).get("persist-credentials")
        if str(step.get("uses", "")).startswith("actions/checkout@") and keeps is not False:
            yield "leaves its token in the checkout. Give `actions/checkout` the line `persist-credentials: false`."


def main() -> int:
    """Ask all of them; 1 when one has something to say."""
    venvs.setup(names=("actions",))
    bad = [
        Path(command[0]).name
        for command in commands(ROOT)
        if subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}).returncode
    ]
    found = faults(ROOT)
    print("\n".join(found), end="\n" * bool(found), file=sys.stderr)
    return 1 if bad or found else 0


if __name__ == "__main__":
    sys.exit(main())
