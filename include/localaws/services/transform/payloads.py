"""The requests that one object becomes, and the object that their answers become."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MEBIBYTE = 1 << 20


class RecordTooLong(ValueError):
    """A record is longer than a request may be. The message says what to change."""


def payloads(chunks: Iterable[bytes], *, split: str, strategy: str, most_mb: int) -> Iterator[bytes]:
    """Cuts an object into the bodies of requests; their concatenation is the object.

    Args:
        chunks: The object, in pieces of any length.
        split: SplitType: `None`, the object is one record, or `Line`.
        strategy: BatchStrategy: `MultiRecord`, as many records to a request as fit, or `SingleRecord`.
        most_mb: MaxPayloadInMB; 0 for no bound, then MultiRecord sends all records at once.

    Raises:
        RecordTooLong: one record does not fit into a request.
    """
    most_bytes = most_mb * MEBIBYTE
    body = bytearray()
    for record in _lines(chunks) if split == "Line" else _whole(chunks):
        if most_bytes and len(record) > most_bytes:
            raise RecordTooLong(
                f"A record of {len(record)} bytes is longer than MaxPayloadInMB ({most_mb}). "
                "Raise MaxPayloadInMB, or split the object by Line."
            )
        if body and (strategy == "SingleRecord" or (most_bytes and len(body) + len(record) > most_bytes)):
            yield bytes(body)
            body.clear()
        body += record
    if body:
        yield bytes(body)


def assembled(answer: bytes, assemble_with: str) -> bytes:
    """One answer as it goes into the output: as it is, or ended by exactly one line feed."""
    return answer.rstrip(b"\n") + b"\n" if assemble_with == "Line" else answer


def _whole(chunks: Iterable[bytes]) -> Iterator[bytes]:
    whole = b"".join(chunks)
    if whole:
        yield whole


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their line feed; the last one may lack it."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest
