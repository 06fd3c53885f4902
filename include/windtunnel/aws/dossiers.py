"""Dossiers in S3, each under the digest of its bytes: written once, and never taken for another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlparse

from windtunnel.aws import objects
from windtunnel.aws.clients import client
from windtunnel.core.contracts import Dossier, RegisteredVersion
from windtunnel.core.errors import ReleaseRefused, SourceMissing
from windtunnel.core.marks import shared_write
from windtunnel.core.settings import settings


def put(model: str, page: bytes, document: bytes) -> tuple[str, str]:
    """Write a page and its document, both named after the page's digest. A repeat finds its own bytes there.

    Returns:
        The addresses of the page and of the document.
    """
    base = settings().uri("dossiers", model, hashlib.sha256(page).hexdigest())
    with shared_write("dossier.document"):
        objects.put_once(f"{base}.json", document, content_type="application/json")
    with shared_write("dossier.page"):
        objects.put_once(f"{base}.html", page, content_type="text/html; charset=utf-8")
    return f"{base}.html", f"{base}.json"


def require_unchanged(dossier: Dossier) -> None:
    """Read page and document again and compare them with what the contract says.

    Raises:
        ReleaseRefused: They have other bytes, or are gone.
    """
    for address, wanted in ((dossier.page, dossier.sha256), (dossier.document, dossier.document_sha256)):
        found = hashlib.sha256(objects.get(address)).hexdigest() if objects.exists(address) else "nothing"
        if found != wanted:
            raise ReleaseRefused(
                f"The dossier of {dossier.registered.version} was written with the SHA-256 `{wanted}`; at its address "
                f"there is `{found}` now. An answer is about the bytes that were read: find out who changed them, and "
                "clear `document` of the run of `shadow` that wrote it.",
                report=address,
            )


def read(registered: RegisteredVersion, evidence: Mapping[str, str]) -> Dossier:
    """The dossier of a version as `document` returned it, from its bytes and what the ledger says of them.

    Args:
        registered: The version.
        evidence: Of its entry `awaiting-approval`: `dossier`, `dossier_sha256` and `dossier_document`.

    Raises:
        SourceMissing: The page or the document is gone, or this code cannot read it.
        ReleaseRefused: They have other bytes than those that were written.
    """
    from windtunnel.ml import dossier

    body = objects.get_if_there(evidence["dossier_document"])
    if body is None:
        raise SourceMissing(f"The document `{evidence['dossier_document']}` of {registered.version} is gone.")
    try:
        document = dossier.Document.model_validate_json(body[0])
    except ValueError as error:
        raise SourceMissing(
            f"`{evidence['dossier_document']}` was written by another release of windtunnel, which reads it: {error}"
        ) from error
    written = Dossier(
        registered=registered,
        champion=document.evidence.shadowed.champion,
        page=evidence["dossier"],
        sha256=evidence["dossier_sha256"],
        document=evidence["dossier_document"],
        document_sha256=hashlib.sha256(body[0]).hexdigest(),
        summary=dossier.summary(document, link(evidence["dossier"])),
    )
    require_unchanged(written)
    # The page vouches for the document: the ledger has the digest of the page alone.
    if written.document_sha256 not in objects.get(written.page).decode():
        raise ReleaseRefused(
            f"The page of {registered.version} was drawn from another document than lies beside it.",
            report=written.document,
        )
    return written


def link(uri: str) -> str:
    """Where a person opens an object in a browser: AWS's console, or the embedded AWS itself."""
    bucket, key = objects.split(uri)
    s3 = client("s3").meta
    host = urlparse(s3.endpoint_url).hostname or ""
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        region = s3.region_name
        asked = urlencode({"region": region, "prefix": key})
        return f"https://{region}.console.aws.amazon.com/s3/object/{quote(bucket)}?{asked}"
    return f"{s3.endpoint_url}/{quote(bucket)}/{quote(key)}"
