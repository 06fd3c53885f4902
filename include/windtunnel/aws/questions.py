"""Questions: a file of rows put to a live endpoint part by part, each answer beside its row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import Any, TextIO

from botocore.exceptions import ClientError

from windtunnel.aws.clients import client
from windtunnel.aws.endpoint import endpoint_name
from windtunnel.core.catalog import model_spec
from windtunnel.core.errors import DataRejected, ServiceUnavailable, quoted

PART_ROWS = 5_000
"""Rows per request: some 300 kB of a dozen columns, far from the 6 MB that an endpoint takes."""

ANSWER = "prediction"
"""Name of the column that is added."""


def answered(model: str, file: TextIO) -> Iterator[list[str]]:
    """The lines of a CSV file with one more column, the header first.

    Throttling, time-outs and errors of the service are tried again five times; asking changes nothing.

    Args:
        model: Name of the model; its live endpoint is asked.
        file: CSV with a header that has every feature; other columns, such as a key, are kept and not sent.

    Raises:
        DataRejected: The file lacks a feature or a value, or the model refuses one; the message names the line.
        ServiceUnavailable: The endpoint is not there or does not answer.
    """
    features = model_spec(model).features
    reader = csv.reader(file)
    header = next(reader, [])
    if missing := [name for name in features if name not in header]:
        raise DataRejected(
            f"The file's first line has the columns {quoted(header)}; {quoted(missing)} are missing. "
            f"`{model}` needs {quoted(features)}, in any order and beside any other columns."
        )
    places = [header.index(name) for name in features]
    yield [*header, ANSWER]
    sent = 0
    for part in batched(_whole(reader, header), PART_ROWS):
        rows = [[row[place] for place in places] for row in part]
        answers = _ask(model, features, rows, sent)
        for row, answer in zip(part, answers, strict=True):
            yield [*row, answer]
        sent += len(part)


def explained(model: str, row: str) -> dict[str, Any]:
    """What the live endpoint answers to one row, and what each feature adds to that.

    Args:
        model: Name of the model.
        row: A JSON object with a value per feature.

    Returns:
        `prediction`, then `base` and the contributions by feature that add up to it, the largest first.

    Raises:
        DataRejected: It is no JSON object, or the model refuses it.
        ServiceUnavailable: The endpoint is not there or does not answer.
    """
    try:
        given = json.loads(row)
    except ValueError as error:
        raise DataRejected(f"`{row}` is not JSON: {error}. Write a value per feature: `{_example(model)}`.") from error
    try:
        answer = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint_name(model),
            ContentType="application/json",
            CustomAttributes="explain",
            Body=json.dumps({"instances": [given]}).encode(),
        )
    except ClientError as error:
        raise _refused(model, dict(error.response), 0) from error
    said = json.loads(answer["Body"].read())
    why = said["explanation"]
    largest_first = sorted(why["contributions"].items(), key=lambda each: -abs(each[1]))
    return {"prediction": said["predictions"][0], "base": why["base"], **dict(largest_first)}


def _example(model: str) -> str:
    return json.dumps(model_spec(model).example)


def _whole(reader: Iterable[list[str]], header: Sequence[str]) -> Iterator[list[str]]:
    for at, row in enumerate(row for row in reader if row):  # an empty line is no row, here as in the server
        if len(row) != len(header):
            raise DataRejected(
                f"Row {at} of the file has {len(row)} values, its header {len(header)}. Correct the row."
            )
        yield row


def _ask(model: str, features: Sequence[str], rows: list[list[str]], sent: int) -> list[str]:
    body = io.StringIO()
    writer = csv.writer(body, lineterminator="\n")
    writer.writerow(features)
    writer.writerows(rows)
    try:
        answer = client("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint_name(model),
            ContentType="text/csv; header=present",
            Accept="text/csv",
            Body=body.getvalue().encode(),
        )
    except ClientError as error:
        raise _refused(model, dict(error.response), sent) from error
    return answer["Body"].read().decode().split()


def _refused(model: str, said: dict[str, Any], sent: int) -> Exception:
    """The server's own words, with the row counted in the file and not in the part."""
    try:
        told = json.loads(said["OriginalMessage"])["error"]
        where = "" if told["row"] is None else f"Row {sent + told['row']} of the file: "
        return DataRejected(f"{where}{told['message']}")
    except (KeyError, TypeError, ValueError):
        words = said["Error"].get("Message", said["Error"]["Code"])
        return ServiceUnavailable(
            f"The endpoint `{endpoint_name(model)}` did not answer: {words}. `python -m windtunnel live {model}` says what "
            "is in service."
        )
