"""Interface: what a model takes and answers, told in JSON: `/metadata`, and the OpenAPI of the paths that answer."""

from __future__ import annotations

from typing import Any

from windtunnel.ml.artefact import Artefact, Feature
from windtunnel.serving.columns import LARGEST
from windtunnel.serving.parse import CSV, JSON, JSON_LINES, TABLES

ERRORS = {
    "400": "A value, a row or the body is not what the model takes; the answer names it.",
    "406": "Accept names no type that is written here.",
    "408": "The request did not arrive in time.",
    "413": "The body is larger, or has more rows, than is allowed.",
    "415": "Content-Type names nothing that is read here.",
}


def metadata(artefact: Artefact) -> dict[str, Any]:
    """Model, digest, features, target, unit, libraries."""
    return {
        "model": artefact.signature.model,
        "artefact_sha256": artefact.sha256,
        "signature": artefact.signature.model_dump(mode="json"),
        "example": {"instances": [_example(artefact)]},
    }


def paths(artefact: Artefact) -> dict[str, Any]:
    """The OpenAPI path items of `/invocations`, `/batch`, `/stream` and `/explain`."""
    features = artefact.signature.features
    many = _operation(
        "Predictions of rows, in their order",
        {
            JSON: {"schema": _rows(artefact), "example": {"instances": [_example(artefact)]}},
            # OpenAPI has no words for what is in a text.
            JSON_LINES: {"schema": {"type": "string", "description": "One row per line, an object or a list."}},
            CSV: {"schema": {"type": "string", "description": "One row per line, in the order of the features."}},
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in TABLES},
        },
        {
            JSON: {"schema": _object(predictions={"type": "array", "items": {"type": "number"}})},
            JSON_LINES: {"schema": {"type": "string"}},
            CSV: {"schema": {"type": "string"}},
        },
    )
    one = _operation(
        "The prediction of one row",
        {JSON: {"schema": _row(artefact), "example": _example(artefact)}},
        {JSON: {"schema": _object(prediction={"type": "number"})}},
    )
    explained = _operation(
        "The prediction of one row, and what each feature adds to it",
        {
            JSON: {"schema": _rows(artefact, 1), "example": {"instances": [_example(artefact)]}},
        },
        {
            JSON: {
                "schema": _object(
                    predictions={"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 1},
                    explanation=_object(
                        unit={"type": "string"},
                        base={"type": "number"},
                        contributions=_object(**{feature.name: {"type": "number"} for feature in features}),
                        background_rows={"type": "integer"},
                    ),
                )
            }
        },
        {"429": "Too many ask for explanations at once."},
    )
    return {
        "/invocations": {"post": many | {"operationId": "invocations"}},
        "/batch": {"post": many | {"operationId": "batch"}},
        "/stream": {"post": one | {"operationId": "stream"}},
        "/explain": {"post": explained | {"operationId": "explain"}},
    }


def _operation(
    summary: str, takes: dict[str, Any], answers: dict[str, Any], errors: dict[str, str] | None = None
) -> dict[str, Any]:
    error = {
        "error": _object(
            message={"type": "string"},
            column={"type": ["string", "null"]},
            row={"type": ["integer", "null"]},
            found={"type": ["string", "null"]},
            allowed={"type": ["string", "null"]},
        )
    }
    refusals = {
        status: {"description": words, "content": {JSON: {"schema": _object(**error)}}}
        for status, words in (ERRORS | (errors or {})).items()
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": takes},
        "responses": {"200": {"description": "The answer.", "content": answers}, **refusals},
    }


def _rows(artefact: Artefact, most: int | None = None) -> dict[str, Any]:
    features = artefact.signature.features
    many = {"type": "array", "minItems": 1} | ({"maxItems": most} if most else {})
    as_list = {
        "type": "array",
        "prefixItems": [_value(feature) for feature in features],
        "items": False,
        "minItems": len(features),
    }
    return {
        "oneOf": [
            _object(instances=many | {"items": _row(artefact)}),
            _object(instances=many | {"items": as_list}),
            _object(
                columns={"const": [feature.name for feature in features]},
                rows=many | {"items": as_list},
            ),
        ]
    }


def _row(artefact: Artefact) -> dict[str, Any]:
    return _object(**{feature.name: _value(feature) for feature in artefact.signature.features})


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _value(feature: Feature) -> dict[str, Any]:
    if feature.kind == "string":
        # NUL ends a text in C.
        found: dict[str, Any] = {
            "type": "string",
            "pattern": "^[^\\u0000]*$",
            "minLength": 0 if feature.nullable else 1,
        }
        if feature.categories:
            found["examples"] = list(feature.categories[:5])
    else:
        largest = LARGEST[feature.kind]
        kind = "integer" if feature.kind == "int64" else "number"
        found = {"type": kind, "minimum": -largest, "maximum": largest}
    if feature.nullable:
        found["type"] = [found["type"], "null"]
    return found


def _example(artefact: Artefact) -> dict[str, Any]:
    return dict(zip(artefact.golden.columns, artefact.golden.rows[0], strict=True))
