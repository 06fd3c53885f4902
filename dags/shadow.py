"""# shadow: registered version -> rehearsed on staging -> beside the champion as its shadow -> dossier

**What.** Serves the version where nobody asks it but us; then gives it a copy of every live request, while the champion
alone answers. Compares their errors, latency, answers and, on labels that have come, accuracy; writes the dossier.

**Reads.** The version of the event `registered:<model>`, the live endpoint's captures and metrics, the newest labels.

**Writes.** The staging endpoint and the live one's shadow, both only while it runs; `rehearsals/`, `shadows/`, the
dossier, the ledger, an event of `dossier:<model>`.

**When it fails.** `ModelRejected`: a check failed, the report says which; the champion serves as before. Anything else:
mend the cause and clear from `enter`; what stands is adopted. A first release has no shadow: `mirror` is skipped.

**Owner.** Locked: a registered version starts it, nobody stops it.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import TriggerRule, dag

from windtunnel.core.catalog import model_specs
from windtunnel.core.contracts import Mirrored, RegisteredVersion, Rehearsed, Shadowed
from windtunnel.core.spec import ModelSpec
from windtunnel.orchestration import assets, links, showing, trigger
from windtunnel.orchestration.defaults import dag_arguments
from windtunnel.orchestration.mirroring import Mirroring, Settled
from windtunnel.orchestration.stage import stage

PATIENT: dict[str, Any] = {"retries": 12}
"""A release or a drill that is under way ends within the hour that these tries take."""


def shadow(spec: ModelSpec) -> None:
    version = links.Version(spec.name)

    @dag(**dag_arguments("shadow", spec), schedule=assets.registered(spec.name), doc_md=__doc__)
    def flow() -> None:
        @stage(multiple_outputs=True, **PATIENT)
        def enter() -> Any:
            from windtunnel.stages.enter import enter

            registered = RegisteredVersion.from_json(trigger.newest(assets.registered(spec.name)))
            return {"registered": registered, "endpoint": enter(registered, trigger.owner("shadow"))}

        @stage(link=version, **PATIENT)
        def rehearse(registered: dict[str, Any]) -> Any:
            from windtunnel.stages.rehearse import rehearse

            return rehearse(RegisteredVersion.from_json(registered), trigger.owner("shadow"))

        @stage(**PATIENT)
        def mirror(rehearsed: dict[str, Any]) -> Any:
            from windtunnel.stages.mirror import mirror

            return mirror(Rehearsed.from_json(rehearsed), trigger.owner("shadow"))

        # Whatever became of the wait, the shadow comes off.
        @stage(trigger_rule=TriggerRule.ALL_DONE, **PATIENT)
        def withdraw(mirrored: dict[str, Any] | None) -> Any:
            from windtunnel.stages.withdraw import withdraw

            return mirrored and withdraw(Mirrored.from_json(mirrored))

        @stage(trigger_rule=TriggerRule.NONE_FAILED, link=version)
        def judge(rehearsed: dict[str, Any], mirrored: dict[str, Any] | None) -> Any:
            from windtunnel.stages.judge import judge

            return judge(Rehearsed.from_json(rehearsed), Mirrored.optional(mirrored), trigger.owner("shadow"))

        @stage(outlets=[assets.dossier(spec.name)], link=links.Dossier(spec.name))
        def document(shadowed: dict[str, Any]) -> Any:
            from windtunnel.stages.document import document

            return document(Shadowed.from_json(shadowed))

        entered = enter()
        ready = Settled(task_id="ready", endpoint=entered["endpoint"])
        rehearsed = rehearse(entered["registered"])
        mirrored = mirror(rehearsed)
        wait = Mirroring(task_id="wait", mirrored=mirrored, requests=spec.shadow.requests)
        withdrawing = withdraw(mirrored)
        withdrawn = Settled(task_id="withdrawn", endpoint=withdrawing)
        judged = judge(rehearsed, wait.output)
        ready >> rehearsed >> mirrored >> wait >> withdrawing >> withdrawn >> judged >> document(judged)
        showing.show(spec.name)

    flow()


for _spec in model_specs():
    shadow(_spec)
