"""Documents in SQLite: created once, changed in one step, counters that never go back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localaws.store import Store

pytestmark = pytest.mark.embedded
KEY = ("eu-west-1", "model", "m")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "documents.sqlite")
    yield opened
    opened.close()


def test_of_many_that_create_one_succeeds(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: store.create(*KEY, {"by": number}), range(40)))
    assert made.count(True) == 1
    assert store.get(*KEY)["by"] == made.index(True)  # type: ignore[index]


def test_changes_from_many_threads_are_all_kept(store: Store) -> None:
    store.create(*KEY, {"count": 0})
    with ThreadPoolExecutor(8) as threads:
        for _ in range(200):
            threads.submit(store.patch, *KEY, lambda document: {"count": document["count"] + 1})
    assert store.get(*KEY)["count"] == 200  # type: ignore[index]


def test_a_change_whose_condition_fails_writes_nothing(store: Store) -> None:
    store.create(*KEY, {"state": "Stopped"})
    before = store.get(*KEY)
    assert store.patch(*KEY, {"state": "Running"}, when=lambda document: document["state"] == "Ready") is None
    assert store.get(*KEY) == before


def test_a_change_that_raises_writes_nothing_and_leaves_the_store_usable(store: Store) -> None:
    store.create(*KEY, {"n": 1})

    def refuse(_: object) -> dict[str, object]:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        store.patch(*KEY, refuse)
    assert store.patch(*KEY, {"n": 2}) is not None
    assert store.get(*KEY)["n"] == 2  # type: ignore[index]


def test_regions_and_kinds_are_apart(store: Store) -> None:
    store.create(*KEY, {})
    assert store.create("us-east-1", "model", "m", {})
    assert store.create("eu-west-1", "endpoint", "m", {})
    assert len(store.all("eu-west-1", "model")) == 1
    assert [region for region, _, _ in store.everywhere("model")] == ["eu-west-1", "us-east-1"]


def test_a_counter_never_gives_a_value_twice(store: Store, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda _: store.next("eu-west-1", "flights"), range(50)))
    assert sorted(given) == list(range(1, 51))
    store.close()
    again = Store(tmp_path / "documents.sqlite")
    assert again.next("eu-west-1", "flights") == 51
    assert again.next("us-east-1", "flights") == 1
    again.close()


def test_what_was_deleted_is_returned_once(store: Store) -> None:
    store.create(*KEY, {"kept": "no"})
    assert store.delete(*KEY, when=lambda document: document["kept"] == "yes") is None
    assert store.delete(*KEY)["kept"] == "no"  # type: ignore[index]
    assert store.delete(*KEY) is None
