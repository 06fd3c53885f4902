"""The templates under the tools of their trade, and the reasons that stand beside what is wide open."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.plan import ORDER
from infra.template import STACKS, read, resources
from local.place import ROOT

TEMPLATES = sorted(STACKS.glob("*.yaml"))
AT_LEAST_PASSED = 100
REASON = 20
"""Characters of a sentence that says why."""


def test_every_template_is_deployed_and_small_enough_to_be_sent_as_it_is() -> None:
    assert [path.stem for path in TEMPLATES] == sorted(ORDER)
    large = [path.name for path in TEMPLATES if path.stat().st_size > 51_200]
    assert not large


def test_cfn_lint_finds_nothing(tools: Path) -> None:
    done = subprocess.run([tools / "cfn-lint", *map(str, TEMPLATES)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_cfn_lint_would_find_something(tools: Path, tmp_path: Path) -> None:
    broken = tmp_path / "ledger.yaml"
    broken.write_text((STACKS / "ledger.yaml").read_text().replace("PAY_PER_REQUEST", "PAY_LATER"))
    done = subprocess.run([tools / "cfn-lint", broken], capture_output=True, text=True)
    assert done.returncode != 0
    assert "PAY_LATER" in done.stdout


def test_checkov_fails_nothing_and_every_skip_has_its_reason(
    tools: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = _checkov(tools, STACKS)
    passed, skipped = found["summary"]["passed"], found["results"]["skipped_checks"]
    with capsys.disabled():
        print(f"\ncheckov: {passed} passed, {found['summary']['failed']} failed, {len(skipped)} skipped")
    assert found["summary"]["failed"] == 0, [each["check_id"] for each in found["results"]["failed_checks"]]
    assert found["summary"]["parsing_errors"] == 0
    assert passed >= AT_LEAST_PASSED
    bare = [each["check_id"] for each in skipped if len(each["check_result"]["suppress_comment"]) < REASON]
    assert not bare
    (tmp_path / "lake.yaml").write_text(
        (STACKS / "lake.yaml").read_text().replace("{Status: Enabled}", "{Status: Suspended}")
    )
    worse = _checkov(tools, tmp_path)
    assert "CKV_AWS_21" in {each["check_id"] for each in worse["results"]["failed_checks"]}


def _checkov(tools: Path, folder: Path) -> dict[str, Any]:
    command: list[str | Path] = [
        tools / "checkov",
        "--framework",
        "cloudformation",
        "--directory",
        folder,
        "--output",
        "json",
    ]
    done = subprocess.run([*command, "--skip-download"], capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_star_that_stands_for_everything_has_its_reason_beside_it(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    bare = [
        f"{path.name}:{at}: {line.strip()}"
        for at, line in enumerate(lines, start=1)
        if re.search(r"(Action|Resource|NotAction): (\"\*\"|'\*'|\[\"\*\"\]|[a-z0-9-]+:\*)", line)
        and not _reason(lines, at - 1)
    ]
    assert not bare, "say in a comment on the line, or right above it, why everything is meant"


def _reason(lines: list[str], at: int) -> bool:
    beside, above = lines[at].partition("  # ")[2], lines[at - 1].strip()
    return len(beside) >= REASON or (above.startswith("# ") and len(above) >= REASON)


def test_a_wide_action_inside_a_list_stands_in_a_boundary_alone() -> None:
    wide = {
        (stack, name)
        for stack, name, statement in _statements()
        if statement["Effect"] == "Allow"
        for action in _list(statement.get("Action", statement.get("NotAction")))
        if action.endswith(":*") or action == "*"
    }
    assert {name for _, name in wide} <= {"PipelineBoundary", "Key"}, "the account's root in the key's own policy aside"


def test_every_action_is_one_that_iam_knows(tools: Path) -> None:
    """A misspelt action allows nothing and denies nothing, and no other tool says so."""
    actions = sorted({a for _, _, each in _statements() for a in _list(each.get("Action", each.get("NotAction")))})
    assert len(actions) > AT_LEAST_PASSED
    program = "import json, sys\nfrom policy_sentry.querying.all import get_all_actions\nprint(json.dumps(sorted(get_all_actions())))"
    known = {a.lower() for a in json.loads(subprocess.check_output([tools / "python", "-c", program], text=True))}
    unknown = [
        a for a in actions if not any(_like(each, a.lower()) for each in (known if "*" in a else {a.lower()} & known))
    ]
    assert not unknown


def _like(value: str, pattern: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), value) is not None


def _statements() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every statement of every policy: stack, resource, statement."""
    for stack in ORDER:
        for name, body in resources(read(stack)).items():
            yield from ((stack, name, each) for each in _found(body))


def _found(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from value.get("Statement", [])
        for part in value.values():
            yield from _found(part)
    elif isinstance(value, list):
        for part in value:
            yield from _found(part)


def _list(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
