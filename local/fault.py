"""The one error of the local set-up: something a person has to see and can act on."""

from __future__ import annotations


class LocalFault(Exception):
    """What came in, what is allowed, what to do next. Printed without a traceback."""
