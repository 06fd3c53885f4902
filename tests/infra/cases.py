"""The cases of docs/aws-rights.md: who may do what, and how a resource that is written short reads in full."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from local.place import ROOT
from tests.infra.policies import Request

PAGE = ROOT / "docs" / "aws-rights.md"
ROLES = {
    "engineer": "engineer",
    "scientist": "scientist",
    "reviewer": "reviewer",
    "pipeline": "pipeline",
    "CI": "ci",
    "job": "sagemaker",
    "notebook": "notebooks",
}
"""Column -> end of the role's name."""

BUCKETS = ("sources", "data", "code")
REGIONLESS = {"iam", "sts"}


class Case(NamedTuple):
    """One row of the page."""

    what: str
    action: str
    resource: str
    context: Mapping[str, str]
    allowed: Mapping[str, bool]
    "By column."

    def request(self, account: str, region: str, key_arn: str) -> Request:
        """The row as a request in an account."""
        return Request(self.action, _arn(self.action, self.resource, account, region, key_arn), self.context)


def cases() -> list[Case]:
    """All rows of the page, in its order."""
    return list(_read(PAGE.read_text(encoding="utf-8")))


def _read(text: str) -> Iterator[Case]:
    tables = text.partition("<!-- aws-rights: from here on")[2].partition("<!-- aws-rights: end -->")[0]
    header: list[str] = []
    for line in tables.splitlines():
        if not line.startswith("|") or set(line) <= set("|-"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "What":
            header = cells
            continue
        what, action, resource, given, *answers = cells
        assert set(answers) <= {"yes", "no"}, f"docs/aws-rights.md: `{what}` answers {answers}"
        context = dict(pair.split("=", 1) for pair in re.findall(r"`([^`]+)`", given))
        allowed = {column: answer == "yes" for column, answer in zip(header[4:], answers, strict=True)}
        yield Case(what, action.strip("`"), resource.strip("`"), context, allowed)


def _arn(action: str, resource: str, account: str, region: str, key_arn: str) -> str:
    service = action.partition(":")[0]
    if service == "s3":
        bucket, slash, key = resource.partition("/")
        return f"arn:aws:s3:::{f'windtunnel-dev-{bucket}-{account}' if bucket in BUCKETS else bucket}{slash}{key}"
    if service == "kms":
        return key_arn
    place = "iam" if service in REGIONLESS else service
    there = "" if service in REGIONLESS or resource.startswith("dashboard/") else region
    return f"arn:aws:{place}:{there}:{account}:{resource}"
