"""`tides`: How far will this diabetes go in a year? By a PyTorch module."""

from __future__ import annotations

from windtunnel.models.family import diabetes

SPEC = diabetes("tides", "How far will this diabetes go in a year? By a PyTorch module.", tolerance=0.01)
