"""Pages: what a server tells about itself. Health, metadata, metrics and the OpenAPI document, by FastAPI."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import orjson
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from windtunnel.serving import interface
from windtunnel.serving.load import Model
from windtunnel.serving.refusal import Refusal
from windtunnel.serving.traffic import Traffic

OURS = "GET /ping, /health, /metadata, /metrics, /docs and POST /invocations, /batch, /stream, /explain"


def pages(model: Model, traffic: Traffic) -> FastAPI:
    """The application behind everything but predictions.

    Args:
        model: What is told of.
        traffic: Counts what was answered.
    """
    signature = model.artefact.signature
    app = FastAPI(
        title=f"{signature.model}: {signature.target} in {signature.unit}",
        version=model.artefact.sha256[:12],
        docs_url=None,
        redoc_url=None,
        exception_handlers={HTTPException: _no_such_route, Exception: _failed},
    )
    app.openapi = lambda: _document(app, model)  # type: ignore[method-assign]

    @app.get(
        "/ping",
        summary="Whether the server can answer: SageMaker asks every few seconds",
        response_class=Response,
        responses={200: {"description": "It can.", "content": {}}, 503: {"description": "It was told to stop."}},
    )
    async def ping() -> Response:
        return Response(status_code=503 if traffic.leaving else 200)

    @app.get("/health", summary="The same in words", responses={503: {"description": "It was told to stop."}})
    async def health() -> Response:
        status = "leaving" if traffic.leaving else "healthy"
        return _json({"status": status, "model": signature.model}, 503 if traffic.leaving else 200)

    @app.get("/metadata", summary="Model, digest, what a request takes and what an answer is")
    async def metadata() -> Response:
        return _json(interface.metadata(model.artefact))

    @app.get("/metrics", summary="Counts and latencies for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(cast("Any", traffic))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url="assets/swagger-ui-bundle.js",
            swagger_css_url="assets/swagger-ui.css",
            swagger_favicon_url="data:,",
        )

    app.mount("/assets", StaticFiles(packages=[("swagger_ui_bundle", str(_assets()))]))
    return app


def _assets() -> Path:
    """The folder of Swagger UI: a browser in a private network reaches no other."""
    from importlib.metadata import files

    found = next(file for file in files("swagger-ui-bundle") or () if file.name == "swagger-ui-bundle.js")
    return Path(str(found.locate())).parent


def _document(app: FastAPI, model: Model) -> dict[str, Any]:
    if not app.openapi_schema:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        document["paths"] |= interface.paths(model.artefact)
        app.openapi_schema = document
    return app.openapi_schema


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


async def _no_such_route(request: Request, error: HTTPException) -> Response:
    asked = f"{request.method} {request.url.path}"
    refusal = Refusal(error.status_code, f"{error.detail}: `{asked}`. Allowed: {OURS}.", found=asked, allowed=OURS)
    return _json(refusal.body(), error.status_code, dict(error.headers or {}))


async def _failed(_: Request, error: Exception) -> Response:
    refusal = Refusal(500, f"The server failed: {type(error).__name__}. Its log has the reason.")
    return _json(refusal.body(), 500)
