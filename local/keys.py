"""Secrets and passwords of a local run: made once, kept in the state folder, readable by its owner alone."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Callable, Iterable

from local.fault import LocalFault


def keys(home: Path) -> dict[str, str]:
    """Airflow's three secrets. Fixed, because its services start one by one and must agree."""
    return _kept(
        home / "secrets.json",
        lambda: {
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "jwt_secret": secrets.token_urlsafe(48),
            "secret_key": secrets.token_urlsafe(48),
        },
    )


def store_passwords(home: Path) -> dict[str, str]:
    """Passwords of PostgreSQL and Redis of a cluster."""
    return _kept(home / "stores.json", lambda: {store: secrets.token_urlsafe(24) for store in ("postgres", "redis")})


def new_passwords(home: Path, people: Iterable[str]) -> dict[str, str]:
    """User name to password of these people; made if there are none yet."""
    return _kept(home / "passwords.json", lambda: {person: secrets.token_urlsafe(12) for person in people})


def passwords(home: Path) -> dict[str, str]:
    """User name to password of the people of a place that has been set up.

    Raises:
        LocalFault: It has not been set up.
    """
    path = home / "passwords.json"
    if not path.exists():
        raise LocalFault(f"`{path}` does not exist, so nobody can sign in yet. Run `make up`, which makes it.")
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _kept(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=str(path.parent), encoding="utf-8") as fresh:  # mode 0600
            json.dump(make(), fresh, indent=2)
            fresh.flush()
            with contextlib.suppress(FileExistsError):  # the first of two starters wins, the other reads what it wrote
                os.link(fresh.name, str(path))
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found
