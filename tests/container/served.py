"""What the tests of the container share: generated flights, and `serve` as a real process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pandas as pd

INCLUDE = Path(__file__).parents[2] / "include"
PORTS = range(15250, 15300)


@dataclass
class Server:
    """A running `serve`."""

    client: httpx.Client
    process: subprocess.Popen[bytes]
    seconds: float
    "From the start of the process to the first 200 of /ping."


def generated_flights(count: int, seed: int = 0) -> pd.DataFrame:
    """Published rows of January 2013 with a plain rule behind them; every thirtieth flight never left."""
    random = np.random.default_rng(seed)
    minute = random.integers(300, 1400, count)
    late = random.exponential(20, count).round() - 8
    return pd.DataFrame(
        {
            "flight_id": [f"generated-{number:06d}" for number in range(count)],
            "scheduled_at": pd.Timestamp("2013-01-01") + pd.to_timedelta(np.arange(count) % 31, unit="D"),
            "weekday": random.integers(0, 7, count),
            "sched_dep_minute": minute,
            "sched_dep_hour": minute // 60,
            "sched_arr_minute": (minute + 150) % 1440,
            "dep_delay": late,
            "distance": random.integers(100, 2500, count),
            "carrier": random.choice(["UA", "B6", "DL"], count),
            "origin": random.choice(["EWR", "JFK", "LGA"], count),
            "dest": random.choice(["IAH", "BOS", "MIA", "ORD"], count),
            "departed": np.where(np.arange(count) % 30 == 0, 0, 1),
            "arr_delay": late - 5 + random.normal(0, 10, count),
        }
    )


@contextmanager
def serving(base: Path, **environment: str) -> Iterator[Server]:
    """`serve` on the artefact in `<base>/model`, stopped on leaving."""
    port = free_port()
    started = time.monotonic()
    process = start(base, SAGEMAKER_BIND_TO_PORT=str(port), **environment)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            while not healthy(client):
                assert process.poll() is None, process.communicate()[1].decode()
                assert time.monotonic() - started < 120, "`serve` is not healthy after two minutes"
                time.sleep(0.02)
            yield Server(client, process, time.monotonic() - started)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def start(base: Path, **environment: str) -> subprocess.Popen[bytes]:
    """The program as the embedded AWS starts it."""
    variables = {"SAGEMAKER_BASE_DIR": str(base), "PYTHONPATH": str(INCLUDE), **environment}
    return subprocess.Popen(
        [sys.executable, str(INCLUDE / "model_image" / "serve")],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def healthy(client: httpx.Client) -> bool:
    """Whether the server answers /ping."""
    try:
        return client.get("/ping").status_code == 200
    except httpx.TransportError:
        return False


def free_port() -> int:
    """A port of this folder's range that nobody listens on."""
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"No free port from {PORTS.start} to {PORTS.stop - 1}. Stop what listens there.")
