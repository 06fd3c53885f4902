"""`glucose`: How far will this diabetes go in a year? By a line of numpy's."""

from __future__ import annotations

from windtunnel.models.family import diabetes

SPEC = diabetes("glucose", "How far will this diabetes go in a year? By a line of numpy's.")
