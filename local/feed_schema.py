"""Writes the schema of the feed, by which the pages check what they read: `make docs`; `--check` sees that it is fresh.

Runs in the Airflow environment.
"""

from __future__ import annotations

import json
import sys

from pydantic.json_schema import models_json_schema

from local.place import ROOT
from windtunnel.core.contracts import Feed, FeedPrediction, FeedSummary

SCHEMA = ROOT / "plugins" / "windtunnel_ui" / "feed.schema.json"


def schema() -> str:
    """The schema as it should be: under `$defs` the documents `Feed`, `FeedSummary`, `FeedPrediction` and their parts."""
    _, found = models_json_schema(
        [(document, "serialization") for document in (Feed, FeedSummary, FeedPrediction)],
        title="Written by `make docs` from include/windtunnel/core/contracts/feed.py; do not edit.",
    )
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def main(check: bool) -> int:
    """Write the schema, or with `check` compare it; 1 if it is stale."""
    if not check:
        SCHEMA.write_text(schema(), encoding="utf-8")
        return 0
    if SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == schema():
        return 0
    print(
        "`plugins/windtunnel_ui/feed.schema.json` differs from the contracts in the code. Run `make docs`.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
