"""CloudFormation templates as Python values: the short forms such as `!Ref` become the long ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

STACKS = Path(__file__).parent / "stacks"

type Template = dict[str, Any]


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """Reads what CloudFormation adds to YAML."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)


def read(name: str, folder: Path = STACKS) -> Template:
    """The template of a stack."""
    return parse((folder / f"{name}.yaml").read_text(encoding="utf-8"))


def parse(text: str) -> Template:
    """A template from its text."""
    found: Template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with CloudFormation's tags
    return found


def resources(template: Template) -> dict[str, dict[str, Any]]:
    """All resources with their logical names, a loop's fragment once, under the name that has the placeholder."""
    found: dict[str, dict[str, Any]] = {}
    for name, body in template["Resources"].items():
        found |= body[2] if name.startswith("Fn::ForEach::") else {name: body}
    return found
