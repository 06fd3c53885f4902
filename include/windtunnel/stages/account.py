"""account: the jobs of a training -> what they cost."""

from __future__ import annotations

import json
import logging

from windtunnel.aws import billing, objects
from windtunnel.core.contracts import Comparison, JobCost, RunCost, TrainingPlan
from windtunnel.core.prices import prices_of
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)


def account(work: Comparison | TrainingPlan) -> RunCost:
    """Add up what the jobs of a training are billed, the failed attempts too, and keep it under its work key.

    Args:
        work: The comparison, or where the run did not come that far its plan.

    Returns:
        The cost in USD, also at `costs/<model>/<work_key>.json`. The same work judged again, beside a later champion,
        adds its evaluation to what stands there.
    """
    plan = work.plan if isinstance(work, Comparison) else work
    log.info("account: %s", work.job_name)
    address = cost_address(plan.model, plan.work_key)
    known = RunCost.from_json(objects.get_json(address)).jobs if objects.exists(address) else ()
    jobs = {(job.kind, job.name): job for job in (*known, *billing.attempts((plan.job_name, work.job_name)))}
    cost = _sum(plan, tuple(jobs.values()))
    objects.put(address, json.dumps(cost.to_json(), indent=1).encode(), content_type="application/json")
    log.info("account: %s", cost.sentence)
    return cost


def cost_address(model: str, work_key: str) -> str:
    """Where the cost of a piece of work is kept."""
    return settings().uri("costs", model, f"{work_key}.json")


def _sum(plan: TrainingPlan, jobs: tuple[JobCost, ...]) -> RunCost:
    unpriced = sorted({job.instance_type for job in jobs if job.usd is None})
    usd = None if unpriced else sum(job.usd or 0.0 for job in jobs)
    done = sum(job.status == "Completed" for job in jobs)
    seconds = sum(job.billed_seconds * job.instances for job in jobs)
    total = (
        f"about {usd:.4f} USD"
        if usd is not None
        else (
            f"no sum in USD: no price is known for {', '.join(f'`{name}`' for name in unpriced)}; "
            "give one in `WINDTUNNEL_PRICES`"
        )
    )
    return RunCost(
        model=plan.model,
        work_key=plan.work_key,
        jobs=jobs,
        usd=usd,
        prices_of=prices_of(),
        sentence=f"{len(jobs)} jobs, {done} of them completed, {seconds} billed instance seconds: {total} ({prices_of()}).",
    )
