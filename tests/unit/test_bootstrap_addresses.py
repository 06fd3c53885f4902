"""What `make up` says at its end: the passwords once, when they were made."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.keys import new_passwords
from local.place import Place, place
from local.services import addresses

PEOPLE = ("admin", "rita")


@pytest.fixture
def where(tmp_path: Path) -> Place:
    return place({"WINDTUNNEL_HOME": str(tmp_path)})


def test_passwords_are_told_once_and_then_where_they_are_kept(where: Place) -> None:
    made = new_passwords(where.home, PEOPLE)
    first, *later = [addresses(where) for _ in range(3)]
    assert all(f"{person:<8} {password}" in first for person, password in made.items())
    for text in later:
        assert not any(password in text for password in made.values())
        assert f"log in as     admin, rita; passwords are in {where.home / 'passwords.json'}" in text
    assert all(where.web_url in text for text in (first, *later))


def test_passwords_that_were_made_anew_are_told_again(where: Place) -> None:
    new_passwords(where.home, PEOPLE)
    addresses(where)
    (where.home / "passwords.json").unlink()
    made = new_passwords(where.home, PEOPLE)
    told = addresses(where)
    assert all(password in told for password in made.values())
