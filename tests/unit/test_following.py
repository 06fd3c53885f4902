"""Following an endpoint when AWS does not answer: looked at again, unless it refuses or there is no patience left."""

from __future__ import annotations

import asyncio

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from windtunnel.core.contracts import Watch
from windtunnel.orchestration.following import Following, Look

AWAY = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
AT_REST = Look("InService", "flights-V1-1-1-live", "", None, {}, "", answered=True, by_the_new=True)
WATCH = Watch(
    until="settled",
    endpoint="windtunnel-flights",
    endpoint_config="flights-V1-1-1-live",
    alarms=(),
    step_seconds=1,
    question="{}",
    answers=(1.0,),
    tolerance=0.001,
)


class Stumbling(Following):
    """Meets these errors before it sees an endpoint at rest."""

    def __init__(self, errors: list[BotoCoreError | ClientError], patience_seconds: float) -> None:
        super().__init__(WATCH.to_json(), every_seconds=0, patience_seconds=patience_seconds)
        self.errors = errors

    def _look(self) -> Look:
        if self.errors:
            raise self.errors.pop(0)
        return AT_REST


def come(trigger: Following) -> bool:
    async def first() -> bool:
        async for event in trigger.run():
            return bool(event.payload["come"])
        raise AssertionError("no event")

    return asyncio.run(first())


def refusal(status: int) -> ClientError:
    answer = {"Error": {"Code": "Said", "Message": "so"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "DescribeEndpoint")  # type: ignore[arg-type]  # as botocore raises it, in part


def test_an_aws_that_is_away_is_looked_at_again() -> None:
    assert come(Stumbling([AWAY, refusal(503), AWAY], patience_seconds=60))


def test_a_refusal_is_not_repeated() -> None:
    with pytest.raises(ClientError, match="so"):
        come(Stumbling([refusal(400)], patience_seconds=60))


def test_patience_ends() -> None:
    with pytest.raises(EndpointConnectionError):
        come(Stumbling([AWAY], patience_seconds=-1))
