"""Finding a Python 3.12 that really works, with real executables on a real PATH."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local import interpreter
from local.fault import LocalFault


@pytest.fixture
def other_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if the set-up itself ran on a Python that is not 3.12."""
    monkeypatch.setattr(
        sys, "executable", str(_program(tmp_path / "running" / "python3", "echo '3.11'; echo /nowhere"))
    )


def _program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _shim(folder: Path) -> Path:
    """What pyenv puts on PATH for a version that is not selected."""
    return _program(folder / "python3.12", 'echo "pyenv: python3.12: command not found" >&2; exit 127')


def _working(path: Path) -> Path:
    return _program(path, f'exec "{_REAL}" "$@"')


_REAL = sys.executable


@pytest.mark.usefixtures("other_python")
def test_a_shim_that_fails_is_passed_over_for_pyenvs_own_interpreter(tmp_path: Path) -> None:
    _shim(tmp_path / "shims")
    _program(tmp_path / "pyenv/versions/3.12.1/bin/python3.12", "exit 1")
    found = _working(tmp_path / "pyenv/versions/3.12.0/bin/python3.12")
    given = {"PATH": str(tmp_path / "shims"), "PYENV_ROOT": str(tmp_path / "pyenv"), "HOME": str(tmp_path)}
    assert interpreter.installed(given) == interpreter.answering(found)


@pytest.mark.usefixtures("other_python")
def test_the_newest_patch_level_of_pyenv_is_asked_first(tmp_path: Path) -> None:
    for patch in ("9", "10"):
        _program(tmp_path / f"versions/3.12.{patch}/bin/python3.12", f"echo 3.12; echo /made/up/{patch}")
    assert interpreter.installed({"PATH": "", "PYENV_ROOT": str(tmp_path), "HOME": "/nowhere"}) == Path("/made/up/10")


@pytest.mark.usefixtures("other_python")
def test_another_version_is_none(tmp_path: Path) -> None:
    _program(tmp_path / "python3.12", "echo 3.13; echo /made/up")
    assert interpreter.installed({"PATH": str(tmp_path), "HOME": str(tmp_path)}) is None


def test_a_given_interpreter_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    shim = _shim(tmp_path)
    with pytest.raises(LocalFault) as refused:
        interpreter.installed({"WINDTUNNEL_PYTHON": str(shim)})
    assert f"`WINDTUNNEL_PYTHON` is `{shim}`" in str(refused.value)
    assert "Allowed: the path of a Python 3.12" in str(refused.value)


@pytest.mark.parametrize("policy", ["never", "manual"])
def test_nothing_is_fetched_when_that_is_forbidden(tmp_path: Path, policy: str) -> None:
    uv = _program(tmp_path / "uv", f"touch {tmp_path}/called")
    with pytest.raises(LocalFault, match=r"no Python 3\.12: none found") as refused:
        interpreter.fetched(uv, tmp_path / "python", {"UV_PYTHON_DOWNLOADS": policy})
    assert f"`UV_PYTHON_DOWNLOADS` is `{policy}`" in str(refused.value)
    assert "WINDTUNNEL_PYTHON" in str(refused.value)
    assert not (tmp_path / "called").exists()


def test_a_failed_fetch_shows_what_uv_said(tmp_path: Path) -> None:
    uv = _program(tmp_path / "uv", "echo 'no route to host'; exit 2")
    with pytest.raises(LocalFault, match="no route to host"):
        interpreter.fetched(uv, tmp_path / "python", {})


def test_a_fetched_interpreter_is_found_where_uv_puts_it(tmp_path: Path) -> None:
    script = f"""mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-3.12.99-linux/bin"
ln -s {_REAL} "$UV_PYTHON_INSTALL_DIR/cpython-3.12.99-linux/bin/python3.12" """
    uv = _program(tmp_path / "uv", script)
    assert interpreter.fetched(uv, tmp_path / "python", {"PATH": "/usr/bin:/bin"}).exists()
