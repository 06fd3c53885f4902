"""`python -m windtunnel`: ask the ledger from a shell. `--json` says the same for a program."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from windtunnel.commands import COMMANDS
from windtunnel.core.errors import WindtunnelError
from windtunnel.wording import plain


def parser() -> argparse.ArgumentParser:
    """One subcommand per line of the table of commands."""
    whole = argparse.ArgumentParser(prog="python -m windtunnel", description="What the ledger says of a model.")
    commands = whole.add_subparsers(dest="command", metavar="<command>", required=True)
    for name, command in COMMANDS.items():
        one = commands.add_parser(name, help=command.about, description=command.about)
        for argument in command.arguments:
            one.add_argument(argument.name, help=argument.about, **argument.options)
        one.add_argument("--json", action="store_true", help="Answer in JSON, with everything that is known.")
    return whole


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; 1 when it was refused, with the reason on standard error."""
    from botocore.exceptions import BotoCoreError, ClientError

    asked = vars(parser().parse_args(words))
    command, as_json = COMMANDS[asked.pop("command")], asked.pop("json")
    try:
        answer = command.run(**asked)
    except WindtunnelError as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f'{error}. On the laptop: `make up`, then `eval "$(make -s env)"` in this shell.', file=sys.stderr)
        return 1
    print(json.dumps(plain(answer), indent=1) if as_json else command.text(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
