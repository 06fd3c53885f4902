"""# retrain: a person asks for a retrain

**What.** The form of the data scientist: windows, hyper-parameters, a reason. The wish is checked before anything
starts; `train` then starts by itself, on the data published now. A tick has the candidate registered whatever the gate
says: that goes on record with your name and your reason, and the reviewer reads it in the dossier.

**Reads.** The form.

**Writes.** An event of the asset `retrain:<model>`.

**When it fails.** The message names the field, what came in and what is allowed. Nothing was started.

**Owner.** Data scientists.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, get_current_context

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import TrainingRequest
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.orchestration import assets, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage

empty_for_newest: dict[str, Any] = {
    "type": ["null", "string"],
    "format": "date",
    "section": "Windows (empty: the newest months)",
}


def retrain(spec: ModelSpec) -> None:
    @dag(
        **dag_arguments("retrain", spec),
        schedule=None,
        doc_md=__doc__,
        params={
            "reason": Param(
                type="string", minLength=10, title="Reason", description="Goes on record with the version."
            ),
            "hyperparameters": Param({}, type="object", title="Hyper-parameters", description="Empty: the defaults."),
            "train_start": Param(None, **empty_for_newest, title="Training from"),
            "train_end": Param(None, **empty_for_newest, title="Training until, not included"),
            "holdout_start": Param(None, **empty_for_newest, title="Holdout from"),
            "holdout_end": Param(None, **empty_for_newest, title="Holdout until, not included"),
            "force": Param(
                False,
                type="boolean",
                title="Register it even if the gate says no",
                description="Your name and the reason go on record and into the dossier.",
            ),
        },
    )
    def flow() -> None:
        @stage(outlets=[assets.retrain(spec.name)])
        def request() -> Any:
            from windtunnel.stages.request import request

            form = get_current_context()["params"]
            return request(
                TrainingRequest(
                    model=spec.name,
                    train=Window.optional(form["train_start"], form["train_end"]),
                    holdout=Window.optional(form["holdout_start"], form["holdout_end"]),
                    hyperparameters={name: str(value) for name, value in form["hyperparameters"].items()},
                    reason=form["reason"],
                    requested_by=trigger.person(),
                    force=form["force"],
                )
            )

        request()

    flow()


for _spec in model_specs():
    retrain(_spec)
