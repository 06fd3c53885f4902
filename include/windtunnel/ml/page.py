"""Pages that show Evidently's widgets, open without a network, and run nothing that came with the data.

Evidently 0.7.23 writes names and categories raw into a script, so that a category `</script><script>...` runs in the
reader's browser. Categories come from requests, from anyone.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from evidently.legacy.model.dashboard import DashboardInfo
from evidently.legacy.model.widget import AdditionalGraphInfo, BaseWidgetInfo
from evidently.legacy.utils import NumpyEncoder
from evidently.legacy.utils.dashboard import TemplateParams, file_html_template

LONGEST_NAME = 60

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# The page needs its own inline script and style, and nothing from anywhere: no host, no form, no frame.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_STYLE = """
.summary { box-sizing: border-box; max-width: 1280px; margin: 0 auto; padding: 24px 48px; }
.summary { font: 15px/1.5 system-ui, sans-serif; }
.summary h1 { font-size: 24px; margin: 0; }
.summary h2 { font-size: 18px; margin: 28px 0 8px; }
.summary p { margin: 4px 0; }
.summary .note { background: #fff8e1; color: #1f2328; border-left: 4px solid #f0b400; padding: 8px 12px; margin: 24px 0; }
.summary .figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0; }
.summary .figures div { border: 1px solid #d0d7de; border-radius: 6px; padding: 8px 16px; }
.summary .figures b { display: block; font-size: 22px; }
.summary .verdict { border: 1px solid #d0d7de; border-left: 10px solid; border-radius: 6px; padding: 12px 20px; margin: 16px 0; }
.summary .verdict > b { font-size: 22px; letter-spacing: .06em; }
.summary .ignore { border-left-color: #18733a; background: #e8f5ec; }
.summary .watch { border-left-color: #b26a00; background: #fff4e0; }
.summary .retrain { border-left-color: #b3261e; background: #fdecea; }
.summary .wide { overflow-x: auto; }
.summary table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.summary td, .summary th { border-bottom: 1px solid #d0d7de; padding: 3px 18px 3px 0; text-align: left; vertical-align: top; }
.summary .n { text-align: right; }
.summary .bad { color: #b3261e; }
.summary code { font: 13px/1.5 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
"""


def plain(name: str) -> str:
    """A name that no page or plot can take for markup; different names stay different.

    Characters beyond letters, digits and a few signs become their code point; long names are cut and end in a digest.
    """
    escaped = re.sub(r"[^\w .:/+\-]", lambda found: f"\\u{{{ord(found[0]):x}}}", name)
    if len(escaped) <= LONGEST_NAME:
        return escaped
    return f"{escaped[: LONGEST_NAME - 9]}~{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def page(title: str, summary: str, widgets: Sequence[BaseWidgetInfo]) -> str:
    """A self-contained page; the same widgets give the same bytes.

    Args:
        title: Plain text.
        summary: HTML above the widgets; its texts escaped already.
        widgets: Evidently's.
    """
    name = "report"
    graphs = {
        graph.id: graph.params if isinstance(graph, AdditionalGraphInfo) else graph.dict()
        for widget in widgets
        for graph in widget.get_additional_graphs()
    }
    info = DashboardInfo(name="Report", widgets=list(widgets))
    shown = info.dict()
    for widget in shown["widgets"]:
        widget.pop("additionalGraphs", None)
    script = f"var {name} = {_script(shown)}; var additional_graphs_{name} = {_script(graphs)};"
    empty = TemplateParams(dashboard_id=name, dashboard_info=info, additional_graphs={}, embed_data=False)
    head = (
        f'<meta charset="UTF-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style>"
        f"<script>{_numbered(script, [*_ids(shown), *graphs])}</script>"
    )
    document: str = file_html_template(empty)
    document = document.replace("<head>", f"<head>{head}", 1)
    return document.replace("<body>", f'<body><main class="summary">{summary}</main>', 1).strip()


def _ids(shown: Any) -> Iterator[str]:
    """What Evidently calls its widgets, at any depth."""
    if isinstance(shown, dict):
        if isinstance(found := shown.get("id"), str):
            yield found
        for value in shown.values():
            yield from _ids(value)
    elif isinstance(shown, list):
        for value in shown:
            yield from _ids(value)


def _numbered(script: str, ids: Iterable[str]) -> str:
    """The same with a number for each UUID that Evidently drew for an id, so that drawing again gives the same page."""
    drawn = dict.fromkeys(found for name in ids for found in _UUID.findall(name))
    for at, name in enumerate(drawn):
        script = script.replace(name, f"widget-{at}")
    return script


def _script(value: Any) -> str:
    """JSON that can stand inside a script: no text in it can end the script or start another."""
    return json.dumps(value, cls=NumpyEncoder).replace("<", "\\u003c").replace(">", "\\u003e")
