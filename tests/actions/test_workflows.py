"""The workflows pass their linters and our rules, and a bad one is caught by somebody."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from local import venvs, workflows
from local.place import ROOT

GOOD = """\
name: planted
on:
  pull_request:
permissions: {}
concurrency:
  group: planted-${{ github.ref }}
  cancel-in-progress: true
defaults: {run: {shell: bash}}
jobs:
  one:
    name: One
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: read  # the checkout
    steps:
      - uses: actions/checkout@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0 # v7.0.0
        with:
          persist-credentials: false
      - run: make test
"""
CHECKOUT = "actions/checkout@9c091bb21b7c1c1d1991bb908d89e4e9dddfe3e0 # v7.0.0"


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """The environment of the tools, made when it is missing."""
    venvs.setup(names=("actions",))


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A checkout with one workflow that nobody has anything to say of, and our own settings."""
    folder = tmp_path / workflows.WORKFLOWS
    folder.mkdir(parents=True)
    (folder / "planted.yml").write_text(GOOD)
    for name in (workflows.DEPENDABOT, Path(".github/zizmor.yml")):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def write(root: Path, before: str, after: str) -> None:
    path = root / workflows.WORKFLOWS / "planted.yml"
    assert before in GOOD
    path.write_text(GOOD.replace(before, after))


def said(root: Path, who: str = "") -> dict[str, str]:
    """What each tool that is not content says, or one alone; our own rules under `ours`."""
    asked = [command for command in workflows.commands(root) if Path(command[0]).name == who or not who]
    done = [subprocess.run(command, cwd=root, capture_output=True, text=True) for command in asked]
    found = {Path(each.args[0]).name: each.stdout + each.stderr for each in done if each.returncode}
    ours = workflows.faults(root)
    return found | ({"ours": "\n".join(ours)} if ours else {})


def test_our_workflows_are_clean() -> None:
    assert said(ROOT) == {}


def test_there_is_a_workflow_for_each_part_of_the_way() -> None:
    names = {path.stem for path in (ROOT / workflows.WORKFLOWS).glob("*.yml")}
    assert names == {"test", "image", "deploy", "retrain", "nightly"}


def test_what_the_workflows_make_is_in_the_makefile() -> None:
    workflow = "".join(path.read_text(encoding="utf-8") for path in (ROOT / workflows.WORKFLOWS).glob("*.yml"))
    used = set(re.findall(r"\bmake (?:--silent )?([a-z-]+)", workflow))
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"setup", "upload", "merged", "preflight", "deploy"} <= used
    assert used <= there


def test_the_planted_one_is_clean_before_it_is_spoilt(planted: Path) -> None:
    assert said(planted) == {}


@pytest.mark.parametrize(
    ("before", "after", "who", "words"),
    [
        (CHECKOUT, "actions/checkout@v7 # v7.0.0", "ours", "uses `actions/checkout@v7`. Pin it by the forty digits"),
        (CHECKOUT, CHECKOUT.partition(" #")[0], "ours", "with the version behind"),
        (CHECKOUT, f"{CHECKOUT[:40]} # v7.0.0", "ours", "Pin it by the forty digits"),
        (CHECKOUT, "actions/checkout@v7", "zizmor", "unpinned-uses"),
        ("permissions: {}\n", "", "ours", "Write `permissions: {}` at the top"),
        ("permissions: {}\n", "permissions: write-all\n", "zizmor", "excessive-permissions"),
        ("    timeout-minutes: 5\n", "", "ours", "has the job `one`, which may run for six hours"),
        ("    permissions:\n      contents: read  # the checkout\n", "", "ours", "does not say what it may do"),
        ("contents: read  # the checkout", "id-token: write  # AWS", "ours", "without an `environment`"),
        (
            "concurrency:\n  group: planted-${{ github.ref }}\n  cancel-in-progress: true\n",
            "",
            "ours",
            "a `concurrency`",
        ),
        ("defaults: {run: {shell: bash}}\n", "", "ours", "which sets pipefail"),
        ("persist-credentials: false", "fetch-depth: 1", "ours", "leaves its token in the checkout"),
        ("persist-credentials: false", "fetch-depth: 1", "zizmor", "artipacked"),
        ("  pull_request:", "  pull_request_target:", "ours", "runs with our rights what others wrote"),
        ("  pull_request:", "  pull_request_target:", "zizmor", "dangerous-triggers"),
        ("make test", "echo ${{ github.event.pull_request.title }}", "zizmor", "template-injection"),
        ("make test", "echo ${{ github.event.pull_request.title }}", "actionlint", "potentially untrusted"),
        ("make test", "echo ${{ secrets.AWS_SECRET_ACCESS_KEY }}", "ours", "reads a secret"),
        ("make test", "echo ${{ github.no_such_thing }}", "actionlint", "no_such_thing"),
        ("make test", "rm -rf $HOME/$1", "actionlint", "SC2086"),
        ("ubuntu-24.04", "ubuntu-1.0", "actionlint", "is unknown"),
        ("    runs-on:", "    runs_on:", "check-jsonschema", "runs_on"),
    ],
    ids=lambda value: value[:24].strip(),
)
def test_a_bad_workflow_is_caught(planted: Path, before: str, after: str, who: str, words: str) -> None:
    write(planted, before, after)
    assert words in said(planted, who)[who]


@pytest.mark.parametrize("days", [None, 3])
def test_updates_wait_for_a_week(planted: Path, days: int | None) -> None:
    settings = yaml.safe_load((ROOT / workflows.DEPENDABOT).read_text(encoding="utf-8"))
    settings["updates"][0]["cooldown"] = {"default-days": days} if days else {}
    (planted / workflows.DEPENDABOT).write_text(yaml.safe_dump(settings))
    assert "without a cool-down of 7 days" in "\n".join(workflows.faults(planted))


def test_each_place_with_pins_has_its_updates() -> None:
    settings = yaml.safe_load((ROOT / workflows.DEPENDABOT).read_text(encoding="utf-8"))
    found = {
        (update["package-ecosystem"], folder)
        for update in settings["updates"]
        for folder in update.get("directories", [update.get("directory")])
    }
    inputs = {("pip", f"/{path.parent.relative_to(ROOT)}") for path in ROOT.glob("include/*/requirements.in")}
    images = {
        ("docker", "/" if path.parent == ROOT else f"/{path.parent.relative_to(ROOT)}")
        for path in (ROOT / "Dockerfile", ROOT / "include/model_image/Dockerfile")
    }
    assert inputs
    assert inputs | images | {("github-actions", "/"), ("docker-compose", "/"), ("pip", "/.github")} <= found
