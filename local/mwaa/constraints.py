"""The two constraints files of the MWAA image: given as a path or an address, since they are AWS's and not ours to keep."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from local.fault import LocalFault


class Wanted(NamedTuple):
    """A file of the image."""

    variable: str
    name: str
    "In images/airflow/3.3.1/etc/ of aws/amazon-mwaa-docker-images."
    meaning: str


AIRFLOW = Wanted("CONSTRAINTS", "airflow_constraints.txt", "which decide most versions")
ESSENTIAL = Wanted("ESSENTIAL", "mwaa_essential_constraints.txt", "which nobody can override")


def given(wanted: Wanted, folder: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """One of the two files.

    Args:
        wanted: Which.
        folder: Where a file that was given as an address is put.
        environment: Has the path or the address, under the name of the variable.

    Raises:
        LocalFault: It is not given, not there, or holds no constraints.
    """
    value = environment.get(wanted.variable, "")
    try:
        path = (
            _fetched(value, folder) if value.startswith(("https://", "http://")) else Path(value).resolve(strict=True)
        )
        pins = [line for line in path.read_text(encoding="utf-8").splitlines() if "==" in line.partition("#")[0]]
        fault = "" if pins else " It holds no line such as `pandas==3.0.5`."
    except (OSError, UnicodeDecodeError) as error:
        fault = f" {error}." if value else ""
    if not value or fault:
        raise LocalFault(
            f"`{wanted.variable}` is `{value}`.{fault} Allowed: the path or the address of the constraints of the MWAA image "
            f"{wanted.meaning}, images/airflow/3.3.1/etc/{wanted.name} of aws/amazon-mwaa-docker-images. "
            f"Give it to make: `{wanted.variable}=<path or address>`."
        )
    return path


def _fetched(address: str, folder: Path) -> Path:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - http and https alone come here
        body = answer.read()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"constraints-{hashlib.sha256(body).hexdigest()[:16]}.txt"
    path.write_bytes(body)
    return path
