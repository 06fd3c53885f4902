"""Who may look: the one module that knows Airflow's authorisation, which is no public API of Airflow.

Airflow protects no application of a plugin. Here every route hangs on `signed_in`, and what concerns one model hangs on
the right to read the DAG that makes it. Where Airflow's functions are not where they were, this module cannot be
imported, and the plugin mounts no page at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user, requires_access_view
from fastapi import Depends, HTTPException, Request

Part = Literal["model", "dossier", "drift", "data"]

DAG_OF: dict[Part, str] = {"model": "train", "dossier": "shadow", "drift": "monitor", "data": "ingest"}
"""What a page shows -> the stage that makes it: who may read that DAG may see the page."""


def signed_in(request: Request, user: Annotated[Any, Depends(get_user)]) -> Any:
    """The person of the request's token or cookie, who may see Airflow's web site.

    Raises:
        HTTPException: 401 for nobody, 403 for somebody without that right.
    """
    requires_access_view(AccessView.WEBSITE)(request, user)
    request.state.windtunnel_user = user
    return user


def may_read(request: Request, dag_id: str) -> bool:
    """Whether the person may read a DAG."""
    return get_auth_manager().is_authorized_dag(
        method="GET", details=DagDetails(id=dag_id), user=request.state.windtunnel_user
    )


def may_answer(request: Request, dag_id: str) -> bool:
    """Whether the person may answer the questions of a DAG."""
    return get_auth_manager().is_authorized_dag(
        method="PUT",
        access_entity=DagAccessEntity.HITL_DETAIL,
        details=DagDetails(id=dag_id),
        user=request.state.windtunnel_user,
    )


def readable_dags(request: Request) -> set[str]:
    """Ids of the DAGs that the person may read."""
    return get_auth_manager().get_authorized_dag_ids(user=request.state.windtunnel_user)


def of(part: Part) -> Callable[..., None]:
    """A dependency of a route with `{model}` in its path: the person may read the DAG that makes this part of it.

    A model that the person may not read and one that does not exist are the same to them: 404.
    """

    def check(request: Request, model: str, _: Annotated[Any, Depends(signed_in)] = None) -> None:
        if not may_read(request, f"{model}_{DAG_OF[part]}"):
            raise HTTPException(404, f"There is no model `{model}` that you may see.")

    return check
