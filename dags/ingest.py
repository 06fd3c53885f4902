"""# ingest: source -> landing -> checked -> published dataset version

**What.** Takes one month (or those of the form) from the model's source to the lake. The files land unchanged, are
checked, typed and written to a branch that nobody reads; the branch is audited and then published in one commit. Rows
that fail go to quarantine with their reason; too many of them, or a broken file, stop the run. The form repeats a month:
left empty the newest published one, *To month* makes it several. Scheduled and backfilled runs are dated when their month
is over: that of 1 February takes January.

**Reads.** The source named in the model's `spec.py`.

**Writes.** `landing/<model>/`, the Iceberg tables `<model>` and `<model>_quarantine`, Great Expectations data docs under
`reports/ingest/`, an event of the asset `dataset:<model>` with the snapshot id.

**When it fails.** `DataRejected` names the failed expectations; the task's button *Data quality* opens the rows and the
reasons. Nothing was published, the files are in landing. Mend the source (or the expectation, if it is wrong) and clear
the run: a month is replaced exactly, no row lost, none twice. `SourceMissing`: the month is not there; the message says
which are.

**Owner.** Data engineers: schedule, backfill, clear and re-run it as you like.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import AuditedBranch, CheckedFile, LandedFile, LoadedBranch
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.orchestration import assets, form, links, showing, trigger
from windtunnel.orchestration.arrivals import every_month
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage


def ingest(spec: ModelSpec) -> None:
    first = Window.month(spec.arrival.first).start
    quality = links.DataQuality(spec.name)

    @dag(
        **{**dag_arguments("ingest", spec), "catchup": True},
        schedule=every_month(spec.arrival),
        start_date=datetime.fromisoformat(f"{first}T00:00:00+00:00"),
        doc_md=__doc__,
        params=form.ingest(spec),
    )
    def flow() -> None:
        @stage(link=quality)
        def extract() -> Any:
            from windtunnel.stages.extract import extract, newest

            return extract(spec.name, trigger.interval() or form.months(spec) or newest(spec.name))

        @stage(link=quality)
        def check(landed: list[dict[str, Any]]) -> Any:
            from windtunnel.stages.check import check

            return [check(LandedFile.from_json(file)) for file in landed]

        @stage(link=quality)
        def load(checked: list[dict[str, Any]]) -> Any:
            from windtunnel.stages.load import load

            return load([CheckedFile.from_json(file) for file in checked])

        @stage(link=quality)
        def audit(loaded: dict[str, Any]) -> Any:
            from windtunnel.stages.audit import audit

            return audit(LoadedBranch.from_json(loaded))

        @stage(outlets=[assets.dataset(spec.name)], link=quality)
        def publish(audited: dict[str, Any]) -> Any:
            from windtunnel.stages.publish import publish

            return publish(AuditedBranch.from_json(audited))

        publish(audit(load(check(extract()))))
        showing.show(spec.name)

    flow()


for _spec in model_specs():
    ingest(_spec)
