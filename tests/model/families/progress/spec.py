"""`progress`: How far will this diabetes go in a year? By kernels, which have no ONNX."""

from __future__ import annotations

from windtunnel.models.family import diabetes

SPEC = diabetes("progress", "How far will this diabetes go in a year? By kernels, which have no ONNX.")
