"""One journey for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.e2e.journey import Journey, demo
from tests.stack import Stack


@pytest.fixture(scope="session")
def journey(stack: Stack) -> Journey:
    """A stack on which the demo ran."""
    return Journey(stack, demo(stack))
