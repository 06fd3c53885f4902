"""Data capture: the records AWS writes of what an endpoint was asked and what it answered.

    <DestinationS3Uri>/<endpoint>/<variant>/yyyy/mm/dd/hh/MM-SS-mmm-<uuid>.jsonl

Several records share a file: they are kept for a moment and written together. A shadow's answers lie under the shadow's
name.
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from localaws.wire import Document

DEFAULT_CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Settings:
    """DataCaptureConfig of an endpoint, ready for use.

    Attributes:
        bucket: Bucket of the destination.
        prefix: Key prefix of the destination, without slashes at its ends.
        percent: Share of the requests that is captured, 0 to 100.
        sides: Which of `endpointInput` and `endpointOutput` are kept.
        encodings: Pairs of media type and `CSV` or `JSON`; what is not listed is kept in BASE64, as on AWS.
    """

    bucket: str
    prefix: str
    percent: int
    sides: frozenset[str]
    encodings: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, config: Document) -> Settings | None:
        """The settings of an endpoint configuration; None where it captures nothing."""
        declared = config.get("DataCaptureConfig")
        if declared is None or not declared.get("EnableCapture", True):
            return None
        bucket, _, prefix = declared["DestinationS3Uri"].removeprefix("s3://").partition("/")
        modes = {option["CaptureMode"] for option in declared["CaptureOptions"]}
        sides = {
            side
            for side, mode in (("endpointInput", "Input"), ("endpointOutput", "Output"))
            if modes & {mode, "InputAndOutput"}
        }
        headers = declared.get("CaptureContentTypeHeader", {})
        encodings = {
            (each.lower(), encoding)
            for member, encoding in (("CsvContentTypes", "CSV"), ("JsonContentTypes", "JSON"))
            for each in headers.get(member, [])
        }
        percent = declared["InitialSamplingPercentage"]
        return cls(bucket, prefix.strip("/"), percent, frozenset(sides), frozenset(encodings))

    def encoding(self, content_type: str) -> str:
        """How a body of a content type is kept; parameters of the type do not matter."""
        media_type = content_type.partition(";")[0].strip().lower()
        return next((name for name in ("CSV", "JSON") if (media_type, name) in self.encodings), "BASE64")

    def sampled(self) -> bool:
        """Whether this request is one of those captured."""
        return self.percent >= 100 or random.random() * 100 < self.percent  # noqa: S311 -- a share, no secret


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    at: datetime
    request: bytes
    request_type: str | None
    answer: bytes
    answer_type: str | None
    inference_id: str | None = None
    custom_attributes: str | None = None


def record(settings: Settings, exchange: Exchange) -> str:
    """One line of a capture file, without its newline."""
    metadata: Document = {"eventId": str(uuid.uuid4())}
    if exchange.custom_attributes:
        metadata["customAttributes"] = [exchange.custom_attributes]
    if exchange.inference_id:
        metadata["inferenceId"] = exchange.inference_id
    metadata["inferenceTime"] = exchange.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    sides = {
        "endpointInput": ("INPUT", exchange.request, exchange.request_type),
        "endpointOutput": ("OUTPUT", exchange.answer, exchange.answer_type),
    }
    data = {side: _part(settings, *parts) for side, parts in sides.items() if side in settings.sides}
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


def key(settings: Settings, endpoint: str, variant: str, at: datetime) -> str:
    """A new key for a file whose first record is of that time."""
    utc = at.astimezone(UTC)
    name = f"{utc:%Y/%m/%d/%H/%M-%S}-{utc.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
    return "/".join(part for part in (settings.prefix, endpoint, variant, name) if part)


def _part(settings: Settings, mode: str, data: bytes, content_type: str | None) -> Document:
    observed = content_type or DEFAULT_CONTENT_TYPE
    encoding = settings.encoding(observed)
    try:
        text = base64.b64encode(data).decode() if encoding == "BASE64" else data.decode()
    except UnicodeDecodeError:
        # Said to be text and is none: the bytes are kept all the same.
        text, encoding = base64.b64encode(data).decode(), "BASE64"
    return {"observedContentType": observed, "mode": mode, "data": text, "encoding": encoding}
