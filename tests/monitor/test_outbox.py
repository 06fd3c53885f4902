"""No message is lost and none is doubled, whatever the channels do; what may have arrived says so when it comes again."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.forked import Child
from tests.monitor import wires
from tests.monitor.wires import BEHAVIOURS, KNOWN, Behaviour, Wire
from tests.release.conftest import misbehave
from windtunnel.__main__ import main
from windtunnel.aws import channels as aws_channels
from windtunnel.aws import outbox
from windtunnel.aws.channels import Said
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Alert
from windtunnel.core.settings import settings as our_settings
from windtunnel.stages.alert import tell
from windtunnel.stages.deliver import deliver

__all__ = ["misbehave"]
QUICK = [how for how in BEHAVIOURS if how != "slow"]


class Channels(NamedTuple):
    """Both channels, and what people see in them."""

    slack: Wire
    shown: list[str]
    sns: Wire
    given: list[str]


@pytest.fixture
def channels(aws_url: str, lake_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Channels]:
    """An outbox of its own, with both channels."""
    del lake_of_its_own
    name = f"alerts-{uuid.uuid4().hex[:8]}"
    with wires.slack() as (slack, shown), wires.sns(aws_url) as (sns, given_):
        monkeypatch.setenv("WINDTUNNEL_ALERT_TOPIC", name)
        monkeypatch.setenv("WINDTUNNEL_SLACK_SECRET", name)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", sns.url)
        our_settings.cache_clear()
        monkeypatch.setattr(outbox, "PAUSE", timedelta())
        client("secretsmanager").create_secret(Name=name, SecretString=f"{slack.url}/services/T0/B0/secret\n")
        yield Channels(slack, shown, sns, given_)


def message(key: str = "verdict/V1.0.0/2013-02/watch", model: str = "flights") -> Alert:
    return Alert(model=model, key=key, severity="page", title=f"{model}: {key}", text="It is so.", link="http://air/1")


def copies(seen: list[str], key: str) -> list[str]:
    return [text for text in seen if f": {key}" in text.partition("\n")[0]]


def test_a_message_reaches_each_channel_once_however_often_it_is_told(channels: Channels) -> None:
    assert tell(message()).sent == 2
    for _ in range(3):
        assert (tell(message()).sent, tell(message()).waiting) == (0, 0)
    assert deliver("flights") is None
    assert len(channels.shown) == len(channels.given) == 1


def test_a_person_lists_what_was_told_and_whom_it_has_not_reached(
    channels: Channels, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outbox.told("flights") == []
    tell(message("first"))
    channels.slack.down()
    tell(message("second"))
    assert main(["alerts", "flights"]) == 0
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["told_at", "severity", "title", "waiting", "link"]
    assert first.split()[2:] == ["page", "flights:", "first", "-", "http://air/1"]
    assert second.split()[2:] == ["page", "flights:", "second", "slack", "http://air/1"]


@pytest.mark.parametrize("how", BEHAVIOURS)
def test_a_channel_that_fails_keeps_its_message_and_holds_up_no_other(
    channels: Channels, how: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "dead":
        channels.slack.down()
    else:
        channels.slack.next.append(how)
    with monkeypatch.context() as patience:
        if how == "slow":
            patience.setattr(aws_channels, "SEND_SECONDS", wires.SLOW_SECONDS / 2)
        first = tell(message())
    channels.slack.up()
    assert len(channels.given) == 1
    assert (first.sent, first.waiting) == ((2, 0) if how == "take" else (1, 1))
    deliver("flights")
    assert outbox.waiting("flights") == []
    assert len(channels.given) == 1
    twice = how in {"drop", "gateway", "slow"}
    assert len(channels.shown) == 1 + twice
    assert ("may have reached you before" in channels.shown[-1]) == (how not in KNOWN)
    assert channels.shown[-1].startswith("*Again: ") == (how not in KNOWN)


@settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", ""]), st.sampled_from(QUICK), st.sampled_from(QUICK)),
        min_size=1,
        max_size=8,
    )
)
def test_no_schedule_of_faults_loses_or_doubles_a_message(
    channels: Channels, schedule: list[tuple[str, Behaviour, Behaviour]]
) -> None:
    model, told = f"m{uuid.uuid4().hex[:8]}", set()
    seen = ((channels.slack, channels.shown), (channels.sns, channels.given))
    for wire, texts in seen:
        texts.clear()
        wire.done.clear()
    for key, *behaviours in schedule:
        for (wire, _), how in zip(seen, behaviours, strict=True):
            wire.next.clear()
            if how == "dead":
                wire.down()
            else:
                wire.next.append(how)
        if key:
            tell(message(key, model))  # raises nothing, whatever the channels do
            told.add(key)
        else:
            deliver(model)
        for wire, _ in seen:
            wire.up()
    for wire, _ in seen:
        wire.next.clear()
    deliver(model)
    assert outbox.waiting(model) == []
    for wire, texts in seen:
        unknown = sum(how not in KNOWN for how in wire.done)
        assert len(texts) <= len(told) + unknown
        for key in told:
            first, *again = copies(texts, key)
            assert all("may have reached you before" in text for text in again), "a repeat says that it is one"
            assert unknown or not again, "without a lost answer nothing comes twice"
            assert unknown or "may have reached you before" not in first


def test_many_deliveries_at_once_send_each_message_once(channels: Channels) -> None:
    channels.slack.down()
    channels.sns.next.extend(["broken"] * 12)
    for at in range(12):
        assert tell(message(f"k{at}")).sent == 0
    channels.slack.up()
    channels.sns.next.clear()
    with ThreadPoolExecutor(4) as pool:
        done = [one.result() for one in [pool.submit(deliver, "flights") for _ in range(4)]]
    assert sum(one.sent for one in done if one) == 24
    for texts in (channels.shown, channels.given):
        assert sorted(text.partition("\n")[0].strip("*") for text in texts) == sorted(
            f"flights: k{at}" for at in range(12)
        )


def test_two_that_tell_the_same_at_once_tell_it_once(channels: Channels) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: tell(message()), range(6)))
    deliver("flights")
    assert len(channels.shown) == len(channels.given) == 1


def test_a_lost_reply_of_the_store_changes_nothing(
    channels: Channels, misbehave: Callable[..., Callable[[], int]]
) -> None:
    struck = misbehave(kind="drop_reply", operation="dynamodb:TransactWriteItems", times=2)
    assert tell(message()).sent == 2
    assert struck() == 2
    assert len(channels.shown) == len(channels.given) == 1


MARKS = [f"{when}:outbox.{verb}" for verb in ("put", "claim", "send", "settle") for when in ("before", "after")]


@pytest.mark.parametrize("mark", [*MARKS, "before:alert.topic", "after:alert.topic"])
def test_who_is_killed_on_the_way_loses_nothing(channels: Channels, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "CLAIM_SECONDS", 0)
    with Child(lambda: tell(message()), kill_at=mark) as child:
        child.killed()
    tell(message())
    deliver("flights")
    assert outbox.waiting("flights") == []
    for texts in (channels.shown, channels.given):
        _, *again = texts
        assert len(again) <= (mark in {"after:outbox.send", "before:outbox.settle"})
        assert all("may have reached you before" in text for text in again)


def test_a_claim_is_left_alone_until_it_runs_out(channels: Channels) -> None:
    with Child(lambda: tell(message()), kill_at="before:outbox.send") as child:
        child.killed()
    assert tell(message()).waiting == 1, "the one that was claimed; the other channel's was sent"
    assert len(channels.given) + len(channels.shown) == 1
    (claimed,) = outbox.waiting("flights")
    left = datetime.fromisoformat(claimed.until) - datetime.now(UTC)
    assert timedelta() < left <= timedelta(seconds=outbox.CLAIM_SECONDS)


def test_repeats_of_what_may_have_arrived_become_rare(channels: Channels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAUSE", timedelta(minutes=10))
    channels.slack.next.append("drop")
    tell(message())
    assert deliver("flights"), "it waits"
    assert len(channels.shown) == 1, "not before its pause is over"
    pauses = [timedelta(minutes=10) * 2**lost for lost in range(12)]
    one = outbox.waiting("flights")[0]
    for lost, pause in enumerate(pauses):
        freed = outbox._freed(replace(one, lost=lost), Said("unknown", ""))
        left = datetime.fromisoformat(freed.until) - datetime.now(UTC)
        assert min(pause, timedelta(days=1)) - timedelta(seconds=2) < left <= min(pause, timedelta(days=1))


def test_a_message_that_is_always_refused_holds_up_no_other(channels: Channels) -> None:
    channels.slack.next.append("broken")
    tell(message("poison"))
    for at in range(3):
        # The channel is away for whatever comes first, and what was tried least comes first.
        channels.slack.next.extend(["take", "broken"])
        tell(message(f"k{at}"))
    assert [text.partition("\n")[0] for text in channels.shown] == [f"*flights: k{at}*" for at in range(3)]
    assert [one.alert.key for one in outbox.waiting("flights")] == ["poison"]


def test_a_closed_channel_says_what_to_do_and_keeps_its_messages(
    channels: Channels, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    channels.slack.next.append("broken")
    tell(message())
    monkeypatch.setenv("WINDTUNNEL_SLACK_SECRET", "")
    our_settings.cache_clear()
    delivered = deliver("flights")
    assert delivered is not None
    assert (delivered.sent, delivered.waiting) == (0, 1)
    assert "Messages wait for `slack`" in caplog.text
    assert "docs/settings.md" in caplog.text


def test_the_address_of_slack_is_in_no_log(channels: Channels, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpcore").setLevel(logging.DEBUG)
    logging.getLogger("httpx").setLevel(logging.INFO)
    for how in QUICK[1:-1]:
        channels.slack.next.append(how)
        tell(message(how))
    channels.slack.down()
    tell(message("dead"))
    assert "T0/B0" not in caplog.text
