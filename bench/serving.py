"""Our model server beside those of others: the same model, the same rows, each server in an environment of its own.

    make bench-serving

Each server gets one core and one process, the client the other core. Rounds go through the servers in shuffled order.
Prints the CPU of the server's process tree per request, latencies, the time to /ping and the resident memory; then ours
answers a million requests, and its memory is read along the way. Ends with an error where ours is not as many times
cheaper as `LEAST_RATIO` asks, or beyond `MOST`. Every answer is compared with the trained model.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.peers.load import load, once, request
from bench.peers.servers import SERVERS, instances
from local.place import ROOT, VENVS
from local.ports import unused
from local.processes import below
from local.venvs import uv_path

PEERS = ROOT / "bench" / "peers"
SERVER_CORE, CLIENT_CORE = 0, 1
TICK = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 8
GROWTH = "% grown over the requests"
WARM_UP = 20_000
"""Requests before the memory is first read: until then buffers and caches fill."""
LEAST_RATIO = {"1 row as JSON": 60.0, "1,000 rows as CSV": 2.4}
"""How many times the CPU of ours every peer takes, at least."""


MOST = {"s to ready": 0.5, "MB resident": 120.0, "1 row as JSON: p99 ms": 2.0, GROWTH: 5.0}
"""Of ours. The latency is that of a quiet machine."""


def main() -> None:
    """Train, measure in rounds, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="of each load")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--requests", type=int, default=1_000_000, help="over which our memory must not grow")
    parser.add_argument("--servers", nargs="+", choices=[*SERVERS], default=[*SERVERS])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _train(folder)
        bins = {server: _environment(server, folder) for server in asked.servers}
        os.sched_setaffinity(0, {CLIENT_CORE})
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for _ in range(asked.rounds):
            for server in random.sample(asked.servers, len(asked.servers)):
                _measure(server, bins[server], folder, asked.seconds, found[server])
        if "windtunnel" in found and asked.requests:
            _endure(bins["windtunnel"], folder, asked.requests, found["windtunnel"])
    _print(found)
    if "windtunnel" in found and (short := _short(found)):
        sys.exit("\n".join(short))


def _train(folder: Path) -> None:
    """The flights model on generated flights; the rows of the bench, and what the estimator says of them."""
    code = (PEERS / "train.py").relative_to(ROOT)
    python = str(VENVS / "model_image/bin/python")
    subprocess.run([python, str(code), str(folder)], cwd=ROOT, env=_variables(folder, 0), check=True)


def _environment(server: str, folder: Path) -> Path:
    """The programs of a server, installed from its list where they are not yet."""
    if server == "windtunnel":
        return VENVS / "model_image" / "bin"
    venv, wanted = VENVS / f"bench-{server}", PEERS / f"{server}.in"
    mark = venv / "installed"
    if not mark.is_file() or mark.read_text() != wanted.read_text():
        print(f"setting up {server}", flush=True)
        uv = str(uv_path())
        python = str(VENVS / "model_image/bin/python")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", python, str(venv)], check=True)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(venv / "bin/python")]
        subprocess.run([*install, "-r", str(wanted)], check=True)
        mark.write_text(wanted.read_text())
    if server == "mlflow":
        made = [str(venv / "bin/python"), "-m", "bench.peers.mlflow_model", str(folder / "mlflow")]
        subprocess.run(made, cwd=ROOT, env=_variables(folder, 0), check=True, capture_output=True)
    return venv / "bin"


def _variables(folder: Path, port: int) -> dict[str, str]:
    features = folder / "features"
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT}",
        "WINDTUNNEL_BENCH": str(folder),
        "WINDTUNNEL_BENCH_FEATURES": features.read_text() if features.is_file() else "",
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_BIND_TO_PORT": str(port),
    }


@contextmanager
def _running(server: str, programs: Path, folder: Path) -> Iterator[tuple[int, int, float]]:
    """A server on its core: its process, its port, and the seconds until it was ready."""
    peer, port = SERVERS[server], unused(3)
    if server == "mlserver":
        _mlserver(folder / "mlserver", port)
    command = peer.start.format(bin=programs, port=port, folder=folder).split()
    variables = {**_variables(folder, port), "PATH": f"{programs}:{os.environ['PATH']}", **peer.variables}
    started = time.monotonic()
    with (folder / f"{server}.log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command],
            cwd=ROOT, env=variables, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            while not _ready(port, peer.ready):
                if process.poll() is not None or time.monotonic() - started > 120:
                    raise SystemExit(f"{server} did not start:\n{(folder / f'{server}.log').read_text()[-3000:]}")
                time.sleep(0.01)
            yield process.pid, port, time.monotonic() - started
        finally:
            for pid in (process.pid, *below(process.pid)):  # some start workers in sessions of their own
                with suppress(ProcessLookupError):  # it has ended by itself, and the reason was told
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def _mlserver(folder: Path, port: int) -> None:
    folder.mkdir(exist_ok=True)
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "debug": False, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "flights", "implementation": "bench.peers.mlserver_runtime.Flights"}
    (folder / "model-settings.json").write_text(json.dumps(model))


