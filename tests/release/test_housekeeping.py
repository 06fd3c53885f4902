"""Orphans against the embedded AWS: what nobody needs is listed, removed only when told, and nothing else ever is."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import candidate
from tests.release.in_airflow import run_dag
from tests.release.made import IMAGE
from windtunnel.__main__ import main
from windtunnel.aws import deployment, endpoint, ledger, objects, staging
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Champion, Orphan, RegisteredVersion, Release
from windtunnel.core.errors import LeaseHeld
from windtunnel.core.settings import settings
from windtunnel.core.version import Version
from windtunnel.core.workkey import work_key
from windtunnel.stages.drill import drill
from windtunnel.stages.sweep import sweep

AT_ONCE = timedelta(0)
WAY: tuple[Any, ...] = ("registered", "rehearsed", "awaiting-approval", "approved")


pytestmark = pytest.mark.usefixtures("lake_of_its_own", "nothing_left_behind")


@pytest.fixture
def nothing_left_behind() -> Iterator[None]:
    yield
    for name in names("list_endpoints", "Endpoints", "EndpointName"):
        endpoint.settled(name)
        endpoint.remove(name)
    for name in names("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"):
        client("sagemaker").delete_endpoint_config(EndpointConfigName=name)
    for name in names("list_models", "Models", "ModelName"):
        client("sagemaker").delete_model(ModelName=name)


def names(operation: Any, member: str, name: str) -> set[str]:
    """Everything that stands there and has the model in its name."""
    pages = client("sagemaker").get_paginator(operation).paginate(NameContains="flights")
    return {found[name] for page in pages for found in page[member]}


def version(reason: str) -> RegisteredVersion:
    key = work_key(reason=reason, bucket=settings().bucket)
    plan = candidate.plan(reason=reason, work_key=key)
    gated = candidate.gated(evaluated=candidate.evaluated(plan=plan))
    return candidate.registered(version=ledger.allocate(gated), evaluated=gated.evaluated)


def resources(bodies: dict[str, Any]) -> str:
    """A model of the test image and a config, under the names of a version; answers with the config's."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        body = b'{"weight": 1.0, "bias": 0.0}'
        member = tarfile.TarInfo("model.json")
        member.size = len(body)
        tar.addfile(member, io.BytesIO(body))
    data = objects.put(settings().uri("model.tar.gz"), archive.getvalue(), content_type="application/gzip")
    endpoint.prepare({**bodies, "Model": {**bodies["Model"], "Containers": [{"Image": IMAGE, "ModelDataUrl": data}]}})
    return str(bodies["EndpointConfig"]["EndpointConfigName"])


def serve(name: str, config: str) -> None:
    endpoint.turn({"EndpointName": name, "EndpointConfigName": config}, fence=lambda: None)
    assert endpoint.settled(name)["EndpointStatus"] == "InService"


def in_service(reason: str, previous: Champion | None) -> Champion:
    """A version that went the whole way in the ledger, its model and its config."""
    made = version(reason)
    config = resources(deployment.deployment(made))
    for state in WAY:
        ledger.move("flights", made.version, state, by="rita", why=reason)
    lease = ledger.take("flights", f"rollout:{made.version}")
    ledger.move("flights", made.version, "releasing", by="rita", why=reason, lease=lease)
    release = Release(
        registered=made,
        previous=previous,
        owner=lease.owner,
        epoch=lease.epoch,
        endpoint_config=config,
        by="rita",
        why=reason,
    )
    ledger.go_live(release, candidate.proof(made, config))
    ledger.give_back(lease)
    found = ledger.live("flights")
    assert found is not None
    return found


def slug(champion: Champion) -> str:
    return f"flights-{Version.parse(champion.version).slug}-"


def shown(orphans: tuple[Orphan, ...]) -> list[tuple[str, str]]:
    return [(orphan.kind, orphan.name) for orphan in orphans]


