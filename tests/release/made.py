"""A candidate for the tests of the registry and of releases; its model is the test image's."""

from __future__ import annotations

from typing import Any

from tests import candidate
from windtunnel.core.contracts import Evaluated, Gated
from windtunnel.core.settings import settings
from windtunnel.core.workkey import work_key

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/windtunnel-test:1"


def evaluated(reason: str) -> Evaluated:
    """A candidate of its own for each reason."""
    key = work_key(reason=reason, bucket=settings().bucket)
    plan = candidate.plan(reason=reason, requested_by="sam", image=IMAGE, work_key=key, job_name=f"flights-{key[:16]}")
    return candidate.evaluated(plan=plan, model_data=settings().uri("jobs", plan.job_name, "output", "model.tar.gz"))


def gated(reason: str, **gate: Any) -> Gated:
    """The candidate with an answer of the gate."""
    return candidate.gated(evaluated=evaluated(reason), gate=candidate.gate(**gate))
