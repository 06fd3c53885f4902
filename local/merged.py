"""`make merged`: a push to main asks for the retrain of each model whose folder it touched, with its commit.

The wish goes through the same form as a person's, over MWAA's REST API; the run is named after the commit, so asking twice
is asking once. Runs in the Airflow environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.fault import LocalFault
from local.place import ROOT

MODELS = "include/windtunnel/models"
NO_COMMIT = "0" * 40
"""What GitHub calls the commit before a branch was there."""
THERE_ALREADY = 409


def touched(root: Path, before: str, after: str) -> list[str]:
    """Models whose folder differs between two commits, and is there after them.

    Args:
        root: A checkout with both commits.
        before: Where main was; forty zeros: nowhere, so the commit before `after` counts.
        after: Where it is.

    Raises:
        LocalFault: Git does not know one of them.
    """
    start = f"{after}^" if before == NO_COMMIT else before
    changed = _git(root, "diff", "--name-only", "--no-renames", "-z", start, after, "--", MODELS)
    there = _git(root, "ls-tree", "-r", "--name-only", "-z", "--full-tree", after, "--", MODELS)
    models = {path.split("/")[3] for path in there if path.endswith("/spec.py")}
    return sorted(models & {path.split("/")[3] for path in changed})


def wish(environment: str, model: str, commit: str, subject: str) -> dict[str, Any]:
    """The call of `InvokeRestApi` that asks for a retrain.

    Args:
        environment: `dev`, `staging` or `prod`.
        model: Name of the model.
        commit: The commit of main.
        subject: What it says of itself; goes into the reason.
    """
    return {
        "Name": f"windtunnel-{environment}",
        "Path": f"/dags/{model}_retrain/dagRuns",
        "Method": "POST",
        "Body": {
            "dag_run_id": f"commit-{commit}",
            "logical_date": None,
            "conf": {"reason": f"Merged to main: {subject}", "commit": commit},
        },
    }


def ask(client: Any, call: Mapping[str, Any]) -> bool:
    """Ask for a retrain; False: it was asked for before.

    Raises:
        LocalFault: Airflow does not take it.
    """
    from botocore.exceptions import ClientError

    try:
        client.invoke_rest_api(**call)
    except ClientError as error:
        status = int(error.response.get("RestApiStatusCode") or 0)
        if status == THERE_ALREADY:
            return False
        said = json.dumps(error.response.get("RestApiResponse") or str(error))
        raise LocalFault(
            f"`{call['Name']}` does not take {call['Path']}: {status or 'no answer'}, {said[:1000]}. It takes it from CI's user "
            "with the role DataScientist, and once the DAG is there. docs/ci.md, A retrain by merge, says how to make that so."
        ) from error
    return True


def _git(root: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise LocalFault(
            f"`git {' '.join(words[:2])}` says: {done.stderr.strip()}. BEFORE and AFTER are commits of this checkout; fetch its "
            "whole history (`fetch-depth: 0`)."
        )
    return [path for path in done.stdout.split("\0") if path]


def main() -> None:
    """Ask for what the push from `BEFORE` to `AFTER` touched, or for `MODEL` alone, in the environment `ENV`."""
    import boto3

    given = {name: os.environ.get(name, "") for name in ("ENV", "BEFORE", "AFTER", "MODEL")}
    if not given["ENV"] or not given["AFTER"] or not (given["BEFORE"] or given["MODEL"]):
        raise LocalFault(
            f"`make merged` was given {given}. It needs ENV and AFTER, and BEFORE or MODEL: "
            "`make merged ENV=dev BEFORE=<commit> AFTER=<commit>`."
        )
    models = [given["MODEL"]] if given["MODEL"] else touched(ROOT, given["BEFORE"], given["AFTER"])
    if not models:
        print("No model's folder was touched: nothing is asked for.")
    (subject,) = _git(ROOT, "show", "--no-patch", "--format=%s%x00", given["AFTER"])[:1]
    for model in models:
        new = ask(boto3.client("mwaa"), wish(given["ENV"], model, given["AFTER"], subject.strip()))
        print(f"{model}: a retrain of {given['AFTER']} {'is asked for' if new else 'was asked for before'}")


if __name__ == "__main__":
    try:
        main()
    except LocalFault as fault:
        sys.exit(str(fault))
