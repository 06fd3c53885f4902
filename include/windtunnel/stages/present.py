"""present: a registered version -> what a reviewer must know to decide, as Markdown."""

from __future__ import annotations

import logging

from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import RegisteredVersion

log = logging.getLogger(__name__)

METRICS = {"mse": "MSE", "rmse": "RMSE", "mae": "MAE", "r2": "R2"}
COMPARED = {"": "this version", "linear_": "linear baseline", "seasonal_naive_": "seasonal-naive baseline"}


def present(registered: RegisteredVersion) -> str:
    """Markdown with the version, its data, its reason and its metrics beside the baselines on the same rows."""
    evaluated, plan = registered.evaluated, registered.evaluated.plan
    unit = model_spec(registered.model).unit
    lines = [
        f"**{registered.package_arn}**",
        f"Reason: {plan.reason} Asked by {plan.requested_by}.",
        f"Trained on {plan.train} ({plan.train_rows} rows), judged on {plan.holdout} ({plan.holdout_rows} rows).",
        f"Data {plan.dataset.tag}, snapshot {plan.dataset.snapshot_id}.",
        f"Commit `{plan.git_commit}`, code `{plan.code_sha256[:12]}`, artefact `{evaluated.artefact_sha256[:12]}`.",
        table(evaluated.metrics, unit),
        f"Evaluation: `{evaluated.evaluation}`",
    ]
    log.info("present: %s", registered.package_arn)
    return "\n\n".join(lines)


def table(metrics: dict[str, float], unit: str) -> str:
    """The metrics as a Markdown table, one line per model compared."""
    units = {"mse": f" ({unit}²)", "rmse": f" ({unit})", "mae": f" ({unit})", "r2": ""}
    head = "| on the holdout | " + " | ".join(f"{METRICS[name]}{units[name]}" for name in METRICS) + " |"
    rule = "|---|" + "---:|" * len(METRICS)
    rows = [
        f"| {label} | " + " | ".join(f"{metrics[prefix + name]:.2f}" for name in METRICS) + " |"
        for prefix, label in COMPARED.items()
    ]
    return "\n".join([head, rule, *rows])
