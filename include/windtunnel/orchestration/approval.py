"""A question that a person answers with yes or no."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context

from windtunnel.core.contracts import Answer

ANSWER = "answer"
"""XCom key of the answer, a `contracts.Answer`."""


class Approval(ApprovalOperator):
    """Airflow's ApprovalOperator, whose no can be read by the tasks after it.

    After a no Airflow ends the task by skipping what stands behind it, and who answered never becomes its result.
    """

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer, then go on or skip."""
        if "responded_at" in event:
            answer = Answer(
                by=event["responded_by_user"]["name"],
                at=event["responded_at"],
                note=(event["params_input"] or {}).get("note") or "",
            )
            context["ti"].xcom_push(key=ANSWER, value=answer.to_json())
        return super().execute_complete(context, event)
