"""The whole proof, on this checkout and on it with one fault planted: each is caught before anything is uploaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.fault import LocalFault
from local.mwaa import bundle, environment
from local.preflight import preflight
from tests.package.conftest import Plant

pytestmark = pytest.mark.usefixtures("installed")


def test_this_checkout_is_proved_and_the_second_time_installs_nothing(
    plant: Plant, constraints: tuple[Path, Path], kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = plant({})
    before = sorted(path.stat().st_mtime_ns for path in kept.glob("*/pyvenv.cfg"))
    proved = preflight(made.folder, constraints, kept)
    assert f"of commit {made.commit[:12]} (digest {made.digest[:12]})" in proved
    assert "every DAG file parses without network" in proved
    assert sorted(path.stat().st_mtime_ns for path in kept.glob("*/pyvenv.cfg")) == before
    steps = [line.split()[1] for line in capsys.readouterr().out.splitlines() if line.startswith("  ✓")]
    assert steps == ["bundle", "requirements", "installation", "startup.sh", "DAG", "pages", "tasks"]


@pytest.mark.parametrize(
    ("path", "before", "after", "said"),
    [
        ("requirements.txt", "pandas==3.0.5", "pandas>=3.1", "pandas>=3.1 and pandas==3.0.5"),
        ("requirements.txt", "evidently==0.7.23", "evidently==99.0", r"evidently==99\.0"),
        (
            "dags/train.py",
            "from typing import Any",
            "from typing import Any\n\nimport pandas",
            "imports `.*pandas.*` while",
        ),
        (
            "dags/train.py",
            "from typing import Any",
            "from typing import Any\n\nimport xgboost",
            "No module named 'xgboost'",
        ),
        (
            "include/windtunnel/orchestration/approval.py",
            "from airflow",
            "import sklearn\nfrom airflow",
            "imports `.*sklearn.*` while",
        ),
        ("local/mwaa/startup.sh", "AIRFLOW__WINDTUNNEL__@", "AIRFLOW__OTHER__@", "does not hand the option"),
    ],
    ids=["pandas 3.1", "no such version", "a heavy import", "a missing package", "a heavy import below", "no settings"],
)
def test_a_planted_fault_is_caught(
    path: str,
    before: str,
    after: str,
    said: str,
    project: Path,
    plant: Plant,
    constraints: tuple[Path, Path],
    kept: Path,
) -> None:
    text = (project / path).read_text()
    assert before in text
    made = plant({path: text.replace(before, after, 1)})
    with pytest.raises(LocalFault, match=said):
        preflight(made.folder, constraints, kept)


def test_a_bundle_that_was_edited_is_not_proved(plant: Plant, constraints: tuple[Path, Path], kept: Path) -> None:
    made = plant({})
    (made.folder / "dags" / "train.py").write_text("")
    with pytest.raises(LocalFault, match="differs from its manifest"):
        preflight(made.folder, constraints, kept)


@pytest.mark.parametrize("pin", ["apache-airflow==3.3.0", "flask==3.1.2", "sqlalchemy==2.0.50"])
def test_what_mwaa_lets_nobody_override_is_decided_by_the_essential_file_too(
    pin: str, tmp_path: Path, constraints: tuple[Path, Path]
) -> None:
    (tmp_path / "requirements.txt").write_text(f"{pin}\n")
    (tmp_path / "none.txt").write_text("")
    for files in ((tmp_path / "none.txt", constraints[1]), (constraints[0], tmp_path / "none.txt")):
        with pytest.raises(LocalFault, match=f"(?s)would log this and start without any of its packages.*{pin}"):
            environment.resolve(tmp_path / "requirements.txt", files)


@pytest.mark.parametrize("line", ["-c mine.txt", '--constraint "mine.txt"', "# pandas -c as ever"])
def test_a_line_that_switches_mwaas_constraints_off_is_refused(
    line: str, tmp_path: Path, constraints: tuple[Path, Path]
) -> None:
    (tmp_path / "requirements.txt").write_text(f"pandas==3.0.5\n{line}\n")
    with pytest.raises(LocalFault, match=r"Line 2 of `requirements\.txt`"):
        environment.resolve(tmp_path / "requirements.txt", constraints)


def test_an_installation_that_takes_too_long_is_ended(
    installed: environment.Installed, constraints: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / bundle.REQUIREMENTS).write_text("pandas==3.0.5\n")
    resolved = environment.Resolved(tmp_path / bundle.REQUIREMENTS, constraints, "pandas==3.0.5\n")
    with pytest.raises(LocalFault, match=r"did not end within 0 s, after which MWAA gives up"):
        environment._pip(installed.folder, resolved, 0.05)


def test_what_pip_alone_refuses_is_refused(
    installed: environment.Installed, constraints: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / bundle.REQUIREMENTS).write_text("pandas>=3.1\n")
    resolved = environment.Resolved(tmp_path / bundle.REQUIREMENTS, constraints, "")
    with pytest.raises(LocalFault, match=r"(?s)cannot be installed under MWAA's constraints.*pandas>=3.1"):
        environment._pip(installed.folder, resolved, environment.INSTALL_SECONDS)
