"""docs/serving.md as a reader would try it: each curl is run, and answers what is printed below it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.container.served import Server

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
BLOCKS = re.findall(r"```bash\n(.+?)```(?:\n\n```json\n(.+?)```)?", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def shape(value: Any) -> Any:
    """The same with every number as 0: another training answers other digits."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return 0 if isinstance(value, float) else value


def test_there_are_blocks_to_run() -> None:
    assert len(BLOCKS) == 7


@pytest.mark.parametrize(("command", "answer"), BLOCKS)
def test_a_documented_call_answers_as_documented(server: Server, command: str, answer: str) -> None:
    address = str(server.client.base_url).rstrip("/")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        env=os.environ | {"SERVER": address, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    if answer:
        assert shape(json.loads(done.stdout)) == shape(json.loads(answer))


def test_the_documented_python_is_python() -> None:
    (code,) = re.findall(r"```python\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    compile(code, str(PAGE), "exec")
