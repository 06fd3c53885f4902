"""`make merged`: after a deployment, asks for the retrain of each model whose folder changed, with the commit.

The wish goes through the same form as a person's, over MWAA's REST API. A run is named after the commit that last touched
the model's folder, so each change is asked for once, however often this is repeated and whichever push it came with. Runs
in the Airflow environment.
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
THERE_ALREADY = 409


def changes(root: Path, commit: str) -> dict[str, str]:
    """Model -> the commit that last touched its folder.

    Args:
        root: A checkout with its history.
        commit: The models that are there then.

    Raises:
        LocalFault: Git does not know the commit.
    """
    listed = _git(root, "ls-tree", "-r", "--name-only", "-z", "--full-tree", commit, "--", MODELS).split("\0")
    models = sorted(path.split("/")[3] for path in listed if path.endswith("/spec.py"))
    return {model: _git(root, "log", "-1", "--format=%H", commit, "--", f"{MODELS}/{model}") for model in models}


def wish(environment: str, model: str, commit: str, change: str, subject: str) -> dict[str, Any]:
    """The call of `InvokeRestApi` that asks for a retrain.

    Args:
        environment: `dev`, `staging` or `prod`.
        model: Name of the model.
        commit: The commit of main that was deployed.
        change: The commit that last touched the model's folder; names the run.
        subject: What that one says of itself; goes into the reason.
    """
    return {
        "Name": f"windtunnel-{environment}",
        "Path": f"/dags/{model}_retrain/dagRuns",
        "Method": "POST",
        "Body": {
            "dag_run_id": f"merged-{change}",
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
        answer: dict[str, Any] = dict(error.response)
        status = int(answer.get("RestApiStatusCode") or 0)
        if status == THERE_ALREADY:
            return False
        said = json.dumps(answer.get("RestApiResponse") or str(error))
        raise LocalFault(
            f"`{call['Name']}` does not take a POST to `{call['Path']}`: {status or 'no answer'}, {said[:1000]}. Allowed: a form of "
            "that DAG, from CI's user with the role DataScientist. docs/ci.md, A retrain by merge, says how to make that so."
        ) from error
    return True


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise LocalFault(
            f"`git {words[0]}` says: {done.stderr.strip()}. COMMIT is a commit of this checkout, which has its whole history: "
            "give another one, or `git fetch --unshallow`."
        )
    return done.stdout.strip()


def main() -> None:
    """Ask in the environment `ENV` for what is due with `COMMIT`, or for `MODEL` alone."""
    import boto3

    environment, commit, only = (os.environ.get(name, "") for name in ("ENV", "COMMIT", "MODEL"))
    if not environment or not commit:
        raise LocalFault(
            f"ENV is `{environment}` and COMMIT is `{commit}`. Give both: `make merged ENV=dev COMMIT=<forty digits>`."
        )
    found = changes(ROOT, commit)
    if only and only not in found:
        raise LocalFault(
            f"MODEL is `{only}`. Allowed in `{commit}`: {', '.join(found)}. Correct it, or leave it out for all."
        )
    client = boto3.client("mwaa")
    for model in [only] if only else found:
        subject = _git(ROOT, "show", "--no-patch", "--format=%s", found[model])
        new = ask(client, wish(environment, model, commit, found[model], subject))
        print(f"{model}: a retrain of {found[model]} {'is asked for' if new else 'was asked for before'}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except LocalFault as fault:
        sys.exit(str(fault))
