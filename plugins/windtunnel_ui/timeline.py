"""What happened to a model, newest first: its versions, its data, its verdicts, its releases, in one list."""

from __future__ import annotations

from typing import Any, NamedTuple

AT_ONCE = 100
"""Happenings on one page; a link leads to older ones."""


class Happening(NamedTuple):
    """One line of a timeline.

    Attributes:
        at: When, as ISO 8601.
        kind: `version`, `data` or `verdict`: the page's style and its word.
        title: What it is about.
        state: One word on what became of it.
        text: A sentence.
        by: Who, or which run.
        page: Where to look, a path of these pages.
    """

    at: str
    kind: str
    title: str
    state: str
    text: str
    by: str
    page: str


def happenings(document: dict[str, Any], before: str = "") -> tuple[list[Happening], str]:
    """A part of a timeline, and where the next part begins.

    Args:
        document: A model's `Feed`.
        before: Only what happened before this moment, ISO 8601; empty: all.

    Returns:
        `AT_ONCE` of them, newest first, and the `before` of the rest; empty when there are no more. What happened at the
        same moment as the last of them, as the two entries of one release do, is on the same page.
    """
    found = sorted(_all(document), key=lambda happening: happening.at, reverse=True)
    if before:
        found = [happening for happening in found if happening.at < before]
    shown = found[:AT_ONCE]
    shown += [happening for happening in found[AT_ONCE:] if happening.at == shown[-1].at]
    return shown, shown[-1].at if len(found) > len(shown) else ""


def _all(document: dict[str, Any]) -> list[Happening]:
    here = f"/models/{document['summary']['model']}"
    versions = [
        Happening(e["at"], "version", e["version"], e["state"], e["why"], e["by"], f"{here}/versions/{e['version']}")
        for e in document["entries"]
    ]
    data = [
        Happening(
            batch["at"],
            "data",
            batch["tag"] or batch["label"],
            "published" if batch["published"] else "refused",
            _batch(batch),
            "",
            f"{here}/data?window={batch['label']}&work={batch['work']}",
        )
        for batch in document["batches"]
    ]
    verdicts = [
        Happening(v["at"], "verdict", v["version"], v["word"], v["sentence"], "", f"{here}/drift?window={v['label']}")
        for v in document["verdicts"]
    ]
    return versions + data + verdicts


def _batch(batch: dict[str, Any]) -> str:
    if not batch["published"]:
        return f"{batch['label']}: nothing was published. Not met: {'; '.join(batch['unmet']) or 'see the report'}."
    return f"{batch['label']}: {batch['rows'] or 0:,} rows published, {batch['quarantined']:,} set aside."
