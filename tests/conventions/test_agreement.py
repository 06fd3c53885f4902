"""What is written twice agrees: settings and their page, locks and their inputs, Makefile, Procfile and containers."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from local import locks, settings_page
from local.place import ROOT, VARIABLES


def test_the_settings_page_is_fresh() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), "run `make docs`"


def test_every_variable_that_the_local_set_up_reads_is_documented() -> None:
    read: set[str] = set()
    for path in (ROOT / "local").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "get"
                and node.args
            ):
                name = node.args[0]
                if isinstance(name, ast.Constant) and str(name.value).startswith("WINDTUNNEL_"):
                    read.add(str(name.value))
    documented = set(VARIABLES) | set(re.findall(r"`(WINDTUNNEL_\w+)`", settings_page.page()))
    assert read, "the test reads nothing"
    assert read <= documented, f"add {sorted(read - documented)} to `VARIABLES` in local/place.py"


@pytest.mark.parametrize("lock", locks.LOCKS, ids=lambda lock: str(lock.path))
def test_a_lock_is_made_from_its_inputs_as_they_are(lock: locks.Lock) -> None:
    assert lock.fresh(ROOT), f"run `make lock`: {lock.path} is stale"


@pytest.mark.parametrize("lock", locks.LOCKS, ids=lambda lock: str(lock.path))
def test_every_pin_of_a_lock_has_a_hash(lock: locks.Lock) -> None:
    pins = re.split(r"\n(?=\S)", (ROOT / lock.path).read_text(encoding="utf-8"))
    naked = [pin.split()[0] for pin in pins if pin.strip() and not pin.startswith("#") and "--hash=sha256:" not in pin]
    assert not naked


def test_a_changed_input_makes_a_lock_stale(tmp_path: Path) -> None:
    lock = locks.Lock(Path("out.lock"), (Path("in.txt"),))
    (tmp_path / "in.txt").write_text("six==1.17.0\n")
    (tmp_path / "out.lock").write_text(f"{lock.head(tmp_path)}\nsix==1.17.0\n")
    assert lock.fresh(tmp_path)
    (tmp_path / "in.txt").write_text("six==1.16.0\n")
    assert not lock.fresh(tmp_path)


def test_make_alone_prints_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", text, flags=re.MULTILINE))
    printed = set(
        re.findall(r"^  make ([a-z-]+) +\S", subprocess.check_output(["make"], cwd=ROOT, text=True), re.MULTILINE)
    )
    assert targets == printed, "each target needs its `## sentence`"
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)
    assert targets == set(phony.split())


def test_the_image_copies_what_its_set_up_reads() -> None:
    from local.venvs import LOCKS

    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    early = text.partition("RUN python -m local setup")[0]
    missing = [str(path) for path in LOCKS.values() if str(path) not in early]
    assert not missing, f"Dockerfile: copy {missing} before the set-up"
