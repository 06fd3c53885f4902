"""Our roles on any Airflow with FAB, brought to what `people.py` says through FAB's own REST API; on MWAA the only way in.

FAB 3.8 adds rights to a role and takes none away. A role that has too many is therefore made anew: the old one steps
aside under another name, its people and the rights that its DAGs gave it move over, and it is deleted. At no moment
does anyone lose a right they should have, and a run that was cut off is finished by the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from windtunnel.orchestration.people import GRANTED, ROLES, Right, superfluous
from windtunnel.orchestration.rest import Rest, connected

_ASIDE = " (replaced by windtunnel)"
_PAGE = 100


class Change(NamedTuple):
    """What was changed of a role."""

    role: str
    change: str
    rights: tuple[Right, ...]


def sync(airflow: str, token: str) -> list[Change]:
    """Make the roles of `people.py` on an Airflow exactly what stands there; a second call changes nothing.

    Roles of Airflow's own only gain what `GRANTED` names; no other role is looked at.

    Args:
        airflow: Address of its UI.
        token: Bearer token of somebody who may edit roles.

    Returns:
        What was changed, in order.

    Raises:
        RightMissing: There is no token, or it is unknown, or its owner may not edit roles.
        ServiceUnavailable: Airflow did not answer, or not as FAB does.
    """
    with connected(airflow, token, "/auth/fab/v1", "edit roles") as rest:
        fab = _Fab(rest)
        changes = [change for role, rights in ROLES.items() for change in _exactly(fab, role, rights)]
        return changes + [change for role, rights in GRANTED.items() for change in _at_least(fab, role, rights)]


def _exactly(fab: _Fab, role: str, wanted: tuple[Right, ...]) -> list[Change]:
    held, aside = fab.rights(role), fab.rights(role + _ASIDE)
    if held is None and aside is None:
        fab.create(role, wanted)
        return [Change(role, "made", wanted)]
    old = (aside or set()) if held is None else held
    surplus = superfluous(role, old)
    if held is not None and not surplus:
        if aside is not None:
            _retire(fab, role)
        return _at_least(fab, role, wanted)
    if held is not None:
        fab.rename(role, role + _ASIDE)
    fab.create(role, {*wanted, *old} - surplus)
    _retire(fab, role)
    missing = _without(wanted, old)
    return [
        *([Change(role, "taken away", tuple(sorted(surplus)))] if surplus else []),
        *([Change(role, "given", missing)] if missing else []),
    ]


def _at_least(fab: _Fab, role: str, wanted: tuple[Right, ...]) -> list[Change]:
    missing = _without(wanted, fab.rights(role) or set())
    if not missing:
        return []
    fab.add(role, missing)
    return [Change(role, "given", missing)]


def _retire(fab: _Fab, role: str) -> None:
    """Move the people of the role that stepped aside, then delete it."""
    aside = role + _ASIDE
    for user, roles in fab.users():
        if aside in roles:
            fab.assign(user, [*(name for name in roles if name not in (aside, role)), role])
    fab.delete(aside)


def _without(wanted: Iterable[Right], held: set[Right]) -> tuple[Right, ...]:
    return tuple(right for right in wanted if right not in held)


class _Fab:
    """FAB's REST API, as far as roles need it."""

    def __init__(self, rest: Rest) -> None:
        self._ask = rest.ask

    def rights(self, role: str) -> set[Right] | None:
        """The rights of a role; None if there is no such role."""
        found = self._ask("GET", f"/roles/{role}", missing="does not exist")
        return found and {(right["action"]["name"], right["resource"]["name"]) for right in found["actions"]}

    def create(self, role: str, rights: Iterable[Right]) -> None:
        self._ask("POST", "/roles", _body(role, rights))

    def add(self, role: str, rights: Iterable[Right]) -> None:
        self._ask("PATCH", f"/roles/{role}", _body(role, rights))

    def rename(self, role: str, name: str) -> None:
        self._ask("PATCH", f"/roles/{role}?update_mask=name", _body(name, ()))

    def delete(self, role: str) -> None:
        self._ask("DELETE", f"/roles/{role}")

    def users(self) -> Iterable[tuple[str, list[str]]]:
        """Each user's name and roles."""
        found: list[dict[str, Any]] = []
        while page := self._ask("GET", f"/users?limit={_PAGE}&offset={len(found)}")["users"]:
            found += page
        return [(user["username"], [role["name"] for role in user["roles"]]) for user in found]

    def assign(self, user: str, roles: list[str]) -> None:
        body = {"roles": [{"name": name} for name in roles]}
        self._ask("PATCH", f"/users/{user}?update_mask=roles", body)


def _body(role: str, rights: Iterable[Right]) -> dict[str, Any]:
    return {
        "name": role,
        "actions": [{"action": {"name": action}, "resource": {"name": resource}} for action, resource in rights],
    }
