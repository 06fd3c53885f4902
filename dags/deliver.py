"""# deliver: messages that wait -> through their channels to people

**What.** Every ten minutes, whatever a channel did not take before is offered to it again: SNS and Slack each for itself.

**Reads.** The outbox: messages of verdicts, failures and hanging runs that are stored and not sent.

**Writes.** Messages to the topic and to Slack; the outbox: what was sent, when, and its receipt.

**When it fails.** Nothing is lost: messages wait, the next run goes on. A channel that is away fails nothing; the log
names it and counts what waits. `docs/runbooks/alerts.md` says what each message means. Skipped: nothing waits.

**Owner.** Locked: a schedule starts it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.stage import stage

every_ten_minutes = "*/10 * * * *"


def deliver(spec: ModelSpec) -> None:
    @dag(**dag_arguments("deliver", spec), schedule=every_ten_minutes, doc_md=__doc__)
    def flow() -> None:
        # Its own failure would be one more message that waits for it, every ten minutes.
        @stage(on_failure_callback=None)
        def deliver() -> Any:
            from windtunnel.stages.deliver import deliver

            return deliver(spec.name)

        deliver()

    flow()


for _spec in model_specs():
    deliver(_spec)
