"""The application of the pages: every route is behind a login and behind the right to read what it shows; none writes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from windtunnel_ui import access, comparison, concerns, data, drift, evidence, feed, runs, timeline
from windtunnel_ui.frame import Frame, html, plain
from windtunnel_ui.store import Away, Missing, TooLarge

STATIC = Path(__file__).parent / "static"
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
STATICS = {path.name: (path.read_bytes(), KINDS[path.suffix]) for path in STATIC.iterdir() if path.suffix in KINDS}

MODEL = re.compile(r"^[a-z][a-z0-9-]{0,29}$")

app = FastAPI(
    title="windtunnel",
    dependencies=[Depends(access.signed_in)],
    # They would be open to everybody, and nothing but the pages calls these routes.
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)
frame = Frame(app)


async def _known(request: Request, model: str) -> runs.Known:
    """What Airflow knows of a model that the person may see."""
    readable = await runs.in_thread(access.readable_dags, request)
    known = await runs.known(model, readable) if MODEL.match(model) else None
    if known is None:
        raise HTTPException(404, f"There is no model `{model}` that you may see.")
    return known


async def _document(known: Annotated[runs.Known, Depends(_known)]) -> dict[str, Any]:
    return await feed.model(known.model)


Model = Annotated[runs.Known, Depends(_known)]
Document = Annotated[dict[str, Any], Depends(_document)]


@app.get("/static/{name}")
async def static(name: str) -> Response:
    """Style, script and icons: nothing in them is secret, yet no route is open."""
    if name not in STATICS:
        raise HTTPException(404, f"There is no file `{name}`.")
    body, kind = STATICS[name]
    return Response(body, media_type=kind, headers={"Cache-Control": "private, max-age=300"})


@app.get("/models")
async def models(request: Request) -> Response:
    """Every model in a line: is anything wrong, and is anything waiting for me?"""
    readable = await runs.in_thread(access.readable_dags, request)
    known = await runs.models(readable)
    lines = await feed.summaries(known)
    mine = await runs.in_thread(lambda: {name for name in known if access.may_answer(request, f"{name}_approve")})
    found = {name: concerns.of(one, lines[name]) for name, one in known.items()}
    worst = {name: concerns.word(of_model) for name, of_model in found.items()}
    rows = [
        {"model": name, "known": one, "line": lines[name], "concerns": found[name], "word": worst[name]}
        for name, one in sorted(known.items(), key=lambda item: concerns.LEVELS.index(worst[item[0]][0]))
    ]
    return html(request, "models.html", rows=rows, mine=mine)


@app.get("/models/{model}", dependencies=[Depends(access.of("model"))])
async def model(request: Request, known: Model, document: Document, before: Annotated[str, Query()] = "") -> Response:
    """One model: what is wrong, what was live when, its versions, everything that happened."""
    found = concerns.of(known, {**document["summary"], "away_seconds": document["away_seconds"]})
    happenings, older = timeline.happenings(document, before)
    return html(
        request,
        "model.html",
        known=known,
        document=document,
        concerns=found,
        happenings=happenings,
        older=older,
        before=before,
        may_answer=await runs.in_thread(access.may_answer, request, f"{known.model}_approve"),
    )


@app.get("/models/{model}/versions/{version}", dependencies=[Depends(access.of("model"))])
async def version(request: Request, known: Model, document: Document, version: str) -> Response:
    """One version: what it is made of, how it did, who let it through."""
    made = _version(document, version)
    entries = [entry for entry in document["entries"] if entry["version"] == version]
    services = [stretch for stretch in document["services"] if stretch["version"] == version]
    return html(request, "version.html", known=known, document=document, made=made, entries=entries, services=services)


@app.get("/models/{model}/compare", dependencies=[Depends(access.of("model"))])
async def compare(request: Request, known: Model, document: Document, left: str, right: str) -> Response:
    """Two versions side by side."""
    one, other = _version(document, left), _version(document, right)
    return html(
        request,
        "compare.html",
        known=known,
        document=document,
        left=one,
        right=other,
        tables=[
            ("How well", comparison.metrics(one, other)),
            ("Hyper-parameters that a person chose", comparison.hyperparameters(one, other)),
            ("What they are made of", comparison.facts(one, other)),
        ],
        fair=one["holdout"] == other["holdout"],
    )


@app.get("/models/{model}/lineage", dependencies=[Depends(access.of("model")), Depends(access.of("drift"))])
async def lineage(request: Request, known: Model, document: Document, id: str = "") -> Response:  # noqa: A002
    """From one prediction, by its id, back to the rows that taught the version that made it."""
    event_id = id.strip()[:200]
    found = await feed.prediction(known.model, document["predictions"], event_id) if event_id else None
    chain = comparison.chain(document, found) if found else None
    return html(
        request, "lineage.html", known=known, document=document, event_id=event_id, prediction=found, chain=chain
    )


@app.get("/models/{model}/dossiers/{version}", dependencies=[Depends(access.of("dossier"))])
async def dossier(request: Request, known: Model, document: Document, version: str) -> Response:
    """The dossier of a version, and whether its bytes are those that it was recorded with."""
    made = _version(document, version)
    report = evidence.find(document, made["dossier"] or "")
    digest, fault = None, None
    if report:
        try:
            digest = hashlib.sha256((await evidence.read(report["address"])).body).hexdigest()
        except (Missing, Away, TooLarge) as error:
            fault = str(error)
    return html(
        request,
        "dossier.html",
        known=known,
        document=document,
        made=made,
        report=report,
        digest=digest,
        fault=fault,
    )


@app.get("/models/{model}/drift", dependencies=[Depends(access.of("drift"))])
async def drift_page(
    request: Request, known: Model, document: Document, window: str = "", beside: str = ""
) -> Response:
    """The monitor's windows, and one or two of their reports side by side."""
    return html(
        request, "drift.html", known=known, document=document, **drift.view(document, window=window, beside=beside)
    )


