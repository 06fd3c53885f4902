"""The two documents of a model, and the rule by which many may write them: nobody replaces what he did not see.

Whoever shows a model looks at the documents first, then reads the sources, then writes over what he looked at. Who is
overtaken begins anew. So what stands was always read from the sources after the one before it had been written, and the
last writer's reading is never older than anybody's who has finished.
"""

from __future__ import annotations

import hashlib
import json
import logging
from typing import NamedTuple

from pydantic import ValidationError

from windtunnel.aws import objects
from windtunnel.core.contracts import Feed, FeedSummary
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings

log = logging.getLogger(__name__)

_JSON = "application/json"


class Seen(NamedTuple):
    """The documents as they stood before the sources were read."""

    model_etag: str | None
    "None: there was none."
    summary_etag: str | None
    generations: tuple[int, int]
    "Of both; 0 for one that is missing or cannot be read."
    feed: Feed | None
    "None: there was none, or one of another format: then nothing of it is used again."

    def covers(self, first: Seen) -> bool:
        """Whether these documents were read from the sources after an earlier look at them.

        A document of generation n + 1 was written over one of generation n that its writer saw before it read. Where
        the newest was n at the first look, n + 1 was written after it, and n + 2 was read after that.
        """
        return min(self.generations) >= max(first.generations) + 2


def address(model: str, name: str) -> str:
    """Where a document of a model lies: `model.json`, `summary.json`, `rejected/<work>.csv`, ..."""
    return settings().uri("feed", model, name)


def identity(uri: str) -> str:
    """The id under which the pages know an address."""
    return hashlib.sha256(uri.encode()).hexdigest()[:32]


def seen(model: str) -> Seen:
    """Both documents as they stand now."""
    whole = objects.get_if_there(address(model, "model.json"))
    line = objects.get_if_there(address(model, "summary.json"))
    return Seen(
        model_etag=whole and whole[1],
        summary_etag=line and line[1],
        generations=(_generation(whole[0], "summary") if whole else 0, _generation(line[0]) if line else 0),
        feed=_feed(whole[0]) if whole else None,
    )


def put(feed: Feed, over: Seen) -> bool:
    """Write both documents over those that were seen.

    Returns:
        Whether both stand now. False: others wrote since the sources were read, and perhaps read newer ones.
    """
    model = feed.summary.model
    with shared_write("feed.model"):
        uri, body = address(model, "model.json"), _body(feed)
        written = objects.put_over(uri, body, over.model_etag, content_type=_JSON)
    if not written:
        return False
    with shared_write("feed.summary"):
        uri, body = address(model, "summary.json"), _body(feed.summary)
        return objects.put_over(uri, body, over.summary_etag, content_type=_JSON)


def _body(document: Feed | FeedSummary) -> bytes:
    return document.model_dump_json().encode()


def _generation(body: bytes, *inside: str) -> int:
    try:
        found = json.loads(body)
        for name in inside:
            found = found[name]
        return int(found["generation"])
    except (ValueError, KeyError, TypeError):
        return 0


def _feed(body: bytes) -> Feed | None:
    try:
        return Feed.model_validate_json(body)
    except ValidationError as error:
        log.warning("feed: the document there is of another format, everything is read anew: %s", error.errors()[0])
        return None
