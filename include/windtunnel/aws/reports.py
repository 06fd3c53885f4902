"""Data docs of an ingestion, and of what monitoring captured: a page a person opens, and the same as JSON beside it."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any, Literal

from windtunnel.aws import objects
from windtunnel.core.settings import settings
from windtunnel.core.window import Window


def address(model: str, window: Window, work_key: str, part: str, dag: Literal["ingest", "monitor"] = "ingest") -> str:
    """Where the page of a part of the work lies: known before it is written, because the work names it."""
    return settings().uri("reports", dag, model, window.label, work_key[:16], f"{part}.html")


def write(page_address: str, page: str, document: dict[str, Any]) -> str:
    """Write a page and its JSON. Repeating the same work replaces them.

    Returns:
        The address of the page.
    """
    body = json.dumps(document, indent=1, default=str).encode()
    objects.put(page_address.removesuffix(".html") + ".json", body, content_type="application/json")
    return objects.put(page_address, page.encode(), content_type="text/html; charset=utf-8")


def refuse(page_address: str, why: str) -> str:
    """Write the page and the JSON of a batch that nothing could be expected of.

    Returns:
        The address of the page.
    """
    said = html.escape(why)
    page = f"<!DOCTYPE html><meta charset=utf-8><title>Refused</title><h1>Nothing was judged</h1><p>{said}</p>"
    return write(page_address, page, {"success": False, "refused": why, "results": []})


def write_months(page_address: str, pages: Mapping[str, tuple[str, dict[str, Any]]]) -> str:
    """Write the page of each month; when there are several, the address holds a list of links to them.

    Args:
        page_address: From `address`.
        pages: Page and JSON by month.
    """
    if len(pages) == 1:
        return write(page_address, *next(iter(pages.values())))
    base, _, name = page_address.rpartition("/")
    files = {month: f"{month}-{name}" for month in pages}
    for month, (page, document) in pages.items():
        write(f"{base}/{files[month]}", page, document)
    links = "".join(f'<li><a href="{file}">{month}</a></li>' for month, file in files.items())
    listed = f"<!doctype html><meta charset=utf-8><title>{name}</title><ul>{links}</ul>"
    return write(page_address, listed, {month: f"{base}/{file}" for month, file in files.items()})


def words(result: Mapping[str, Any]) -> str:
    """What one result of Great Expectations is about, in the words of its expectation."""
    config = result["expectation_config"]
    return str(config.get("description") or f"{config['type']} {config['kwargs'].get('column', '')}".strip())


def unmet(document: Mapping[str, Any]) -> list[str]:
    """Every expectation that a result as JSON did not meet, and what was found instead."""
    refused = [document["refused"]] if "refused" in document else []
    return refused + [f"{words(result)}: {_finding(result)}" for result in document["results"] if not result["success"]]


def _finding(result: Mapping[str, Any]) -> str:
    found = result["result"]
    if count := found.get("unexpected_count"):
        return f"{count:,} of {found['element_count']:,} rows do not"
    return f"it is {found['observed_value']}" if "observed_value" in found else "not judged"
