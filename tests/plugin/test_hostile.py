"""Names and values that carry scripts, in every field that a page shows, in a real browser: none runs, none leaves."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page

from tests.browser import Browser
from tests.plugin import planted
from tests.plugin.conftest import Pages
from windtunnel.core.contracts import feed as made

RUN = "top.hacked=(top.hacked||0)+1;fetch('//{trap}/f');new Image().src='//{trap}/i'"
PAYLOADS = [
    "<script>RUN</script>",
    "</script><script>RUN</script>",
    "</title><script>RUN</script>",
    "</style><script>RUN</script>",
    "</textarea><script>RUN</script>",
    "<!--<script>RUN</script>-->",
    "--><script>RUN</script>",
    '<svg onload="RUN">',
    "<svg><script>RUN</script></svg>",
    '<svg><animate onbegin="RUN" attributeName=x dur=1s>',
    '<img src=x onerror="RUN">',
    "<img src='//TRAP/pixel'>",
    '<iframe srcdoc="<script>RUN</script>">',
    '<iframe src="javascript:RUN">',
    '<object data="data:text/html,<script>RUN</script>">',
    '<embed src="javascript:RUN">',
    '<body onload="RUN">',
    '<details open ontoggle="RUN">',
    '<video><source onerror="RUN">',
    '<audio src=x onerror="RUN">',
    '<input autofocus onfocus="RUN">',
    '<select autofocus onfocus="RUN">',
    '<marquee onstart="RUN">',
    "<math><mtext><script>RUN</script>",
    '<form action="//TRAP/form"><button autofocus>x</button></form>',
    '<meta http-equiv=refresh content="0;url=//TRAP/meta">',
    '<base href="//TRAP/">',
    '<link rel=stylesheet href="//TRAP/style">',
    "<style>@import '//TRAP/import';</style>",
    "<template><script>RUN</script></template><script>RUN</script>",
    '" onmouseover="RUN" autofocus onfocus="RUN" x="',
    "' onfocus='RUN' autofocus x='",
    '"><script>RUN</script>',
    "'><script>RUN</script>",
    "javascript:RUN",
    "{{ cycler.__init__.__globals__ }}{% raw %}<script>RUN</script>",
    "${RUN}`+RUN+`",
    "\u2028</script><script>RUN</script>",
    "\uff1cscript\uff1eRUN\uff1c/script\uff1e<script>RUN</script>",
    "&lt;script&gt;RUN&lt;/script&gt;<script>RUN</script>",
    "=cmd|' /C calc'!A1",
]


class Trap:
    """A server that nothing should ever ask."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        trap = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trap.asked.append(self.path)
                self.send_response(204)
                self.end_headers()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def armed(self, payload: str) -> str:
        """A payload that would ask this server."""
        return payload.replace("RUN", RUN).replace("TRAP", self.host).replace("{trap}", self.host)


@pytest.fixture(scope="module")
def trap() -> Trap:
    """Fails a test whose page asked it, and is shown to work by the last test."""
    return Trap()


@pytest.fixture(scope="module")
def hostile(pages: Pages, trap: Trap) -> Pages:
    """The model `hostile`: each payload in each text of a version, an entry, a window, a batch, a verdict and a report."""
    armed = [trap.armed(payload) for payload in PAYLOADS]
    body = b"<!doctype html><title>Report</title><p>clean"
    reports = [
        planted.report("audited", pages.put_object(f"reports/ingest/hostile/{at}.html", body), text)
        for at, text in enumerate(armed)
    ]
    csv = "\n".join(['"' + text.replace('"', '""') + '"' for text in armed]).encode()
    rejected = pages.put_object("feed/hostile/rejected/0.csv", csv)
    versions = [
        planted.version(
            at,
            **dict.fromkeys(("requested_by", "reason", "dataset_tag", "snapshot_id", "train", "git_commit"), text),
            **dict.fromkeys(
                ("image", "artefact_sha256", "package_arn", "gate_sentence", "forced_by", "approved_by"), text
            ),
            hyperparameters={text: text},
            metrics={"rmse": 1.0, text: 2.0},
        )
        for at, text in enumerate(armed)
    ]
    entries = [
        made.FeedEntry(sequence=at + 1, version=v.version, state="live", at=v.created_at, by=text, why=text)
        for at, (v, text) in enumerate(zip(versions, armed, strict=True))
    ]
    windows = [planted.window(at, drifted=(text,), failed=(text,), version=text) for at, text in enumerate(armed)]
    batches = [
        planted.batch(
            0,
            label=f"2026-01-{at:02d}",
            work=text,
            tag=text,
            quarantined=1,
            published=at % 2 == 0,
            unmet=(text,),
            reasons=(made.FeedReason(reason=text, rows=1),),
            reports=(reports[at].id,),
            rejected=rejected,
        )
        for at, text in enumerate(armed)
    ]
    verdicts = [
        planted.document("hostile").verdicts[0].model_copy(update={"sentence": text, "version": text}) for text in armed
    ]
    said: dict[str, Any] = {
        "about": armed[1],
        "owner": armed[10],
        "unit": armed[30],
        "verdict": verdicts[0],
        "data_until": armed[7],
    }
    pages.put(
        planted.document(
            "hostile",
            **said,
            versions=tuple(versions),
            entries=tuple(entries),
            windows=tuple(windows),
            batches=tuple(batches),
            verdicts=tuple(verdicts),
            reports=tuple(reports),
        )
    )
    return pages


