"""Who may do what, as code: the roles beside Airflow's own, and the people of a local run.

Everyone is a Viewer. A right on runs, tasks or human answers takes effect only on DAGs that the role may also edit, and
edit is given per DAG, by `access_control`. The seams between DAGs are therefore the seams between people.
Roles must exist before a DAG that names them is parsed. docs/rights.md says what comes of it, call by call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride

Right = tuple[str, str]
"An action and what it is done to, in FAB's words."

ENGINEER = "DataEngineer"
SCIENTIST = "DataScientist"
REVIEWER = "Reviewer"

_OPEN_AIRFLOW: Right = ("can_read", "Website")

ROLES: Mapping[str, tuple[Right, ...]] = {
    ENGINEER: (
        _OPEN_AIRFLOW,
        ("can_create", "DAG Runs"),
        ("can_edit", "DAG Runs"),
        ("can_delete", "DAG Runs"),
        ("can_create", "Task Instances"),
        ("can_edit", "Task Instances"),
        ("can_create", "Backfills"),
        ("can_edit", "Backfills"),
    ),
    SCIENTIST: (_OPEN_AIRFLOW,),
    REVIEWER: (
        _OPEN_AIRFLOW,
        ("can_read", "HITL Detail"),
        ("can_edit", "HITL Detail"),
        ("menu_access", "HITL Detail"),  # *Required Actions* in the navigation
    ),
}
"Our roles: exactly these rights, beside those on single DAGs that `ACCESS` gives."

GRANTED: Mapping[str, tuple[Right, ...]] = {"Viewer": (("can_read", "Plugins"),)}
"Rights that a role of Airflow's own lacks: without this one its UI shows the pages of a plugin to Admin and Op alone."

_MAY_RUN = {"DAGs": {"can_read", "can_edit"}, "DAG Runs": {"can_read", "can_create"}}
_MAY_ANSWER = {"DAGs": {"can_read", "can_edit"}}

ACCESS: Mapping[str, dict[str, dict[str, set[str]]]] = {
    "ingest": {ENGINEER: _MAY_RUN},
    "retrain": {SCIENTIST: _MAY_RUN},
    "approve": {REVIEWER: _MAY_ANSWER},
}
"Rights beyond reading, per stage. A stage that is not here is locked: only Admin may start, stop or edit it."


def access_control(stage: str) -> dict[str, dict[str, set[str]]]:
    """What a DAG of a stage says of itself; a locked one that nobody may edit it.

    An empty answer makes Airflow take away, at each parse, what somebody gave by hand; None would leave it.
    """
    return ACCESS.get(stage, {})


def superfluous(role: str, rights: Iterable[Right]) -> set[Right]:
    """Those of a role's rights that it must not have: all but its own, and those that its DAGs give it."""
    return {right for right in rights if right not in ROLES[role] and not _given_by_a_dag(role, right)}


def _given_by_a_dag(role: str, right: Right) -> bool:
    action, resource = right
    kind, colon, dag = resource.partition(":")
    stage = dag.rpartition("_")[2]
    return bool(colon) and action in ACCESS.get(stage, {}).get(role, {}).get(f"{kind}s", set())


class Person(NamedTuple):
    """Someone who may log in on the laptop."""

    first_name: str
    last_name: str
    roles: tuple[str, ...]


PEOPLE: Mapping[str, Person] = {
    "admin": Person("Ada", "Admin", ("Admin",)),
    "dana": Person("Dana", "Data-Engineer", ("Viewer", ENGINEER)),
    "sam": Person("Sam", "Data-Scientist", ("Viewer", SCIENTIST)),
    "rita": Person("Rita", "Reviewer", ("Viewer", REVIEWER)),
    "vic": Person("Vic", "Viewer", ("Viewer",)),
}


def sync(passwords: Mapping[str, str]) -> None:
    """Bring roles and people of the metadata database to what stands above; a second call changes nothing.

    Args:
        passwords: User name to password, for the people to create or update; none on MWAA, where IAM says who one is.
    """
    with _security_manager() as manager:
        manager.sync_roles()
        for role, rights in {**ROLES, **GRANTED}.items():
            _sync_role(manager, role, rights)
        for name, password in passwords.items():
            _sync_person(manager, name, PEOPLE[name], password)


@contextmanager
def _security_manager() -> Iterator[FabAirflowSecurityManagerOverride]:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    @providers_configuration_loaded
    def loaded() -> None:
        """FAB's own settings, such as its session backend, are part of the provider."""

    loaded()
    with get_application_builder() as builder:
        builder.add_permissions(update_perms=True)  # type: ignore[no-untyped-call]
        yield builder.sm


def _sync_role(manager: FabAirflowSecurityManagerOverride, name: str, wanted: tuple[Right, ...]) -> None:
    role = manager.add_role(name)
    held = {(held.action.name, held.resource.name): held for held in role.permissions}
    for right in superfluous(name, held) if name in ROLES else ():
        manager.remove_permission_from_role(role, held[right])
    for action, resource in wanted:
        manager.add_permission_to_role(role, manager.create_permission(action, resource))


def _sync_person(manager: FabAirflowSecurityManagerOverride, name: str, person: Person, password: str) -> None:
    roles = [manager.add_role(role) for role in person.roles]
    user = manager.find_user(username=name)
    if user is None:
        email = f"{name}@windtunnel.invalid"
        manager.add_user(name, person.first_name, person.last_name, email, role=roles, password=password)
        return
    user.roles = roles
    manager.update_user(user)
    if not manager.check_password(name, password):
        manager.reset_password(user.id, password)
