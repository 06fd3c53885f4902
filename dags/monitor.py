"""# monitor: captured requests + late labels -> quality, drift, reports

**What.** When new rows arrive, their labels meet the predictions the live endpoint made earlier. Errors and drift scores
are computed over every row; Evidently draws its report from a bounded sample that says so.

**Reads.** The endpoint's data capture, the dataset version of the event, and from the ledger the version in service,
whose own training rows are the baseline; after a rollback that is the version brought back.

**Writes.** `monitor/<model>/`, reports under `reports/monitor/<model>/`, an event of `monitored:<model>`.

**When it fails.** Serving is not touched. Clear the run: the same captures and labels give the same report. Skipped:
nothing is in service yet.

**Owner.** Locked: new labels start it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import CollectedPredictions, DatasetVersion, MeasuredPredictions
from windtunnel.core.spec import ModelSpec
from windtunnel.core.window import Window
from windtunnel.orchestration import assets, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage


def monitor(spec: ModelSpec) -> None:
    @dag(**dag_arguments("monitor", spec), schedule=assets.dataset(spec.name), doc_md=__doc__)
    def flow() -> None:
        @stage
        def collect() -> Any:
            from windtunnel.aws import ledger, registry
            from windtunnel.stages.collect import collect

            arrived = [DatasetVersion.from_json(event) for event in trigger.events(assets.dataset(spec.name))]
            if (champion := ledger.live(spec.name)) is None:
                return None
            in_service = registry.read(champion.package_arn)
            return collect(in_service, Window.around(made.window for made in arrived), arrived[-1])

        @stage
        def measure(collected: dict[str, Any]) -> Any:
            from windtunnel.stages.measure import measure

            return measure(CollectedPredictions.from_json(collected))

        @stage(outlets=[assets.monitored(spec.name)])
        def report(measured: dict[str, Any]) -> Any:
            from windtunnel.stages.report import report

            return report(MeasuredPredictions.from_json(measured))

        report(measure(collect()))

    flow()


for _spec in model_specs():
    monitor(_spec)
