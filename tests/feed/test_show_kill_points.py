"""show, killed before and after each of its shared writes: the retry leaves what an undisturbed one does."""

from __future__ import annotations

import pytest

from tests.data.journey import drop, ingest, trip
from tests.feed import pages
from tests.forked import run, run_killed_everywhere
from tests.monitor.live_model import MARCH, SPEC, collected
from tests.release.test_kill_points import SHOWING, writes
from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.aws.feed import documents, lookup
from windtunnel.core.window import Window
from windtunnel.stages.show import show


def killed(model: str) -> set[str]:
    """Kill it everywhere; hold what the last retry leaves against what a first show leaves in an empty folder."""
    dead, ending = run_killed_everywhere(lambda: show(model))
    ending.result()
    disturbed, left = pages.standing(model), standing(model)
    for uri in left:
        bucket, key = objects.split(uri)
        client("s3").delete_object(Bucket=bucket, Key=key)
    run(lambda: show(model))
    assert pages.lasting(pages.standing(model)) == pages.lasting(disturbed)
    assert parts(standing(model)) == parts(left)
    return set(dead)


def standing(model: str) -> dict[str, bytes]:
    return {uri: objects.get(uri) for uri in objects.keys(documents.address(model, ""))}


def parts(found: dict[str, bytes]) -> dict[str, bytes]:
    """All but the two documents, which say when they were written."""
    return {uri: body for uri, body in found.items() if not uri.endswith(("/model.json", "/summary.json"))}


def test_show_survives_a_kill_at_every_mark(trips: str) -> None:
    drop("2020-01", [*(trip("2020-01", at) for at in range(10)), "b,2020-01-05,A1,many,5"])
    ingest(trips, Window.month("2020-01"))
    assert killed(trips) == marks() - {"before:feed.look-up", "after:feed.look-up"}


@pytest.mark.usefixtures("lake_of_its_own")
def test_the_look_up_survives_a_kill_at_every_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PART_ROWS", 20)
    collected(MARCH, rows=60)
    assert killed(SPEC.name) == marks() - {"before:feed.rejected", "after:feed.rejected"}


def marks() -> set[str]:
    showing = [name for name, _ in writes() if name.startswith(SHOWING)]
    assert len(showing) == 4
    return {f"{side}:{name}" for name in showing for side in ("before", "after")}
