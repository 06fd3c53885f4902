"""`make preflight`: the proof that MWAA can run a bundle, before anyone uploads it. Runs in the Airflow environment."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from local.fault import LocalFault
from local.mwaa import bundle, checks, constraints, environment, layout
from local.package import FOLDER
from local.place import place
from local.screen import Screen

OPTIONS = {"AIRFLOW__WINDTUNNEL__BUCKET": "preflight"}
"""Options of an MWAA environment, to see that startup.sh hands them on."""


def preflight(folder: Path, files: tuple[Path, Path], kept: Path) -> str:
    """Prove a bundle.

    Args:
        folder: The bundle.
        files: The constraints of the MWAA image: Airflow's, then the essential ones.
        kept: Where environments are kept from one time to the next.

    Returns:
        What was proved, in a sentence.

    Raises:
        LocalFault: MWAA could not run it; what is wrong, and what to do.
    """
    screen = Screen()
    with screen.step("bundle") as step:
        made = bundle.read(folder)
        step.done(f"commit {made.commit[:12]}, as its manifest says")
    with screen.step("requirements") as step:
        resolved = environment.resolve(folder / bundle.REQUIREMENTS, files)
        step.done(f"{resolved.packages} packages with those of the image, one version each")
    with screen.step("installation") as step:
        worker = environment.install(resolved, kept)
        when = "just now" if worker.fresh else f"on {worker.at}, kept since"
        step.done(f"{worker.seconds:.0f} s of {environment.INSTALL_SECONDS}, {when}")
    with tempfile.TemporaryDirectory(prefix="mwaa-") as scratch:
        return _flown(screen, made, worker, Path(scratch).resolve())


def _flown(screen: Screen, made: bundle.Bundle, worker: environment.Installed, scratch: Path) -> str:
    with screen.step("startup.sh") as step:
        (scratch / "startup").mkdir()
        exported = layout.startup(made, scratch / "startup", OPTIONS)
        if exported.get("WINDTUNNEL_BUCKET") != "preflight":
            raise LocalFault(
                "`startup.sh` does not hand the option `windtunnel.bucket` on as `WINDTUNNEL_BUCKET`: every setting would stay at "
                "its default. Mend local/mwaa/startup.sh."
            )
        step.done(f"{len(exported)} variables, options of the environment among them")
    processor = layout.worker(made, scratch / "worker", worker.python, exported)
    server = layout.web_server(made, scratch / "web", worker.python, exported)
    with screen.step("DAG files") as step:
        parsed = checks.dags(processor)
        step.done(parsed)
    with screen.step("pages") as step:
        shown = checks.pages(server)
        step.done(shown)
    with screen.step("tasks") as step:
        imported = checks.tasks(processor)
        step.done(imported)
    return (
        f"Proved in {screen.seconds:.0f} s of commit {made.commit[:12]} (digest {made.digest[:12]}): requirements.txt resolves under "
        f"both constraints files and installs in {worker.seconds:.0f} of {environment.INSTALL_SECONDS} s; with that, the image's "
        f"packages and no file of this checkout, every DAG file parses without network and within {checks.PARSE_CPU_SECONDS:.0f} s "
        f"of CPU ({parsed}), every page loads without the DAG folder ({shown}), and tasks find what they import ({imported})."
    )


def main() -> int:
    """Prove `build/mwaa`; 1 with the reason when it cannot be."""
    kept = place().home / "mwaa"
    try:
        files = (constraints.given(constraints.AIRFLOW, kept), constraints.given(constraints.ESSENTIAL, kept))
        print(f"Preflight of {FOLDER}\n  under {files[0]}\n  and   {files[1]}", flush=True)
        print(f"\n{preflight(FOLDER, files, kept)}")
    except LocalFault as fault:
        print(f"\n{fault}\n\nDo not upload this bundle.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
