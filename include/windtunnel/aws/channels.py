"""The ways to people: an SNS topic, which telephones and mailboxes subscribe to, and a Slack channel.

A channel is asked once per message and says what became of it. Neither SNS nor Slack recognises a message it has had:
whether a repeat is harmless can be told from the answer alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Literal, NamedTuple

import httpx
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ProxyConnectionError,
)
from botocore.parsers import ResponseParserError

from windtunnel.aws.clients import client
from windtunnel.core.contracts import Alert
from windtunnel.core.errors import ServiceUnavailable, SettingInvalid, quoted
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

NAMES = ("sns", "slack")

Outcome = Literal["taken", "refused", "away", "unknown"]
"""Taken; refused, this message and not another; not reached or too busy, so surely not taken; no answer was heard."""

SEND_SECONDS = 10
_CONNECT_SECONDS = 3
_TITLE_CHARACTERS = 100
_TEXT_CHARACTERS = 2_000
_BUSY = 429
# Of something between us and the channel, which may have passed the message on.
_GATEWAY = {502, 504}
_NEVER_SENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError, NoCredentialsError)
_NEVER_POSTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Said(NamedTuple):
    """What a channel said to a message."""

    outcome: Outcome
    words: str
    "Its receipt, or why not."


type Send = Callable[[Alert, bool], Said]
"""Sends an alert; the flag says that it may have arrived before. Where it raises, nobody knows whether it arrived."""


def configured() -> tuple[str, ...]:
    """Names of the channels that a message goes to."""
    return NAMES if settings().slack_secret else NAMES[:1]


def opened(channel: str) -> Send:
    """The way into a channel, with everything looked up that it needs.

    Raises:
        SettingInvalid: The settings do not name it, or name what cannot be one.
        ServiceUnavailable: AWS did not say where it is.
    """
    if channel not in configured():
        raise SettingInvalid(
            f"Messages wait for `{channel}`, and the settings name only {quoted(configured())}. They wait until it is "
            "named again: see docs/settings.md."
        )
    return {"sns": _sns, "slack": _slack}[channel]()


def topic_arn() -> str:
    """The SNS topic of `settings.alert_topic`, made where it is missing.

    Raises:
        SettingInvalid: It cannot be a topic's name, or may not be made.
        ServiceUnavailable: SNS did not answer.
    """
    name = settings().alert_topic
    try:
        with shared_write("alert.topic"):
            arn: str = client("sns").create_topic(Name=name)["TopicArn"]
    except ClientError as error:
        if _status(error) >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailable(f"SNS did not make the topic `{name}`: {error}. Run this again.") from error
        raise SettingInvalid(
            f"`WINDTUNNEL_ALERT_TOPIC` is `{name}`: {error}. Give up to 256 letters, digits, `-` and `_`, and allow "
            "the role `sns:CreateTopic` and `sns:Publish` on it."
        ) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise ServiceUnavailable(f"SNS did not say where the topic `{name}` is: {error} Run this again.") from error
    return arn


def title(alert: Alert, again: bool = False) -> str:
    """One line that SNS takes as a subject: printable ASCII, at most 100 characters."""
    line = " ".join(f"{'Again: ' if again else ''}{alert.title}".split())
    return "".join(mark if " " <= mark <= "~" else "?" for mark in line)[:_TITLE_CHARACTERS]


def body(alert: Alert, again: bool = False) -> str:
    """The whole message as plain text; its first line is what a lock screen shows."""
    repeated = ["It may have reached you before: the channel did not confirm it."] if again else []
    text = alert.text if len(alert.text) <= _TEXT_CHARACTERS else f"{alert.text[:_TEXT_CHARACTERS]} ..."
    return "\n".join([title(alert, again), text, *repeated, alert.link])


def _sns() -> Send:
    arn = topic_arn()

    def send(alert: Alert, again: bool) -> Said:
        said = {"model": alert.model, "severity": alert.severity, "key": alert.key, "link": alert.link}
        by_protocol = {"default": body(alert, again), "sms": f"{title(alert, again)} {alert.link}"}
        try:
            answer = client("sns").publish(
                TopicArn=arn,
                Subject=title(alert, again),
                Message=json.dumps(by_protocol),
                MessageStructure="json",
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in said.items() if value
                },
            )
        except ClientError as error:
            throttled = "Throttl" in error.response["Error"]["Code"]
            return Said(_outcome(_BUSY if throttled else _status(error)), str(error))
        except _NEVER_SENT as error:
            return Said("away", str(error))
        return Said("taken", answer["MessageId"])

    return send


def _slack() -> Send:
    address = _webhook()
    # At INFO it prints the address, which is the secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)

    def send(alert: Alert, again: bool) -> Said:
        heading, _, rest = body(alert, again).removesuffix(alert.link).partition("\n")
        text = f"*{_slack_text(heading)}*\n{_slack_text(rest)}<{_slack_text(alert.link)}|Open>"
        try:
            answer = asyncio.run(_post(address, {"text": text}))
        except _NEVER_POSTED as error:
            return Said("away", f"{type(error).__name__}: {error}")
        outcome: Outcome = "taken" if answer.status_code == httpx.codes.OK else _outcome(answer.status_code)
        return Said(outcome, f"{answer.status_code} {answer.text[:100]}")

    return send


async def _post(address: str, message: dict[str, str]) -> httpx.Response:
    """One request, ended after `SEND_SECONDS` in all; httpx itself limits only each part of it."""
    limits = httpx.Timeout(SEND_SECONDS, connect=_CONNECT_SECONDS)
    async with asyncio.timeout(SEND_SECONDS), httpx.AsyncClient(timeout=limits) as slack:
        return await slack.post(address, json=message)


def _webhook() -> str:
    """Slack's webhook address out of its secret."""
    name = settings().slack_secret
    try:
        address = client("secretsmanager").get_secret_value(SecretId=name).get("SecretString", "").strip()
        usable = httpx.URL(address).scheme in {"http", "https"}
    except (ClientError, BotoCoreError) as error:
        raise ServiceUnavailable(
            f"`WINDTUNNEL_SLACK_SECRET` is `{name}`, and Secrets Manager does not give it: {error}. Messages for Slack "
            "wait: make the secret, and allow the role `secretsmanager:GetSecretValue` on it."
        ) from error
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise SettingInvalid(
            f"The secret `{name}` holds no web address. Put the address of Slack's incoming webhook in it, as plain text."
        )
    return str(address)


def _outcome(status: int) -> Outcome:
    """What an answer other than yes says."""
    if status in _GATEWAY:
        return "unknown"
    return "away" if status == _BUSY or status >= httpx.codes.INTERNAL_SERVER_ERROR else "refused"


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _slack_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
