"""# monitor: captured requests + late labels -> quality, drift, checks -> a verdict, its report, messages, a retrain

**What.** When new rows arrive, and once a day, captured requests meet the labels that have come. Per window: errors
against the holdout's promise and against the frozen version before, drift against calibrated thresholds, the checks of
training. Then one word, ignore, watch or retrain, in one sentence.

**Reads.** The data capture, the dataset version of the event (daily: the one published now), the ledger.

**Writes.** The tables `<model>_predictions`, `_quality`, `_drift`, `_findings`; `monitor/<model>/`; reports, which *Drift
report* opens; metrics; messages; events of `monitored:<model>` and, when the verdict asks, of `retrain:<model>`.

**When it fails.** Serving is not touched. Clear it: the same captures and labels give the same verdict; after a failed
job from `rescore`. Skipped: nothing is in service, or nothing is new. `ask` skipped: it asks for nothing new.

**Owner.** Locked: new labels and the clock start it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag

from windtunnel.core import contracts as made
from windtunnel.core.catalog import model_specs
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import alerting, assets, links, showing, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.operators import ProcessingJob
from windtunnel.orchestration.stage import contracts, stage

every_day_at_six = CronTriggerTimetable("0 6 * * *", timezone="UTC")
by_window = (made.MeasuredPredictions, made.DetectedDrift, made.InspectedRequests)


def monitor(spec: ModelSpec) -> None:
    report_page = links.DriftReport(spec.name)
    schedule = AssetOrTimeSchedule(timetable=every_day_at_six, assets=assets.dataset(spec.name))

    @dag(**dag_arguments("monitor", spec), schedule=schedule, doc_md=__doc__)
    def flow() -> None:
        @stage
        def absorb() -> Any:
            from windtunnel.aws import ledger
            from windtunnel.stages.absorb import absorb

            return absorb(spec.name) if ledger.live(spec.name) else None

        @stage
        def collect(absorbed: dict[str, Any]) -> Any:
            from windtunnel.aws import lake, registry
            from windtunnel.stages.collect import collect

            arrived, labels = trigger.published(spec.name)
            labels = labels or lake.current(spec.name)
            return collect(*registry.in_service(spec.name), arrived, labels, made.AbsorbedCaptures.from_json(absorbed))

        @stage(multiple_outputs=True)
        def rescore(collected: dict[str, Any]) -> Any:
            from windtunnel.stages.rescore import rescore

            return rescore(made.CollectedPredictions.from_json(collected))

        @stage
        def measure(rescoring: dict[str, Any]) -> Any:
            from windtunnel.stages.measure import measure

            return measure(made.Rescoring.from_json(rescoring))

        @stage
        def detect(collected: dict[str, Any]) -> Any:
            from windtunnel.stages.detect import detect

            return detect(made.CollectedPredictions.from_json(collected))

        @stage
        def inspect(rescoring: dict[str, Any]) -> Any:
            from windtunnel.stages.inspect import inspect

            return inspect(made.Rescoring.from_json(rescoring))

        @stage(link=report_page)
        def conclude(*found: dict[str, Any]) -> Any:
            from windtunnel.stages.conclude import conclude

            return conclude(*contracts(found, made.CollectedPredictions, *by_window))

        @stage(outlets=[assets.monitored(spec.name)], link=report_page)
        def report(*found: dict[str, Any]) -> Any:
            from windtunnel.stages.report import report

            return report(*contracts(found, made.Rescoring, *by_window, made.Verdict))

        @stage(link=report_page)
        def alert(*found: dict[str, Any]) -> Any:
            from windtunnel.stages.alert import alert

            verdict, report = contracts(found, made.Verdict, made.MonitoringReport)
            return alert(verdict, report, alerting.link())

        @stage(outlets=[assets.retrain(spec.name)])
        def ask(verdict: dict[str, Any]) -> Any:
            from windtunnel.stages.ask import ask

            return ask(made.Verdict.from_json(verdict), trigger.owner("monitor"))

        rescored = rescore(collected := collect(absorb()))
        score, rescoring = ProcessingJob(task_id="score", config=rescored["scoring_job"]), rescored["rescoring"]
        measured, detected, inspected = measure(rescoring), detect(collected), inspect(rescoring)
        verdict = conclude(collected, measured, detected, inspected)
        score >> [measured, inspected]
        alert(verdict, report(rescoring, measured, detected, inspected, verdict))
        ask(verdict)
        showing.show(spec.name)

    flow()


for _spec in model_specs():
    monitor(_spec)
