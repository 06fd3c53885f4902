"""Secrets and passwords of a local run: made once, kept in the state folder, readable by its owner alone."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path
from typing import Callable, Dict, Iterable


def keys(home: Path) -> Dict[str, str]:
    """Airflow's three secrets. Fixed, because its services start one by one and must agree."""
    return _kept(
        home / "secrets.json",
        lambda: {
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "jwt_secret": secrets.token_urlsafe(48),
            "secret_key": secrets.token_urlsafe(48),
        },
    )


def passwords(home: Path, people: Iterable[str] = ()) -> Dict[str, str]:
    """User name to password of the people of a local run; made for those named if there are none yet."""
    return _kept(home / "passwords.json", lambda: {person: secrets.token_urlsafe(12) for person in people})


def _kept(path: Path, make: Callable[[], Dict[str, str]]) -> Dict[str, str]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name("{}.{}".format(path.name, os.getpid()))
        with open(os.open(str(fresh), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(make(), file, indent=2)
        try:
            os.link(str(fresh), str(path))  # the first of two starters wins, the other reads what it wrote
        except FileExistsError:
            pass
        fresh.unlink()
    return json.loads(path.read_text(encoding="utf-8"))
