"""Airflow's metadata database: schema, roles, people. Runs in the Airflow environment, as one process.

The `airflow` command line starts a new Python for each of these steps, at 5 s a start.
"""

from __future__ import annotations

from airflow.cli.cli_parser import get_parser

from local.keys import new_passwords
from local.place import place
from windtunnel.orchestration import people


def main() -> None:
    """Migrate both schemas, then bring roles and people up to date. A second run changes nothing."""
    parser = get_parser()
    for command in (["db", "migrate"], ["fab-db", "migrate"]):
        given = parser.parse_args(command)
        given.func(given)
    people.sync(new_passwords(place().home, people.PEOPLE))


if __name__ == "__main__":
    main()
