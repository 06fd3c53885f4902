"""Loads a model as the server does, with bounds on memory and time, and says how it went and what was touched.

python -m tests.container.confined <folder>
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import windtunnel.ml.onnx_scorer  # noqa: F401 - what onnxruntime reads at its import is not the model's doing
from windtunnel.core.errors import ArtefactInvalid
from windtunnel.serving.load import load

MEMORY = 2 << 30
CPU_SECONDS = 20
FORBIDDEN = (
    *("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "socket.", "ctypes."),
    *("os.mkdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.chmod", "shutil.", "pickle.find_class"),
)
READABLE = (sys.prefix, sys.base_prefix, "/proc/", "/sys/", str(Path(__file__).parents[2] / "include"))


def main(folder: Path) -> None:
    """Load it and print one JSON object."""
    touched: list[str] = []
    folder = folder.resolve()

    def heard(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.fsdecode(arguments[0])
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            follows = not arguments[2] & os.O_NOFOLLOW
            led = os.path.realpath(path) if follows else path
            if writes or not led.startswith((f"{folder}/", *READABLE)):
                touched.append(f"{event} {path}")
        elif event.startswith(FORBIDDEN):
            touched.append(f"{event} {arguments!r:.200}")

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # for what Python does not hear of
    sys.addaudithook(heard)
    os.chdir(folder)
    began = time.monotonic()
    try:
        load(folder)
        ended, told = "loaded", ""
    except ArtefactInvalid as error:
        ended, told = "refused", str(error)
    except Exception as error:  # noqa: BLE001 - what this program is there to tell
        ended, told = type(error).__name__, str(error)
    print(json.dumps({"ended": ended, "told": told, "touched": touched, "seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
