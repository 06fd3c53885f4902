"""The table of the ledger: keys, consistent reads, and writes that take effect together or not at all.

pk                       sk                          what
<model>                  head                        number and time of the newest entry, the champion
<model>                  lease                       epoch, owner, until
<model>                  entry#<sequence>            an entry
<model>                  version#<tag.manual.auto>   a version
<model>                  live#<since>#<sequence>     a champion, from then until the next one
<model>                  counter#<tag.revision>      the next auto, and the folder it counts for
<model>                  once#<work key>             the version of a piece of work
<model>#<version>        entry#<sequence>            the same entry, found by its version
<model>#snapshot#<id>    version#<tag.manual.auto>   the versions of a snapshot
<model>#image#<image>    version#<tag.manual.auto>   the versions of an image
<model>#outbox           ...                         messages to people: aws/outbox.py
<model>#asked            last                        the retrain that a verdict asked for last: aws/verdicts.py
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError, HTTPClientError
from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_random_exponential

from windtunnel.aws.clients import client
from windtunnel.core.errors import CommitConflict, SettingInvalid
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings
from windtunnel.core.version import Version

type Key = tuple[str, str]
type Item = dict[str, Any]
type Write = dict[str, Any]
"""One member of a TransactWriteItems request."""

CONTENTION_SECONDS = 60
_MOST_READ_AT_ONCE = 100
# Reasons of a cancelled transaction, then refusals of the call itself, that a later try does not meet.
_PASSING = {"None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_BUSY = {
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TransactionInProgressException",
}
_to_wire, _from_wire = TypeSerializer(), TypeDeserializer()


def ensure() -> None:
    """Make the table unless it is there. On AWS CloudFormation makes it, and this only looks."""
    dynamodb, name = client("dynamodb"), settings().ledger_table
    try:
        dynamodb.describe_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        try:
            with shared_write("ledger.create"):
                dynamodb.create_table(
                    TableName=name,
                    KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                    AttributeDefinitions=[
                        {"AttributeName": "pk", "AttributeType": "S"},
                        {"AttributeName": "sk", "AttributeType": "S"},
                    ],
                    BillingMode="PAY_PER_REQUEST",
                )
        except dynamodb.exceptions.ResourceInUseException:
            pass  # another caller was first; its table is ours too
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def entry_key(sequence: int) -> str:
    """Sort key of an entry: as text in the order of the numbers."""
    return f"entry#{sequence:010d}"


def version_key(version: str) -> str:
    """Sort key of a version: as text in the order of the versions.

    Raises:
        VersionInvalid: It has another form.
    """
    parsed = Version.parse(version)
    return f"version#{parsed.tag:06d}.{parsed.manual:06d}.{parsed.auto:06d}"


def get(keys: Sequence[Key]) -> dict[Key, Item]:
    """The items under some keys, as they are now; a key without an item is left out."""
    name, found = settings().ledger_table, {}
    for start in range(0, len(keys), _MOST_READ_AT_ONCE):
        part = [_wire({"pk": pk, "sk": sk}) for pk, sk in keys[start : start + _MOST_READ_AT_ONCE]]
        asked: Any = {name: {"Keys": part, "ConsistentRead": True}}
        while asked:
            with _there():
                answer = client("dynamodb").batch_get_item(RequestItems=asked)
            for item in map(_plain, answer["Responses"].get(name, [])):
                found[item.pop("pk"), item.pop("sk")] = item
            asked = answer.get("UnprocessedKeys")
    return found


def query(pk: str, first: str, last: str | None = None, *, newest_first: bool = False) -> Iterator[Item]:
    """The items of a partition, as they are now, in the order of their sort keys.

    Args:
        pk: The partition.
        first: Least sort key, or without `last` the prefix of all of them.
        last: Greatest sort key.
        newest_first: Whether in the opposite order.
    """
    pages = client("dynamodb").get_paginator("query").paginate(
        TableName=settings().ledger_table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues=_wire({":pk": pk, ":first": first, ":last": first + "~" if last is None else last}),
        ScanIndexForward=not newest_first,
        ConsistentRead=True,
    )  # fmt: skip
    with _there():
        for page in pages:
            for item in map(_plain, page["Items"]):
                del item["pk"], item["sk"]
                yield item


def put(key: Key, body: Mapping[str, Any], where: Mapping[str, Iterable[Any]] | None = None) -> Write:
    """Write an item where none is yet; with `where`, over the one whose attributes have one of these values."""
    return {"Put": {**_guarded(where), "TableName": settings().ledger_table, "Item": _wire({**_named(key), **body})}}


def delete(key: Key, where: Mapping[str, Iterable[Any]]) -> Write:
    """Remove the item whose attributes have one of these values. The ledger never does; the outbox does."""
    return {"Delete": {**_guarded(where), "TableName": settings().ledger_table, "Key": _wire(_named(key))}}


def check(key: Key, where: Mapping[str, Iterable[Any]]) -> Write:
    """Require of an item that its attributes have one of these values, and leave it as it is."""
    return {"ConditionCheck": {**_guarded(where), "TableName": settings().ledger_table, "Key": _wire(_named(key))}}


def commit(writes: Sequence[Write]) -> bool:
    """Make all of some writes, or none.

    Returns:
        Whether they took effect. False: a condition did not hold, someone else was writing the same items, DynamoDB
        was busy, or the reply was lost; whoever reads again sees what is.
    """
    dynamodb = client("dynamodb")
    try:
        dynamodb.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
    except dynamodb.exceptions.TransactionCanceledException as error:
        if {reason["Code"] for reason in error.response["CancellationReasons"]} <= _PASSING:
            return False
        raise
    except HTTPClientError:
        return False
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return False
        raise
    return True


def settle[T](model: str, attempt: Callable[[], T | None]) -> T:
    """Call until it gives something; each call reads the ledger anew and writes under conditions of what it read.

    Raises:
        CommitConflict: Others kept winning, or the replies were lost.
    """
    retrying = Retrying(
        retry=retry_if_result(lambda result: result is None),
        wait=wait_random_exponential(multiplier=0.01, max=1),
        stop=stop_after_delay(CONTENTION_SECONDS),
    )
    try:
        result = retrying(attempt)
    except RetryError as error:
        raise CommitConflict(
            f"No write to the ledger of `{model}` was confirmed for {CONTENTION_SECONDS} s: others kept winning, or "
            "DynamoDB does not answer. Run this again; what took effect is found then."
        ) from error
    assert result is not None  # noqa: S101 - what `retry` waits for
    return result


@contextmanager
def _there() -> Iterator[None]:
    try:
        yield
    except client("dynamodb").exceptions.ResourceNotFoundException as error:
        raise SettingInvalid(
            f"`WINDTUNNEL_LEDGER_TABLE` is `{settings().ledger_table}`: there is no such table. The first run of "
            "`ingest` makes it on the laptop, the stack of the project on AWS."
        ) from error


def _named(key: Key) -> Item:
    return {"pk": key[0], "sk": key[1]}


def _guarded(where: Mapping[str, Iterable[Any]] | None) -> dict[str, Any]:
    """The condition of a write, with its names and values; without `where` that nothing stands there."""
    if where is None:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    values = {name: [f":{name}{at}" for at, _ in enumerate(allowed)] for name, allowed in where.items()}
    return {
        "ConditionExpression": " AND ".join(f"#{name} IN ({', '.join(marks)})" for name, marks in values.items()),
        "ExpressionAttributeNames": {f"#{name}": name for name in where},
        "ExpressionAttributeValues": _wire(
            {mark: value for name, allowed in where.items() for mark, value in zip(values[name], allowed, strict=True)}
        ),
    }


def _wire(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_wire.serialize(value) for name, value in item.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    return {name: _whole(_from_wire.deserialize(value)) for name, value in item.items()}


@functools.singledispatch
def _whole(value: Any) -> Any:
    """A value with its numbers as int: the ledger holds no others."""
    return value


@_whole.register
def _(value: Decimal) -> int:
    return int(value)


@_whole.register
def _(value: dict) -> Item:  # type: ignore[type-arg]
    return {name: _whole(part) for name, part in value.items()}