def test_what_nobody_needs_is_removed_when_told_and_nothing_else() -> None:
    old = in_service("The first.", None)
    good = in_service("The second.", old)
    live = in_service("The third.", good)
    serve(endpoint.endpoint_name("flights"), live.endpoint_config)
    rehearsed = version("A rehearsal that nobody took down.")
    left = resources(deployment.staging(rehearsed))
    serve(endpoint.staging_name("flights"), left)
    # Names as ours, for a version that only another ledger knows.
    other = resources(deployment.deployment(candidate.registered(version="V9.9.9")))

    assert sweep("flights", "sweep:1").orphans == (), "what is young may be adopted"

    listed = sweep("flights", "sweep:1", grace=AT_ONCE)
    assert not listed.removed
    kinds = [orphan.kind for orphan in listed.orphans]
    assert kinds == ["endpoint", "endpoint-config", "endpoint-config", "model", "model"]
    staging_slug = f"flights-{Version.parse(rehearsed.version).slug}-"
    for orphan in listed.orphans[1:]:
        assert orphan.name.startswith((slug(old), staging_slug))
        assert orphan.usd_per_hour == 0
    assert listed.orphans[0].name == endpoint.staging_name("flights")
    assert listed.orphans[0].usd_per_hour == pytest.approx(0.115)
    assert "5 orphans, nothing was removed: 0.12 USD per hour" in listed.sentence
    assert endpoint.describe("flights", name=endpoint.staging_name("flights"))

    removed = sweep("flights", "sweep:2", remove=True, grace=AT_ONCE)
    assert shown(removed.orphans) == shown(listed.orphans)
    assert sweep("flights", "sweep:3", remove=True, grace=AT_ONCE).orphans == ()
    assert names("list_endpoints", "Endpoints", "EndpointName") == {endpoint.endpoint_name("flights")}
    configs = names("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName")
    assert configs == {good.endpoint_config, live.endpoint_config, other}
    assert len(names("list_models", "Models", "ModelName")) == 3


def test_a_live_endpoint_that_nobody_recorded_is_listed_with_its_price_and_a_changing_one_is_not() -> None:
    made = version("A first release that was never proved.")
    serve(endpoint.endpoint_name("flights"), resources(deployment.deployment(made)))
    assert shown(sweep("flights", "sweep:1", grace=AT_ONCE).orphans)[0] == ("endpoint", "windtunnel-flights")
    client("sagemaker").delete_endpoint(EndpointName="windtunnel-flights")
    listed = sweep("flights", "sweep:1", grace=AT_ONCE).orphans
    assert "endpoint" not in [orphan.kind for orphan in listed], "it is ending already"
    client("sagemaker").get_waiter("endpoint_deleted").wait(
        EndpointName="windtunnel-flights", WaiterConfig={"Delay": 1}
    )


@pytest.mark.parametrize("held", ["flights", "windtunnel-flights-staging"])
def test_nothing_is_removed_while_someone_else_is_at_work(held: str) -> None:
    lost = version("Left behind.")
    resources(deployment.staging(lost))
    lease = ledger.take(held, "someone:else")
    with pytest.raises(LeaseHeld, match="someone:else"):
        sweep("flights", "sweep:1", remove=True, grace=AT_ONCE)
    ledger.give_back(lease)
    # Nothing is kept from the try that failed.
    ledger.give_back(ledger.take("flights", "rollout:1"))
    ledger.give_back(staging.take("flights", "shadow:1"))
    assert len(sweep("flights", "sweep:1", remove=True, grace=AT_ONCE).orphans) == 2


def test_a_drill_needs_a_way_back() -> None:
    assert drill("flights", "drill:1") is None
    in_service("The only one.", None)
    assert drill("flights", "drill:2") is None


def test_the_commands_list_orphans_and_drills(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["orphans", "flights"]) == 0
    assert capsys.readouterr().out == "none\n\nNo orphans.\n"
    assert main(["drills", "flights"]) == 0
    assert capsys.readouterr().out == "none\n"


def test_the_dag_skips_the_drill_without_a_way_back_and_sweeps_only_when_told(tmp_path: Path) -> None:
    made = version("A rehearsal that nobody took down.")
    resources(deployment.staging(made))
    ended, log = run_dag("housekeeping", {"remove": True}, tmp_path)
    idle = dict.fromkeys(("drill", "reconcile", "guard"), "skipped")
    assert ended["tasks"] == {**idle, "sweep": "success", "export": "success"}
    assert ended["made"]["sweep"]["removed"] is True
    assert ended["made"]["sweep"]["orphans"] == [], "they are minutes old"
    assert ended["made"]["export"] == {"entries": 1}
    assert "drill: nothing to do" in log
