"""What people read: one message per incident and window, fit for a lock screen, with the word, the number and the link."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import looks
from tests.monitor import wires
from tests.monitor.subscriber import subscribe
from tests.release.in_airflow import run_dag
from windtunnel.aws import channels, clients, outbox
from windtunnel.aws.clients import client
from windtunnel.aws.ledger import table
from windtunnel.core.contracts import Alert, Finding, MonitoringReport, Verdict
from windtunnel.core.errors import ServiceUnavailable, SettingInvalid, WindtunnelError
from windtunnel.core.settings import settings
from windtunnel.orchestration import alerting
from windtunnel.stages.alert import alert, of_verdict, tell
from windtunnel.stages.deliver import deliver

LINK = "http://127.0.0.1:8080/dags/flights_monitor/runs/scheduled__2026-11-21"
GOOD = {"worse": False, "failed": (), "drifted": (), "drift": 0.4, "error": 18.0, "says": "quiet"}
BAD = {"failed": (), "says": "damage"}


def report(verdict: Verdict) -> MonitoringReport:
    address = {"html": "s3://windtunnel/reports/monitor/flights/2013-05-01_2013-05-08.html", "json": "s3://w/r.json"}
    return MonitoringReport(
        model=verdict.model,
        version=verdict.version,
        verdict=verdict.word,
        sentence=verdict.sentence,
        span=looks.MAY,
        predictions=1_200,
        labelled=1_180,
        labels_until=date(2013, 5, 7),
        reports={verdict.window.label: address},
    )


def said(word: str, *findings: dict[str, Any]) -> Verdict:
    weeks = list(looks.MAY.parts(7))[: len(findings)]
    found: tuple[Finding, ...] = tuple(
        looks.finding(window=window, **given) for window, given in zip(weeks, findings, strict=True)
    )
    return looks.verdict(word=word, window=weeks[-1], findings=found, sentence="It is so.")


@pytest.mark.parametrize(
    ("verdict", "severity", "title"),
    [
        (
            said("retrain", BAD, BAD),
            "warning",
            "flights V1.1.2: RETRAIN, RMSE 21 against 20.5, 2013-05-08..2013-05-15",
        ),
        (said("watch", GOOD, BAD), "info", "flights V1.1.2: WATCH, RMSE 21 against 20.5, 2013-05-08..2013-05-15"),
        (said("watch", GOOD, {}), "page", "flights V1.1.2: WATCH, failed answers, 2013-05-08..2013-05-15"),
        (
            said("watch", GOOD | {"outdone_by": "V1.1.1"}, GOOD | {"outdone_by": "V1.1.1"}),
            "warning",
            "flights V1.1.2: WATCH, V1.1.1 was better, 2013-05-08..2013-05-15",
        ),
        (
            said("watch", GOOD, {"worse": None, "failed": (), "drift": 3.21, "error": None, "says": "drift"}),
            "info",
            "flights V1.1.2: WATCH, drift 3.2x in dep_delay, 2013-05-08..2013-05-15",
        ),
    ],
    ids=["damage", "hint", "broken", "outdone", "drift"],
)
def test_the_title_says_word_number_and_window(verdict: Verdict, severity: str, title: str) -> None:
    made = of_verdict(verdict, report(verdict), LINK)
    assert (made.title, made.severity) == (title, severity)
    assert len(made.title) <= 100
    assert made.text.startswith("It is so.")
    assert "reports/monitor/flights" in made.text


@pytest.fixture
def topic(lake_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A topic of its own."""
    del lake_of_its_own
    monkeypatch.setenv("WINDTUNNEL_ALERT_TOPIC", settings().bucket)
    settings.cache_clear()
    return channels.topic_arn()


def test_an_incident_is_told_once_and_a_worse_one_again(topic: str) -> None:
    heard = subscribe(topic)
    for verdict in [said("watch", GOOD, BAD)] * 3 + [said("ignore", GOOD)] + [said("retrain", BAD, BAD)] * 2:
        alert(verdict, report(verdict), LINK)
    assert [title.split(",")[0] for title in heard()] == ["flights V1.1.2: WATCH", "flights V1.1.2: RETRAIN"]
    later = said("watch", GOOD, BAD, GOOD, BAD)
    alert(later, report(later), LINK)
    assert len(heard()) == 1, "another window is another incident"


def test_whoever_subscribes_can_choose_by_model_and_severity(topic: str) -> None:
    queue = client("sqs").create_queue(QueueName=topic.rpartition(":")[2])["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": '{"severity": ["page"]}'}
    )
    usual: dict[str, Any] = {"model": "flights", "title": "flights: it hangs", "text": "So.", "link": LINK}
    for severity in ("info", "warning", "page"):
        tell(Alert(key=severity, severity=severity, **usual))
    (message,) = client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    body = json.loads(message["Body"])
    assert body["Message"] == f"flights: it hangs\nSo.\n{LINK}"
    told = {name: value["Value"] for name, value in body["MessageAttributes"].items()}
    assert told == {"model": "flights", "severity": "page", "key": "page", "link": LINK}


def test_a_subject_is_what_sns_takes_whatever_the_title_is() -> None:
    odd = Alert(model="m", key="k", severity="info", title=f" é\nthen\tmore {'x' * 200}", text="y" * 9_000, link="l")
    assert channels.title(odd) == f"? then more {'x' * 88}"
    assert channels.title(odd, again=True).startswith("Again: ? then")
    assert len(channels.body(odd)) < 2_200


