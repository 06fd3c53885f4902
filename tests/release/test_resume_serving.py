"""A rehearsal and a rollout that lost their Airflow half-way, on an endpoint that really serves: another run ends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests import evidence, flown
from tests.release import released
from tests.release.dossiers import put
from tests.release.test_resume import YES, found, same
from windtunnel.aws import endpoint, ledger, objects, staging
from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import staging_name
from windtunnel.core.contracts import ApprovedVersion, RegisteredVersion
from windtunnel.stages.approve import approve
from windtunnel.stages.begin import begin
from windtunnel.stages.enter import enter
from windtunnel.stages.rehearse import rehearse
from windtunnel.stages.resume import resume

pytestmark = pytest.mark.usefixtures("release_of_its_own", "patient")


def test_a_lost_rehearsal_and_a_lost_rollout_are_ended_by_another_run() -> None:
    made = flown.registered("good", reason="Lost.")
    enter(made, "shadow:lost")  # and here Airflow is gone
    rebuilt = found(made.version).made
    assert isinstance(rebuilt, RegisteredVersion)
    assert same(rebuilt, made)
    ledger.give_back(staging.take("flights", "shadow:lost"))  # its time is over
    enter(rebuilt, "shadow:again")
    endpoint.settled(staging_name("flights"))
    rehearsed = rehearse(rebuilt, "shadow:again")

    shadowed = evidence.shadowed(rehearsed=rehearsed)
    ledger.move("flights", made.version, "shadowed", by="shadow:again", why=shadowed.sentence)
    yes = approve(put(shadowed), YES)
    lost = begin(yes, "rollout:lost")
    released.start(lost)  # SageMaker has begun, and Airflow is gone
    one = found(made.version)
    assert (one.state, one.stage) == ("releasing", "rollout")
    assert isinstance(one.made, ApprovedVersion)
    assert same(one.made, yes)
    assert one.not_before is not None
    assert one.not_before > datetime.now(UTC) + timedelta(minutes=30), "as long as SageMaker may take"
    ledger.give_back(ledger.lease_of(lost))  # its time is over

    proof = released.release(one.made, "again")
    assert proof.version == made.version
    assert released.state(made.version) == "live"
    standing = resume("flights")
    assert (standing.live, standing.agrees, standing.differences, standing.waiting) == (made.version, True, (), ())

    bucket, key = objects.split(made.evaluated.model_data)
    client("s3").delete_object(Bucket=bucket, Key=key)
    later = flown.registered(
        "good", champion=ledger.live("flights"), reason="Found whatever the look at the endpoint says."
    )
    standing = resume("flights")
    assert (standing.agrees, [one.version for one in standing.waiting]) == (None, [later.version])
    assert standing.endpoint.startswith("It could not be looked at: ")

    flown.clear()
    standing = resume("flights")
    assert standing.agrees is False
    assert "is gone" in standing.endpoint
