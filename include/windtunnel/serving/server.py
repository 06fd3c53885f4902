"""The HTTP side of the model server: SageMaker's `/ping` and `/invocations`."""

from __future__ import annotations

from typing import cast

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from windtunnel.ml.container import Container
from windtunnel.serving.format import format, negotiate  # noqa: A004 - one of a server's four words
from windtunnel.serving.load import Model, load
from windtunnel.serving.parse import parse
from windtunnel.serving.predict import predict
from windtunnel.serving.refusal import Refusal
from windtunnel.serving.vitals import Vitals

LARGEST_BODY = 6 * 1024 * 1024
"""Bytes; what SageMaker passes on to a real-time endpoint."""

INLINE_BODY = 64 * 1024
"""Bytes; above it a request is answered in a thread, so that /ping is never late. Below, a thread costs more."""


def serve(container: Container) -> None:
    """Load the container's model and answer requests until SIGTERM.

    Raises:
        ArtefactInvalid: The model is not what it should be; the server never starts to listen.
    """
    print(f"serve `{container.model}` on {container.host}:{container.port}", flush=True)
    model = load(container.model, container.artefact_sha256)
    print(f"loaded `{model.artefact.signature.model}` artefact `{model.artefact.sha256}`", flush=True)
    vitals = None
    if container.endpoint is not None:
        vitals = Vitals(model.artefact.signature.answers, container.endpoint, container.version)
        vitals.print_every(container.vitals_seconds)
    uvicorn.run(
        application(model, vitals),
        host=container.host,
        port=container.port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )


def application(model: Model, vitals: Vitals | None = None) -> Starlette:
    """The server of one model, as an ASGI application; `vitals` counts its answers."""

    async def ping(_: Request) -> Response:
        return Response()

    async def invocations(request: Request) -> Response:
        body = await _body(request)
        if len(body) > INLINE_BODY:
            return await run_in_threadpool(answer, model, body, request, vitals)
        return answer(model, body, request, vitals)

    return Starlette(
        routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])],
        exception_handlers={Refusal: _refused, HTTPException: _no_such_route, Exception: _failed},
    )


def answer(model: Model, body: bytes, request: Request, vitals: Vitals | None = None) -> Response:
    """The answer to one request for predictions.

    Raises:
        Refusal: The request cannot be answered.
    """
    content_type = request.headers.get("content-type", "")
    columns = parse(body, content_type, model.artefact.signature)
    kind = negotiate(request.headers.get("accept"), content_type)
    predictions = predict(model.scorer, columns, vitals.note if vitals is not None else None)
    return Response(format(predictions, kind), media_type=kind)


async def _body(request: Request) -> bytes:
    """The body, read no further than allowed."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            allowed = f"{LARGEST_BODY} bytes"
            raise Refusal(413, f"The body is larger than {allowed}. Send fewer rows at a time.", allowed=allowed)
    return bytes(body)


def _json(status: int, refusal: Refusal, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(refusal.body()), status, headers, media_type="application/json")


def _refused(_: Request, error: Exception) -> Response:
    refusal = cast("Refusal", error)
    return _json(refusal.status, refusal)


def _no_such_route(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    allowed = "GET /ping and POST /invocations"
    message = f"{error.detail}: `{request.method} {request.url.path}`. Allowed: {allowed}."
    refusal = Refusal(error.status_code, message, found=f"{request.method} {request.url.path}", allowed=allowed)
    return _json(error.status_code, refusal, dict(error.headers or {}))


def _failed(_: Request, error: Exception) -> Response:
    return _json(500, Refusal(500, f"The server failed: {type(error).__name__}. Its log has the reason."))
