"""The demo, run once for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

from local.environment import environment
from local.place import ROOT
from tests.stack import Stack

MODEL = "flights"


class Journey(NamedTuple):
    """A stack on which the demo ran once, and what it printed."""

    stack: Stack
    printed: str


def demo(stack: Stack) -> str:
    """Run it; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "local.demo"],
        env=environment(stack.where, os.environ) | {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def windtunnel(journey: Journey, *arguments: str) -> str:
    """The command line as a person uses it."""
    done = subprocess.run(
        [sys.executable, "-m", "windtunnel", *arguments],
        env=environment(journey.stack.where) | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
