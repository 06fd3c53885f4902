"""The templates without what the embedded AWS does not know: a resource of an unknown type, and what hangs on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from infra.plan import ORDER
from infra.template import STACKS, Template, read

UNKNOWN = frozenset(
    {
        "AWS::Budgets::Budget",
        "AWS::EC2::EIP",
        "AWS::EC2::FlowLog",
        "AWS::EC2::NatGateway",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::MWAA::Environment",
        "AWS::SageMaker::Domain",
        "AWS::SageMaker::UserProfile",
    }
)
"""Each of them is refused by the embedded AWS: `test_stacks.py` asks it."""


class Reduced(NamedTuple):
    """A template that the embedded AWS takes."""

    template: Template
    unknown: dict[str, str]
    "Left out for their type: logical name -> type."
    hanging: frozenset[str]
    "Left out because they name one of those."


def write(folder: Path) -> dict[str, Reduced]:
    """All templates, reduced, as files of a folder; JSON is YAML too."""
    found = {name: reduced(read(name, STACKS)) for name in ORDER}
    for name, each in found.items():
        (folder / f"{name}.yaml").write_text(json.dumps(each.template), encoding="utf-8")
    return found


def reduced(template: Template) -> Reduced:
    """A template without resources of `UNKNOWN` types, without what names one of them, and without their outputs."""
    bodies: dict[str, Any] = template["Resources"]
    types = {name: kind for name, body in bodies.items() for kind in _types(name, body)}
    unknown = {name: kind for name, kind in types.items() if kind in UNKNOWN}
    gone = set(unknown)
    while more := {name for name, body in bodies.items() if name not in gone and _named(body) & gone}:
        gone |= more
    outputs = {name: body for name, body in template.get("Outputs", {}).items() if not _named(body) & gone}
    kept = {name: body for name, body in bodies.items() if name not in gone}
    return Reduced({**template, "Resources": kept, "Outputs": outputs}, unknown, frozenset(gone - unknown.keys()))


def _types(name: str, body: Any) -> Iterator[str]:
    """The types of a resource, or of those that a loop makes."""
    for each in body[2].values() if name.startswith("Fn::ForEach::") else (body,):
        yield each["Type"]


def _named(value: Any) -> set[str]:
    """Every logical name that a value refers to."""
    if isinstance(value, list):
        return {name for part in value for name in _named(part)}
    if not isinstance(value, dict):
        return set()
    found: set[str] = set()
    for key, part in value.items():
        if key in ("Ref", "DependsOn") and isinstance(part, str):
            found.add(part)
        elif key == "Fn::GetAtt":
            found.add(part[0])
        elif key == "Fn::Sub":
            text = part if isinstance(part, str) else part[0]
            found |= {piece.partition("}")[0].partition(".")[0] for piece in text.split("${")[1:]}
        found |= _named(part)
    return found
