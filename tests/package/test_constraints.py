"""The constraints of the MWAA image: given as a path or an address, and asked for in words that say where they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local.fault import LocalFault
from local.mwaa.constraints import AIRFLOW, ESSENTIAL, Wanted, given

PINS = "# Written by Airflow\npandas==3.0.5\n"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serves a folder of files."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "pins.txt").write_text(PINS)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text(PINS)
    assert given(AIRFLOW, tmp_path / "kept", {"CONSTRAINTS": str(tmp_path / "pins.txt")}) == tmp_path / "pins.txt"
    assert not (tmp_path / "kept").exists()


def test_an_address_is_fetched(address: str, tmp_path: Path) -> None:
    path = given(ESSENTIAL, tmp_path / "kept", {"ESSENTIAL": f"{address}/pins.txt"})
    assert path.read_text() == PINS
    assert path.parent == tmp_path / "kept"


def test_an_address_without_a_file_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match=r"`CONSTRAINTS` is `http://127.*404"):
        given(AIRFLOW, tmp_path, {"CONSTRAINTS": f"{address}/none.txt"})


@pytest.mark.parametrize("wanted", [AIRFLOW, ESSENTIAL], ids=lambda wanted: wanted.variable)
def test_a_file_that_is_not_given_is_asked_for_by_its_name(wanted: Wanted, tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match=f"`{wanted.variable}` is ``. Allowed: .*{wanted.name}"):
        given(wanted, tmp_path, {})


def test_a_file_without_a_pin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html># a==1</html>")
    for path, said in ((tmp_path / "page.html", "It holds no line"), (tmp_path / "none.txt", "No such file")):
        with pytest.raises(LocalFault, match=said):
            given(AIRFLOW, tmp_path, {"CONSTRAINTS": str(path)})