def _quiet(page: Page, onlooker: Browser, trap: Trap) -> None:
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hacked") is None
    assert all(frame.evaluate("window.hacked") is None for frame in page.frames)
    assert trap.asked == []
    assert onlooker.seen(page).outside == []
    assert onlooker.seen(page).errors == []
    page.context.close()


ROUTES = [
    "/models",
    "/models/hostile",
    "/models/hostile/drift",
    "/models/hostile/compare?left=V1.1.1&right=V1.1.2",
    *(f"/models/hostile/data?window=2026-01-{at:02d}" for at in range(len(PAYLOADS))),
    *(f"/models/hostile/versions/V1.1.{at}" for at in range(0, len(PAYLOADS), 4)),
]


@pytest.mark.timeout(1500)
@pytest.mark.usefixtures("hostile")
def test_nothing_that_came_with_the_data_runs_on_any_page(onlooker: Browser, trap: Trap) -> None:
    assert len(PAYLOADS) >= 40
    page = onlooker.page("vic", "/windtunnel/models")
    for route in ROUTES:
        page.goto(f"{onlooker.url}/windtunnel{route}")
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("window.hacked") is None, route
        assert trap.asked == [], route
    _quiet(page, onlooker, trap)


@pytest.mark.timeout(1500)
@pytest.mark.usefixtures("hostile")
def test_nothing_that_stands_in_an_address_runs(onlooker: Browser, trap: Trap) -> None:
    from urllib.parse import quote

    page = onlooker.page("vic", "/windtunnel/models")
    for payload in PAYLOADS:
        text = quote(trap.armed(payload), safe="")
        for path in (f"/models/flights/lineage?id={text}", f"/models/flights/drift?window={text}", f"/models/{text}"):
            page.goto(f"{onlooker.url}/windtunnel{path}")
            assert page.evaluate("window.hacked") is None, path
    assert page.evaluate("window.hacked") is None
    assert trap.asked == []
    assert onlooker.seen(page).outside == []
    page.context.close()


def test_a_deep_link_leads_nowhere_but_to_a_page_of_ours(onlooker: Browser, trap: Trap) -> None:
    for view in (
        f"//{trap.host}/x",
        f"http://{trap.host}/x",
        "javascript:top.hacked=1",
        f"/windtunnel/..//{trap.host}",
        "/auth/logout",
    ):
        page = onlooker.page("admin", f"/plugin/models?view={view}")
        page.frame_locator("iframe[title=Models]").get_by_role("heading", name="Models").wait_for()
        assert page.evaluate("window.hacked") is None
        assert onlooker.seen(page).outside == []
        page.context.close()
    assert trap.asked == []


def test_a_report_whose_scripts_run_is_alone_in_the_world(pages: Pages, onlooker: Browser, trap: Trap) -> None:
    """As a raw report of Evidently, with a column's name in its script: not what our stages write, which escape it."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    column = trap.armed("</script><script>document.title='ran';try{RUN}catch(e){}</script>")
    frame = pd.DataFrame({column: [1.0, 2.0, 3.0, 4.0] * 20})
    html = Report([DataDriftPreset()]).run(frame, frame).get_html_str(as_iframe=False)
    assert column in html
    report = planted.report("drift", pages.put_object("reports/monitor/m06/raw.html", html.encode()))
    window = planted.window(0, report=report.id)
    pages.put(planted.document("m06", windows=(window,), reports=(report,)))

    page = onlooker.page("vic", "/windtunnel/models/m06/drift")
    page.wait_for_load_state("networkidle")
    (framed,) = [frame for frame in page.frames if report.id in frame.url]
    assert framed.evaluate("document.title") == "ran", "the report's own scripts run, and so does what is among them"
    assert page.evaluate("window.hacked") is None
    page.goto(f"{onlooker.url}/windtunnel/models/m06/reports/{report.id}")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.origin") == "null"
    with pytest.raises(Exception, match=r"SecurityError|denied|sandboxed"):
        page.evaluate("document.cookie")
    assert trap.asked == []
    page.context.close()


def test_the_trap_would_have_noticed(trap: Trap) -> None:
    import httpx

    httpx.get(f"http://{trap.host}/seen", trust_env=False)
    assert trap.asked.pop() == "/seen"
