"""What all pages share: templates that escape everything, headers that let nothing in or out, and faults in words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from windtunnel_ui import concerns, drawing, evidence, feed, runs
from windtunnel_ui.store import Away, Missing, TooLarge

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""Only our own files, from here: a name that carries a script has nothing to run it with, and nowhere to send to."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


class Frame:
    """Puts headers on every answer of an application, and turns its faults into pages.

    Args:
        app: The application.
    """

    def __init__(self, app: FastAPI) -> None:
        app.middleware("http")(self.with_headers)
        app.exception_handler(HTTPException)(self.refused)
        app.exception_handler(RequestValidationError)(self.misasked)
        for kind in (Missing, Away, TooLarge, feed.Unreadable):
            app.exception_handler(kind)(self.not_shown)

    async def with_headers(self, request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        """An answer with the headers that it does not set itself."""
        response = await answer(request)
        for name, value in {"Content-Security-Policy": POLICY, **HEADERS}.items():
            response.headers.setdefault(name, value)
        return response

    async def refused(self, request: Request, fault: HTTPException) -> Response:
        """A page that says why not."""
        title = {401: "Log in first", 403: "Not for you", 404: "Not found"}.get(fault.status_code, "Refused")
        return html(request, "fault.html", status=fault.status_code, title=title, text=str(fault.detail))

    async def misasked(self, request: Request, fault: RequestValidationError) -> Response:
        """A page that names what is missing from an address, or cannot be read in it."""
        named = ", ".join(f"`{error['loc'][-1]}`" for error in fault.errors())
        text = f"The address of this page needs {named}, which it lacks or has in a form that cannot be read."
        return html(request, "fault.html", status=400, title="Not understood", text=text)

    async def not_shown(self, request: Request, fault: Exception) -> Response:
        """A page that says what could not be read; the others go on."""
        if isinstance(fault, Missing):
            text = "Nothing has been written down for this page yet. It appears after the first run of `ingest`."
            return html(request, "fault.html", status=404, title="Nothing to show yet", text=text)
        status = 503 if isinstance(fault, Away) else 500
        return html(request, "fault.html", status=status, title="Cannot be shown now", text=str(fault))


def html(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page."""
    root = request.scope["root_path"]
    shown = _templates.get_template(template).render(
        root=root, base=root.removesuffix("/windtunnel"), here=request.url.path, status=status, **values
    )
    return Response(shown, status_code=status, media_type="text/html; charset=utf-8")


def plain(text: str, kind: str) -> Response:
    """A line of text in place of a report, under the same policy."""
    body = f"<!doctype html><meta charset=utf-8><title>Not shown</title><p>{escape(text)}"
    headers = {"Content-Security-Policy": evidence.policy(kind)}
    return Response(body, status_code=404, media_type="text/html; charset=utf-8", headers=headers)


def _when(moment: str | datetime | None) -> Markup:
    if not moment:
        return Markup('<span class="soft">never</span>')
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return Markup('<time datetime="{iso}">{words}</time>').format(
        iso=at.isoformat(), words=f"{at:%-d %b %Y, %H:%M} UTC"
    )


def _number(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "—" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, float) and abs(value) >= 1 else f"{value:.4g}"


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(when=_when, number=_number, quoted=lambda text: quote(str(text), safe=""))
_templates.globals.update(
    quality=drawing.quality,
    services=drawing.services,
    run_path=concerns.run_path,
    stages=runs.STAGES,
    words=concerns.WORDS,
)