def _ready(port: int, path: str) -> bool:
    import http.client

    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False


def _measure(server: str, programs: Path, folder: Path, seconds: float, found: dict[str, list[float]]) -> None:
    peer, wanted = SERVERS[server], json.loads((folder / "wanted.json").read_text())
    with _running(server, programs, folder) as (process, port, ready):
        found["s to ready"].append(ready)
        found["MB resident"].append(sum(_memory(pid) for pid in (process, *below(process))))
        loads = {"1 row as JSON": ("application/json", json.dumps(peer.row(wanted["row"])).encode(), 1)}
        if peer.csv:
            header = ",".join(wanted["features"]) + "\n" if peer.csv.endswith("+") else ""
            body = (header + wanted["csv"]).encode()
            loads["1,000 rows as CSV"] = (peer.csv.removesuffix("+"), body, 1000)
        for name, (kind, body, rows) in loads.items():
            asked = request(peer.path, kind, body)
            expected = once(port, asked)
            _same(server, expected, wanted["predictions"][:rows])
            load(port, asked, expected, CONNECTIONS, 0.5)
            before = _cpu(process)
            done = load(port, asked, expected, CONNECTIONS, seconds)
            latencies = sorted(done.latencies)
            found[f"{name}: us of CPU"].append((_cpu(process) - before) / len(latencies) * 1e6)
            found[f"{name}: per second"].append(len(latencies) / done.seconds)
            for percent in (50, 99):
                found[f"{name}: p{percent} ms"].append(latencies[len(latencies) * percent // 100] * 1e3)
    print(f"{server}: {', '.join(f'{name} {values[-1]:.4g}' for name, values in found.items())}", flush=True)


def _endure(programs: Path, folder: Path, requests: int, found: dict[str, list[float]]) -> None:
    """Our memory before and after so many requests."""
    wanted = json.loads((folder / "wanted.json").read_text())
    asked = request("/invocations", "application/json", json.dumps(instances(wanted["row"])).encode())
    with _running("windtunnel", programs, folder) as (process, port, _):
        expected, done, at = once(port, asked), 0, []
        while done < WARM_UP + requests:
            if done >= WARM_UP:
                at.append(_memory(process))
            done += len(load(port, asked, expected, CONNECTIONS, 10).latencies)
        at.append(_memory(process))
    print(f"windtunnel: MB after each part of {done:,} requests: {', '.join(f'{each:.1f}' for each in at)}", flush=True)
    found[GROWTH].append((at[-1] / at[0] - 1) * 100)


def _same(server: str, answer: bytes, wanted: list[float]) -> None:
    """Whatever envelope a server puts them in, the numbers are the model's."""
    text = answer.decode()
    found = [float(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", text.rpartition('"data"')[2] or text)]
    if len(found) != len(wanted) or max(abs(a - b) for a, b in zip(found, wanted, strict=True)) > 1e-3:
        raise SystemExit(f"{server} answers {text[:300]}, the model {wanted[:5]}")


def _cpu(root: int) -> float:
    """Seconds of a process tree, with children that have ended."""
    ticks = 0
    for pid in (root, *below(root)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICK


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024 if "VmRSS:" in status else 0.0


def _print(found: dict[str, dict[str, list[float]]]) -> None:
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    print(f"\n{'':28}" + "".join(f"{server:>12}" for server in found))
    for name in names:
        cells = [statistics.median(values[name]) if name in values else None for values in found.values()]
        print(f"{name:28}" + "".join(f"{'-' if cell is None else format(cell, '.4g'):>12}" for cell in cells))


def _short(found: dict[str, dict[str, list[float]]]) -> list[str]:
    """Where ours is not as much cheaper as it should be, or not as good."""
    ours = {name: statistics.median(values) for name, values in found["windtunnel"].items()}
    told = [f"{name} is {ours[name]:.4g}; {most} is allowed" for name, most in MOST.items() if ours.get(name, 0) > most]
    for name, least in LEAST_RATIO.items():
        cost = {
            server: statistics.median(values[f"{name}: us of CPU"])
            for server, values in found.items()
            if f"{name}: us of CPU" in values
        }
        own = cost.pop("windtunnel")
        for server, theirs in cost.items():
            print(f"{name}: {server} takes {theirs / own:.1f} times the CPU of ours")
            if theirs / own < least:
                told.append(f"{name}: {server} takes {theirs / own:.1f} times our CPU; {least} are wanted")
    return told


if __name__ == "__main__":
    main()
