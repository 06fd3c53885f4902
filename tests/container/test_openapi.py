"""The OpenAPI document put to the test: whatever it allows is answered as it says, whatever it forbids is refused."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.container.served import Server

EXAMPLES = int(os.environ.get("WINDTUNNEL_OPENAPI_EXAMPLES", "60"))
"""Of each operation and document, and the seed: 60 make more than 1,000 cases in half a minute, 1,000 more than 10,000."""
JSON = "application/json"


def asked(document: Path, server: Server, *options: str) -> int:
    """The number of cases; every one of them was answered as the document says."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", str(document)]
    command += [
        "--url",
        str(server.client.base_url),
        "--max-examples",
        str(EXAMPLES),
        "--seed",
        str(EXAMPLES),
        "--mode",
        "all",
    ]
    done = subprocess.run(
        [*command, "--checks", "all", "--continue-on-failure", "--no-color", *options],
        capture_output=True,
        text=True,
        cwd=document.parent,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    (count,) = re.findall(r"^\s*(\d+) generated", done.stdout, re.MULTILINE)
    return int(count)


@pytest.fixture
def document(server: Server) -> Any:
    """As the server shows it."""
    return server.client.get("/openapi.json").json()


def test_every_case_is_answered_as_the_document_says(server: Server, document: Any, tmp_path: Path) -> None:
    whole, only_json = tmp_path / "whole.json", tmp_path / "json.json"
    whole.write_text(json.dumps(document))
    for path in ("/invocations", "/batch", "/stream"):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        for kind in content.keys() - {JSON}:
            del content[kind]
    only_json.write_text(json.dumps(document))
    # Of CSV the document can only say that it is a text, so a case that it allows may still be refused.
    cases = asked(whole, server, "--exclude-checks", "positive_data_acceptance") + asked(only_json, server)
    print(f"{cases:,} cases")
    assert cases > 10 * EXAMPLES
