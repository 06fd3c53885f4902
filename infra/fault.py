"""What ends a deployment with a sentence and without a traceback."""

from __future__ import annotations


class Fault(Exception):
    """Says what came in, what is allowed and what to do next."""


class Unreleased(Fault):
    """A stack runs code, and nobody has said yet which."""
