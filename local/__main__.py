"""`python3 -m local COMMAND`: what the Makefile calls."""

from __future__ import annotations

import os
import sys
from typing import Callable

from local.environment import environment, exports
from local.fault import LocalFault
from local.place import Place, place
from local.services import addresses, cluster, down, status, up
from local.venvs import setup


def main(arguments: list[str]) -> int:
    """Run one command; 1 with a message, and no traceback, when a person has to act."""
    commands: dict[str, Callable[[], object]] = {
        "setup": setup,
        "up": lambda: _up(up),
        "cluster": lambda: _up(cluster),
        "down": lambda: down(place()),
        "status": lambda: print(status(place())),
        "env": lambda: print(exports(place())),
    }
    if arguments[:1] == ["run"] and len(arguments) > 1:
        given = environment(place())
        os.execvpe(arguments[1], arguments[1:], given)  # noqa: S606 - a command of the person's own
    if len(arguments) != 1 or arguments[0] not in commands:
        print(
            "`{}` is no command. Allowed: {}.".format(" ".join(arguments), ", ".join([*commands, "run COMMAND..."])),
            file=sys.stderr,
        )
        return 2
    try:
        commands[arguments[0]]()
    except LocalFault as fault:
        print(f"\n{fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _up(start: Callable[[Place], None]) -> None:
    setup()
    start(place())
    print(addresses(place()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
