"""`make deploy` and `make undeploy` as they are typed, in the account of `staging`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.plan import plan
from local.place import ROOT
from tests.infra.conftest import COMMIT
from tests.infra.reduced import Reduced

type Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(cloud: pytest.MonkeyPatch, reductions: tuple[Path, dict[str, Reduced]]) -> Run:
    """Runs the command, with a person's answers as its input."""
    cloud.setenv("AWS_ACCESS_KEY_ID", plan("staging").account)

    def run(*words: str, answers: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "infra", *words, "--templates", str(reductions[0])]
        return subprocess.run(command, cwd=ROOT, env=os.environ, input=answers, capture_output=True, text=True)

    return run


def test_an_environment_is_made_and_removed(run: Run) -> None:
    refused = run("deploy", "staging", answers="n\n")
    assert refused.returncode == 1
    assert "+ DataBucket (AWS::S3::Bucket)" in refused.stdout
    assert "Make windtunnel-staging-lake? [y/N]" in refused.stdout
    assert refused.stderr.strip() == "`windtunnel-staging-lake` was left as it is, and so are the stacks behind it."

    incomplete = run("deploy", "staging", "--yes")
    assert incomplete.returncode == 1
    assert "`windtunnel-staging-airflow` needs `ImageTag`, which nothing gives." in incomplete.stderr
    bucket = f"windtunnel-staging-code-{plan('staging').account}"
    assert re.search(rf"^CodeBucket +{bucket}$", incomplete.stdout, re.MULTILINE)
    assert f"make --silent upload BUCKET={bucket} " in incomplete.stderr
    assert "windtunnel-staging-people: made" in incomplete.stdout

    made = run("deploy", "staging", "--yes", "--set", f"ImageTag={COMMIT}")
    assert made.returncode == 0, made.stderr
    assert "windtunnel-staging-people: nothing to change" in made.stdout
    assert "windtunnel-staging-notebooks: made" in made.stdout
    assert f"windtunnel-staging-data-{plan('staging').account}" in made.stdout

    kept = run("undeploy", "staging", answers="\n")
    assert kept.stderr.strip() == "Nothing was removed."

    removed = run("undeploy", "staging", answers="y\n")
    assert removed.returncode == 0, removed.stderr
    assert "  stays: windtunnel-staging-ledger" in removed.stdout
    assert "windtunnel-staging-lake: removed" in removed.stdout
    assert run("undeploy", "staging").stdout.strip() == "There is no stack."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deploy", "production"), "`ENV` is `production`. Allowed: `dev`, `prod`, `staging`."),
        (("deploy", "dev"), "These are the credentials of account `222222222222`; `dev` is account `111111111111`."),
        (("deploy", "staging", "--set", "Class=mw1.large"), "`SET` has ['Class']. Allowed: ImageTag, "),
        (
            ("deploy", "staging", "--only", "airflows"),
            "`ONLY` has `airflows`. Allowed for `staging`: `airflow`, `events`, ",
        ),
        (("undeploy", "staging", "--only", "airflow"), "`ONLY` is `airflow`: `undeploy` removes every stack."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(run: Run, words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(said)


def test_make_hands_its_variables_on() -> None:
    asked = ["make", "--dry-run", "deploy", "ENV=dev", "SET=ImageTag=1234567 PluginsVersion=v2", "YES=1"]
    said = subprocess.check_output([*asked, "ONLY=airflow images"], cwd=ROOT, text=True)
    assert (
        "-m infra deploy dev --only airflow --only images --set ImageTag=1234567 --set PluginsVersion=v2 --yes" in said
    )
    said = subprocess.check_output(["make", "--dry-run", "undeploy", "ENV=prod"], cwd=ROOT, text=True)
    assert "-m infra undeploy prod" in said
    assert "--yes" not in said
    said = subprocess.check_output(["make", "--dry-run", "undeploy", "ENV=prod", "ONLY=airflow"], cwd=ROOT, text=True)
    assert "-m infra undeploy prod --only airflow" in said, "else everything would go"
