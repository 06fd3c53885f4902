"""Who sees a page: nobody without a login, nobody without the right to read the DAG behind it; and no page writes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plugin import planted
from tests.plugin.conftest import Pages

REPORT = planted.report("dossier", "s3://pages/dossiers/access/one.html")
PATHS = {
    "/static/{name}": "/static/windtunnel.css",
    "/models": "/models",
    "/models/{model}": "/models/m01",
    "/models/{model}/versions/{version}": "/models/m01/versions/V1.1.1",
    "/models/{model}/compare": "/models/m01/compare?left=V1.1.0&right=V1.1.1",
    "/models/{model}/lineage": "/models/m01/lineage",
    "/models/{model}/dossiers/{version}": "/models/m01/dossiers/V1.1.1",
    "/models/{model}/drift": "/models/m01/drift",
    "/models/{model}/data": "/models/m01/data",
    "/models/{model}/rejected/{rows_id}.csv": "/models/m01/rejected/0.csv",
    "/models/{model}/reports/{report_id}": f"/models/m01/reports/{REPORT.id}",
    "/dags/{dag_id}": "/dags/m01_train",
    "/dags/{dag_id}/run": "/dags/m01_train/run?run_id=none",
}
"""Every route, and an address of it; a route without one fails the first test."""

BEHIND = {
    path: path.format(model="m02", version="V1.1.1", rows_id="0", report_id="0", name="x", dag_id="m02_train")
    for path in PATHS
}


@pytest.fixture(scope="module")
def narrow(pages: Pages) -> Iterator[httpx.Client]:
    """Somebody whose role may read the DAGs of m01, and `ingest` alone of m03."""
    given = {"username": "nora", "password": "narrow"}
    token = httpx.post(f"{pages.where.web_url}/auth/token", json=given, trust_env=False).json()["access_token"]
    with httpx.Client(base_url=f"{pages.where.web_url}/windtunnel", trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def test_every_route_has_an_address_here_and_only_reads() -> None:
    from windtunnel_ui.app import app

    routes = {route.path: route.methods for route in app.routes}  # type: ignore[attr-defined]
    assert routes == {path: {"GET"} for path in PATHS}


@pytest.mark.parametrize("path", [*PATHS.values(), "/docs", "/redoc", "/openapi.json", "/static/../app.py", "/"])
def test_nobody_sees_anything_without_a_login(pages: Pages, path: str) -> None:
    answer = pages.get(path, person=None)
    assert answer.status_code == (401 if path in PATHS.values() else 404), answer.text
    assert "m01" not in answer.text


@pytest.mark.parametrize("path", PATHS.values())
def test_a_forged_token_opens_nothing(pages: Pages, path: str) -> None:
    url = f"{pages.where.web_url}/windtunnel{path}"
    for headers in ({"Authorization": "Bearer x.y.z"}, {"Cookie": "_token=x.y.z"}):
        assert httpx.get(url, headers=headers, trust_env=False).status_code in (401, 403)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_page_takes_anything(pages: Pages, method: str) -> None:
    with httpx.Client(base_url=f"{pages.where.web_url}/windtunnel", trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {pages.token('admin')}"
        assert {client.request(method, path).status_code for path in PATHS.values()} == {405}


def test_a_person_sees_the_models_of_the_dags_they_may_read(narrow: httpx.Client) -> None:
    shown = narrow.get("/models")
    assert shown.status_code == 200
    assert "/windtunnel/models/m01" in shown.text
    assert "/windtunnel/models/m02" not in shown.text
    assert narrow.get("/models/m01").status_code == 200


@pytest.mark.parametrize("path", [path for path in PATHS if "{model}" in path or "{dag_id}/run" in path])
def test_a_model_that_a_person_may_not_read_is_not_there(narrow: httpx.Client, path: str) -> None:
    refused = narrow.get(BEHIND[path], params={"left": "V1.1.0", "right": "V1.1.1", "run_id": "r"})
    assert refused.status_code == 404
    assert "that you may see" in refused.text


def test_each_part_of_a_model_hangs_on_its_own_dag(narrow: httpx.Client, pages: Pages) -> None:
    report = planted.report("drift", pages.put_object("reports/monitor/m03/one.html", b"<p>Secret"))
    pages.put(planted.document("m03", reports=(report,)))
    assert narrow.get("/models/m03/data").status_code == 200
    for path in ("", "/drift", "/lineage", "/dossiers/V1.1.1", f"/reports/{report.id}"):
        assert narrow.get(f"/models/m03{path}").status_code == 404, path


@given(st.one_of(st.text(max_size=80), st.from_regex(r"(\.\.|%2e%2e|/|%2f|\\|%00|[a-z0-9])*", fullmatch=True)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leads_to_an_object_that_is_not_in_the_table(pages: Pages, path: str) -> None:
    from urllib.parse import quote

    pages.put_object("secret.html", b"leaked")
    for encoded in (quote(path, safe=""), quote(path, safe="/%")):
        for place in (f"/models/m01/reports/{encoded}", f"/models/m01/rejected/{encoded}.csv", f"/static/{encoded}"):
            answer = pages.get(place)
            assert answer.status_code in (200, 307, 400, 404), (place, answer.status_code)
            assert "leaked" not in answer.text


def test_an_address_outside_of_the_reports_is_refused_even_from_the_table(pages: Pages) -> None:
    pages.put_object("landing/flights/secret.csv", b"leaked")
    addresses = ("s3://pages/landing/flights/secret.csv", "s3://other/reports/x.html", "http://169.254.169.254/x")
    reports = tuple(planted.report("audited", address) for address in addresses)
    pages.put(planted.document("m04", reports=reports))
    for report in reports:
        answer = pages.get(f"/models/m04/reports/{report.id}")
        assert answer.status_code == 404
        assert "leaked" not in answer.text
