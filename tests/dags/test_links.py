"""The buttons of the tasks: where they lead, also where a task failed or had nothing to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from windtunnel.core.settings import settings
from windtunnel.core.window import Window
from windtunnel.orchestration import links

MAY = {"start": "2013-05-01", "end": "2013-06-01"}
WEEK = {"start": "2013-05-08", "end": "2013-05-15"}
REGISTERED = {"version": "V1.1.3", "package_arn": "arn"}


def led_to(link: links.Page, monkeypatch: pytest.MonkeyPatch, made: Any = None, given: tuple[Any, ...] = ()) -> str:
    """The path that the button of a task opens inside Airflow's frame; empty: no button."""
    monkeypatch.setattr("airflow.sdk.execution_time.xcom.XCom.get_value", lambda **_: made)
    operator: Any = SimpleNamespace(template_fields=("op_args",), op_args=given)
    key: Any = None
    address = link.get_link(operator, ti_key=key)
    if not address:
        return ""
    assert address.startswith(f"{settings().airflow_url}/plugin/models?")
    (view,) = parse_qs(urlsplit(address).query, strict_parsing=True)["view"]
    return view


def test_pages_are_opened_inside_airflow_with_the_path_as_one_value() -> None:
    path = links.drift("flights", Window.parse("2013-05-08", "2013-05-15"))
    assert path == "/windtunnel/models/flights/drift?window=2013-05-08_2013-05-15"
    assert links.page(path).endswith(
        "/plugin/models?view=%2Fwindtunnel%2Fmodels%2Fflights%2Fdrift%3Fwindow%3D2013-05-08_2013-05-15"
    )


@pytest.mark.parametrize(
    ("link", "made", "given", "path"),
    [
        (links.Model("flights"), None, (), "/windtunnel/models/flights"),
        (links.Version("flights"), REGISTERED, (), "/windtunnel/models/flights/versions/V1.1.3"),
        (
            links.Version("flights"),
            {"model": "flights", "version": "V1.1.3"},
            ({"registered": {"version": "V1.1.3"}, "previous": {"version": "V1.1.0"}},),
            "/windtunnel/models/flights/versions/V1.1.3",
        ),
        (
            links.Version("flights"),
            {"rehearsed": {"registered": REGISTERED}, "champion": "V1.1.0"},
            (),
            "/windtunnel/models/flights/versions/V1.1.3",
        ),
        (
            links.Dossier("flights"),
            None,
            ({"dossier": {"registered": REGISTERED, "champion": "V1.1.0"}, "until": "2013-06-01"},),
            "/windtunnel/models/flights/dossiers/V1.1.3",
        ),
        (
            links.DriftReport("flights"),
            {"sent": 1, "waiting": 0},
            ({"word": "watch", "window": WEEK}, {"span": MAY}),
            "/windtunnel/models/flights/drift?window=2013-05-08_2013-05-15",
        ),
        (links.DataQuality("flights"), [{"window": MAY}], (), "/windtunnel/models/flights/data?window=2013-05"),
        (
            links.DataQuality("flights"),
            {"loaded": {"window": MAY}},
            (),
            "/windtunnel/models/flights/data?window=2013-05",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, links.Page) else "",
)
def test_a_task_that_went_well_leads_to_what_it_made(
    link: links.Page, made: Any, given: tuple[Any, ...], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert led_to(link, monkeypatch, made, given) == path


def test_data_that_was_rejected_is_found_by_what_the_task_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [{"landed": {"window": MAY}}, {"landed": {"window": {"start": "2013-06-01", "end": "2013-07-01"}}}]
    found = led_to(links.DataQuality("flights"), monkeypatch, given=(files,))
    assert found == "/windtunnel/models/flights/data?window=2013-05-01_2013-07-01"


def test_a_release_that_was_refused_leads_to_its_version_and_not_to_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = {"previous": {"version": "V1.1.0"}, "registered": REGISTERED}
    assert led_to(links.Version("flights"), monkeypatch, given=(release,)).endswith("/versions/V1.1.3")


@pytest.mark.parametrize("link", [links.Version, links.Dossier, links.DriftReport, links.DataQuality])
def test_without_anything_to_show_there_is_no_button(link: type[links.Page], monkeypatch: pytest.MonkeyPatch) -> None:
    assert led_to(link("flights"), monkeypatch, given=([], {"model": "flights"}, "text")) == ""
