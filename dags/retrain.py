"""# retrain: a person asks for a retrain

**What.** The form of the data scientist: a reason, months, hyper-parameters. Months left empty are the newest ones,
hyper-parameters left alone the defaults. Airflow refuses a value out of its range when the form is sent; months that
overlap, or that nobody published, are refused here. `train` then starts by itself, on the data published now. A tick has
the candidate registered whatever the gate says: that goes on record with your name and your reason, and the reviewer
reads it in the dossier. A merge to main that touches the model's folder asks here as well, with its commit.

**Reads.** The form; which months are published; the record of its commit.

**Writes.** An event of the asset `retrain:<model>`.

**When it fails.** The message names the field, what came in and what is allowed. Nothing was started: mend the form, which
*Trigger again with this config* on the page of the run brings back. `SourceMissing`: nothing is published yet, ingest first.
`CommitRefused`: the commit was not deployed here from main. `CommitAwaited`: its code is not here yet; the task tries again.

**Owner.** Data scientists.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, form, links
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage


def retrain(spec: ModelSpec) -> None:
    @dag(
        **dag_arguments("retrain", spec),
        schedule=None,
        doc_md=__doc__,
        params=form.retrain(spec),
    )
    def flow() -> None:
        @stage(outlets=[assets.retrain(spec.name)], link=links.Model(spec.name))
        def request() -> Any:
            from windtunnel.stages.request import request

            return request(form.wish(spec))

        request()

    flow()


for _spec in model_specs():
    retrain(_spec)