@pytest.mark.usefixtures("topic")
def test_slack_shows_text_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    name = settings().bucket
    monkeypatch.setenv("WINDTUNNEL_SLACK_SECRET", name)
    settings.cache_clear()
    with wires.slack() as (wire, shown):
        client("secretsmanager").create_secret(Name=name, SecretString=wire.url)
        tell(
            Alert(model="m", key="k", severity="info", title="m: <!channel>", text="a < b & c", link="http://air/?a&b")
        )
    assert shown == ["*m: &lt;!channel&gt;*\na &lt; b &amp; c\n<http://air/?a&amp;b|Open>"]


@pytest.mark.usefixtures("topic")
@pytest.mark.parametrize(
    ("secret", "problem"), [(None, "Secrets Manager does not give it"), ("a token", "holds no web address")]
)
def test_a_useless_secret_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, secret: str | None, problem: str
) -> None:
    name = settings().bucket
    monkeypatch.setenv("WINDTUNNEL_SLACK_SECRET", name)
    settings.cache_clear()
    if secret:
        client("secretsmanager").create_secret(Name=name, SecretString=secret)
    with pytest.raises(WindtunnelError, match=problem) as refused:
        channels.opened("slack")
    assert f"`{name}`" in str(refused.value)
    assert "a token" not in str(refused.value)


@pytest.mark.parametrize(
    ("how", "kind", "remedy"),
    [
        ("refuse", SettingInvalid, "up to 256 letters"),
        ("broken", ServiceUnavailable, "Run this again"),
        ("drop", ServiceUnavailable, "Run this again"),
    ],
)
def test_a_topic_that_cannot_be_made_says_what_to_do(
    aws_url: str,
    topic: str,
    monkeypatch: pytest.MonkeyPatch,
    how: wires.Behaviour,
    kind: type[WindtunnelError],
    remedy: str,
) -> None:
    assert channels.topic_arn() == topic, "it is made once"
    with wires.sns(aws_url, b"Action=CreateTopic") as (wire, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", wire.url)
        clients.client.cache_clear()  # type: ignore[attr-defined]
        wire.next.append(how)
        with pytest.raises(kind, match=remedy) as refused:
            channels.topic_arn()
    assert f"`{settings().alert_topic}`" in str(refused.value)


def test_a_task_that_failed_for_good_in_airflow_is_told_of(topic: str, tmp_path: Path) -> None:
    heard = subscribe(topic)
    ended, log = run_dag("rollback", {"reason": "To see it fail."}, tmp_path)
    lost = dict.fromkeys(("deploy", "prove"), "upstream_failed")
    assert (ended["state"], ended["tasks"]) == ("failed", {"recall": "failed", **lost, "show": "success"}), log
    assert heard() == ["flights: rollback failed at recall"]
    (stored,) = list(table.query("flights#outbox", "message#"))
    told = Alert.from_json(stored["alert"])
    assert "that is still good" in told.text
    assert told.link.startswith(f"{settings().airflow_url}/dags/flights_rollback/runs/manual__")
    assert told.link.endswith("/tasks/recall")
    assert told.severity == "page"


def failing(dag_id: str, task_id: str) -> Any:
    return {
        "dag_run": SimpleNamespace(dag_id=dag_id, run_id="scheduled__2026-11-21T06:00:00+00:00"),
        "ti": SimpleNamespace(task_id=task_id),
        "exception": ValueError("x" * 9_000),
    }


def test_a_run_is_told_of_once_whichever_of_its_tasks_fail(topic: str) -> None:
    heard = subscribe(topic)
    for dag_id, task_id in [("flights_rollout", "deploy"), ("flights_rollout", "prove"), ("flights_train", "gate")]:
        alerting.failed(failing(dag_id, task_id))
    assert heard() == ["flights: rollout failed at deploy", "flights: train failed at gate"]
    stored = [Alert.from_json(item["alert"]) for item in table.query("flights#outbox", "message#")]
    assert {told.severity for told in stored} == {"page", "warning"}
    assert all(len(told.text) < 700 for told in stored)
    assert all("2026-11-21T06%3A00%3A00%2B00%3A00/tasks/" in told.link for told in stored)


@pytest.mark.usefixtures("topic")
def test_messages_may_come_before_any_data(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{settings().ledger_table}-new"
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", name)
    settings.cache_clear()
    assert deliver("flights") is None
    alerting.failed(failing("flights_ingest", "extract"))
    assert len(list(table.query("flights#outbox", "sent#"))) == 1
    client("dynamodb").delete_table(TableName=name)


@pytest.mark.usefixtures("topic")
def test_telling_of_a_failure_never_raises(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("WINDTUNNEL_LEDGER_TABLE", "no table!")
    settings.cache_clear()
    alerting.failed(failing("flights_train", "gate"))
    assert "Nobody was told of `failed/flights_train/" in caplog.text
    assert "ValidationException" in caplog.text


@pytest.mark.usefixtures("topic")
def test_the_outbox_of_one_model_is_not_anothers() -> None:
    usual: dict[str, Any] = {"key": "k", "severity": "info", "title": "t", "text": "So.", "link": LINK}
    assert outbox.put(Alert(model="flights", **usual))
    assert outbox.put(Alert(model="rides", **usual))
    assert [one.alert.model for one in outbox.waiting("rides")] == ["rides"]
