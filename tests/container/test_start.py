"""How `serve` starts, how it refuses to, and how it stops."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.container.served import INCLUDE, Server, free_port, healthy, serving, start
from windtunnel.ml import artefact

HEAVY = ("pandas", "sklearn", "scipy", "pyarrow", "skl2onnx", "skops", "onnx")


@pytest.fixture
def spoiled(base: Path, tmp_path: Path) -> Callable[[str, Callable[[Any], Any]], Path]:
    """A copy of the model with one JSON file changed and its digest made to match."""

    def spoil(name: str, change: Callable[[Any], Any]) -> Path:
        shutil.copytree(base / "model", tmp_path / "model")
        path, listing = (tmp_path / "model" / file for file in (name, artefact.LISTING))
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
        digests = json.loads(listing.read_text()) | {name: hashlib.sha256(path.read_bytes()).hexdigest()}
        listing.write_text(json.dumps(digests))
        return tmp_path

    return spoil


def refusal(base: Path, **environment: str) -> str:
    """What `serve` says when it refuses to start; it must not have listened."""
    process = start(base, SAGEMAKER_BIND_TO_PORT=str(free_port()), **environment)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    last = errors.decode().strip().splitlines()[-1]
    assert (base / "output" / "failure").read_text()[:200] in last.removeprefix("windtunnel.core.errors.")
    return last


def test_start_and_memory(server: Server) -> None:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    print(f"\n/ping answered after {server.seconds:.2f} s; {memory / 1024:.0f} MB resident")
    assert memory / 1024 < 120  # how long it takes, `make bench-serving` judges


def test_the_server_imports_nothing_heavy() -> None:
    code = f"import sys, windtunnel.serving.server; print([name for name in {HEAVY} if name in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(INCLUDE)}, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"


def test_the_expected_artefact_is_served(base: Path) -> None:
    with serving(base, WINDTUNNEL_ARTEFACT_SHA256=artefact.read(base / "model").sha256) as server:
        assert healthy(server.client)


def test_another_artefact_than_expected_is_not_served(base: Path) -> None:
    found = artefact.read(base / "model").sha256
    told = refusal(base, WINDTUNNEL_ARTEFACT_SHA256="f" * 64)
    assert f"has the digest `{found}`, expected is `{'f' * 64}`" in told


def test_a_malformed_variable_is_told(base: Path) -> None:
    process = start(base, SAGEMAKER_BIND_TO_PORT="http")
    assert b"`SAGEMAKER_BIND_TO_PORT` is `http`" in process.communicate(timeout=120)[1]
    assert process.returncode == 1


def test_an_altered_model_is_not_served(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "model", tmp_path / "model")
    model = tmp_path / "model" / "model.onnx"
    model.write_bytes(model.read_bytes() + b"\x00")
    assert "`model.onnx`" in refusal(tmp_path)


def test_an_empty_folder_is_not_served(tmp_path: Path) -> None:
    assert "`artefact.json` is missing" in refusal(tmp_path)


def test_a_model_that_answers_its_golden_rows_otherwise_is_not_served(
    spoiled: Callable[[str, Callable[[Any], Any]], Path],
) -> None:
    def shift(golden: dict[str, Any]) -> dict[str, Any]:
        golden["predictions"][3] += 0.01
        return golden

    assert "Golden row 3 scores" in refusal(spoiled("golden.json", shift))


def test_a_signature_of_another_model_is_not_served(spoiled: Callable[[str, Callable[[Any], Any]], Path]) -> None:
    def rename(signature: dict[str, Any]) -> dict[str, Any]:
        signature["features"][0]["name"] = "day_of_week"
        return signature

    assert "its signature says" in refusal(spoiled("signature.json", rename))


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_frees_its_port(base: Path, kind: signal.Signals) -> None:
    with serving(base) as server:
        server.process.send_signal(kind)
        server.process.wait(timeout=30)
        assert not healthy(server.client)
