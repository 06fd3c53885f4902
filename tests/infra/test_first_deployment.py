"""docs/deploy.md, walked on an empty account from its first command to its last, as far as the embedded AWS goes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.plan import RELEASED, plan
from infra.release import commands
from local.place import ROOT, VENVS
from tests.infra.conftest import Account
from tests.infra.reduced import Reduced

PAGE = ROOT / "docs" / "deploy.md"
ELSEWHERE = ("aws ecr ", "docker build ", "docker push ", "WINDTUNNEL_AIRFLOW_TOKEN=")
"""How the commands begin that need Docker or an Airflow on MWAA."""

type Ended = subprocess.CompletedProcess[str]


def blocks() -> list[str]:
    """The page's blocks of commands."""
    found: list[str] = re.findall(r"^```\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


class Administrator:
    """Somebody in a checkout of main, with the credentials of the account of `dev`."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.left_out: list[str] = []

    def git(self, *words: str) -> str:
        who = ["-c", "user.name=sam", "-c", "user.email=sam@example.org"]
        done = subprocess.run(["git", *who, *words], cwd=self.checkout, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit everything as the newest of main."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "As it is")
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")
        return self.git("rev-parse", "HEAD")

    def type(self, block: str, values: Mapping[str, str]) -> Ended:
        """Type a block of the page, with its names filled in; every question is answered with yes."""
        text = re.sub(r"<([A-Za-z]+)>", lambda found: values[found[1]], re.sub("<path or address>", "given", block))
        lines = text.splitlines()
        self.left_out += [line for line in lines if line.startswith(ELSEWHERE)]
        # The environments are there; making them is another test's, and so is the proof of a bundle: tests/package.
        script = ["set -e", 'make() { command make --old-file=setup "$@"; }', "commit=$(git rev-parse HEAD)"]
        script += [re.sub("^make preflight .*", "make package", line) for line in lines if line not in self.left_out]
        return subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=self.checkout,
            input="y\n" * 50,
            env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")},
            capture_output=True,
            text=True,
        )


@pytest.fixture
def administrator(
    cloud: pytest.MonkeyPatch, reductions: tuple[Path, dict[str, Reduced]], tmp_path: Path
) -> Administrator:
    """In a checkout of what lies here, with stacks that the embedded AWS takes."""
    cloud.setenv("AWS_ACCESS_KEY_ID", plan("dev").account)
    found = Administrator(tmp_path / "checkout")
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for path in listed.splitlines():
        if (ROOT / path).is_file():
            (found.checkout / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, found.checkout / path)
    stacks = shutil.copytree(reductions[0], found.checkout / "infra" / "stacks", dirs_exist_ok=True)
    airflow = json.loads((stacks / "airflow.yaml").read_text(encoding="utf-8"))
    airflow["Resources"]["StandsForTheEnvironment"] = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Fn::Join": [" ", [{"Ref": name} for name in RELEASED]]}},
    }
    (stacks / "airflow.yaml").write_text(json.dumps(airflow), encoding="utf-8")
    found.git("init", "--quiet", "--initial-branch", "main")
    found.commit()
    (found.checkout / ".venvs").symlink_to(VENVS.resolve())
    return found


def test_the_page_shows_the_commands_that_the_deployment_prints() -> None:
    filled_in = commands("dev", "<region>", {"RepositoryUri": "<registry>/<repository>", "CodeBucket": "<CodeBucket>"})
    assert blocks()[1].replace("<RepositoryUri>", "<registry>/<repository>").splitlines() == filled_in


def test_the_page_leads_from_an_empty_account_to_a_second_release(administrator: Administrator) -> None:
    first, second, by_hand, roles = blocks()
    account = Account(plan("dev"), [], {})
    commit = administrator.git("rev-parse", "HEAD")

    stopped = administrator.type(first, {})
    assert stopped.returncode != 0
    assert "`windtunnel-dev-airflow` needs `ImageTag`" in stopped.stderr
    assert "windtunnel-dev-people: made" in stopped.stdout
    values = dict(re.findall(r"^([A-Z][A-Za-z]+) +(\S+)$", stopped.stdout, re.MULTILINE))
    values |= {"region": account.plan.region, "registry": values["RepositoryUri"].partition("/")[0]}
    printed = stopped.stderr.partition("from a commit of main:\n\n")[2].partition("make: ")[0]
    shown = re.sub(r"<([A-Za-z]+)>", lambda found: values[found[1]], second)
    assert [line.strip() for line in printed.splitlines()] == [line.strip() for line in shown.splitlines()]

    made = administrator.type(second, values)
    assert made.returncode == 0, made.stderr
    assert "windtunnel-dev-people: nothing to change" in made.stdout
    assert "windtunnel-dev-notebooks: made" in made.stdout
    assert released(account, values["CodeBucket"]) == commit

    page = administrator.checkout / "plugins" / "windtunnel_plugin.py"
    page.write_text(page.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    newer = administrator.commit()
    again = administrator.type("make package COMMIT=$commit\n" + by_hand, values)
    assert again.returncode == 0, again.stderr
    assert "Only airflow; read, and left as they are: lake, network, " in again.stdout
    assert "people" not in again.stdout
    assert released(account, values["CodeBucket"]) == newer

    administrator.type(roles, {**values, "WebserverUrl": "none"})
    assert len(administrator.left_out) == len(ELSEWHERE), "the page has a command that nobody walks"


def released(account: Account, bucket: str) -> str:
    """The commit that the Airflow stack runs, whose files are the newest in the bucket, with its record beside them."""
    (stack,) = account.client("cloudformation").describe_stacks(StackName="windtunnel-dev-airflow")["Stacks"]
    given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
    s3 = account.client("s3")
    files = {
        "RequirementsVersion": "requirements.txt",
        "PluginsVersion": "plugins.zip",
        "StartupVersion": "startup.sh",
    }
    for parameter, path in files.items():
        assert given[parameter] == s3.head_object(Bucket=bucket, Key=path)["VersionId"]
    record = json.loads(s3.get_object(Bucket=bucket, Key=f"commits/{given['ImageTag']}.json")["Body"].read())
    assert (
        s3.get_object(Bucket=bucket, Key="dags/windtunnel/commit.txt")["Body"].read().decode().strip()
        == record["commit"]
    )
    return str(record["commit"])
