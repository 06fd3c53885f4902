"""force: a person has a candidate registered whatever the gate says, and stands for it by name."""

from __future__ import annotations

from windtunnel.core.approval import NOBODY
from windtunnel.core.contracts import Gate, TrainingPlan, TrainingRequest
from windtunnel.core.errors import ReleaseRefused

LEAST_REASON = 10
"""Characters; the form asks for as many."""


def force(plan: TrainingPlan, gate: Gate) -> Gate:
    """The gate's answer with the name and the reason of the person who goes on against it.

    A candidate that the gate promotes needs no force, so nothing is marked.

    Raises:
        ReleaseRefused: Nobody stands for it, or without a reason.
    """
    if not plan.force or gate.answer == "promote":
        return gate
    accountable(plan)
    return gate.model_copy(update={"forced_by": plan.requested_by, "forced_because": plan.reason})


def accountable(wish: TrainingPlan | TrainingRequest) -> None:
    """Check that a person forces, and says why.

    Raises:
        ReleaseRefused: It is no person, or there is no reason.
    """
    by, reason = wish.requested_by.strip(), wish.reason.strip()
    if by in NOBODY or len(reason) < LEAST_REASON:
        raise ReleaseRefused(
            f"`{wish.model}` cannot be forced past the gate by `{by}` because of `{reason}`: a person must stand for it "
            f"by name, with a reason of {LEAST_REASON} characters or more. Ask for it in the form of `retrain`."
        )