@app.get("/models/{model}/data", dependencies=[Depends(access.of("data"))])
async def data_page(request: Request, known: Model, document: Document, window: str = "", work: str = "") -> Response:
    """The ingestions, and of one of them: what was expected, which rows were set aside and why."""
    shown = await data.view(document, window=window, work=work)
    return html(request, "data.html", known=known, document=document, **shown)


@app.get("/models/{model}/rejected/{rows_id}.csv", dependencies=[Depends(access.of("data"))])
async def rejected(document: Document, rows_id: str) -> Response:
    """The rows of an ingestion that were set aside, as CSV."""
    batch = evidence.rejected(document, rows_id)
    if batch is None:
        raise HTTPException(404, f"There are no rejected rows `{rows_id}`.")
    read = await evidence.read(batch["rejected"])
    name = f"{document['summary']['model']}-{batch['label']}-rejected.csv"
    headers = {"Content-Disposition": f'attachment; filename="{re.sub(r"[^A-Za-z0-9._-]", "-", name)}"'}
    return Response(read.body, media_type="text/csv; charset=utf-8", headers=headers)


@app.get("/models/{model}/reports/{report_id}")
async def report(request: Request, known: Model, document: Document, report_id: str) -> Response:
    """The page of a report, sandboxed: it may hold whatever came with the data."""
    found = evidence.find(document, report_id)
    if found is None:
        raise HTTPException(404, f"There is no report `{report_id[:40]}`.")
    part = data.PART_OF_REPORT[found["kind"]]
    await runs.in_thread(access.of(part), request, known.model)
    try:
        read = await evidence.read(found["address"])
    except (Missing, Away, TooLarge) as error:
        return plain(f"This report cannot be shown. {error}", found["kind"])
    headers = {"Content-Security-Policy": evidence.policy(found["kind"])}
    return Response(read.body, media_type="text/html; charset=utf-8", headers=headers)


@app.get("/dags/{dag_id}")
async def dag(request: Request, dag_id: str) -> Response:
    """The tab of a DAG: the page that shows what it makes."""
    model, stage = _ours(dag_id)
    page = {"ingest": "/data", "monitor": "/drift"}.get(stage, "")
    return RedirectResponse(f"{request.scope['root_path']}/models/{quote(model)}{page}", 307)


@app.get("/dags/{dag_id}/run")
async def run(request: Request, dag_id: str, run_id: str) -> Response:
    """The tab of a DAG run: what it made, or what it is about."""
    model, stage = _ours(dag_id)
    if not await runs.in_thread(access.may_read, request, dag_id):
        raise HTTPException(404, f"There is no DAG `{dag_id}` that you may see.")
    known = await _known(request, model)
    found, events = await runs.made_by(dag_id, run_id)
    document = await feed.model(known.model)
    page = data.page_of_run(stage, events, document, f"{stage}:{run_id}")
    if page:
        return RedirectResponse(f"{request.scope['root_path']}/models/{quote(model)}{page}", 307)
    return html(request, "run.html", known=known, document=document, run=found, dag_id=dag_id, stage=stage)


def _version(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = comparison.version(document, name)
    if found is None:
        known = ", ".join(made["version"] for made in document["versions"][:5]) or "none yet"
        raise HTTPException(404, f"There is no version `{name[:40]}` of this model. The newest are: {known}.")
    return found


def _ours(dag_id: str) -> tuple[str, str]:
    split = runs.split(dag_id)
    if split is None or not MODEL.match(split[0]):
        raise HTTPException(404, "This DAG belongs to no model of windtunnel: there is nothing to show.")
    return split
