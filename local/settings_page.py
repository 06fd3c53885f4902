"""Writes docs/settings.md from the code that reads the variables: `make docs`; `--check` sees that it is fresh.

Runs in the Airflow environment.
"""

from __future__ import annotations

import sys

from local.place import ROOT, VARIABLES
from windtunnel.core.settings import PREFIX, Settings

PAGE = ROOT / "docs" / "settings.md"


def page() -> str:
    """The page as it should be."""
    project = [
        (PREFIX + name.upper(), str(field.default), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    machine = [(name, default, meaning) for name, (default, meaning) in VARIABLES.items()]
    return "\n".join(
        [
            "# Settings",
            "",
            "Written by `make docs` from `include/windtunnel/core/settings.py` and `local/place.py`; do not edit.",
            "",
            "## Of the project",
            "",
            "Read once per process from its environment, on AWS and on a laptop alike. A value that cannot be cast ends",
            "the process with a message that names the variable. `make up` sets some of them; `make env` shows all it sets.",
            "",
            *_table(project),
            "",
            "## Of a local run",
            "",
            "Read by `make`. Two checkouts run side by side when their ports differ.",
            "",
            *_table(machine),
            "",
        ]
    )


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    cells = [("variable", "default", "meaning"), ("---", "---", "---")]
    cells += [
        (f"`{name}`", f"`{default}`" if " " not in default else default, meaning) for name, default, meaning in rows
    ]
    return [f"| {name} | {default} | {meaning} |" for name, default, meaning in cells]


def main(check: bool) -> int:
    """Write the page, or with `check` compare it; 1 if it is stale."""
    if not check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("`docs/settings.md` differs from the settings in the code. Run `make docs`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
