"""`python -m infra deploy dev`, `python -m infra undeploy dev`; `make deploy ENV=dev` calls it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.deployment import Deployment
from infra.fault import Fault, Unreleased
from infra.plan import RELEASED, plan
from infra.release import commands
from infra.template import STACKS


def main(arguments: list[str] | None = None) -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    parser.add_argument("command", choices=("deploy", "undeploy"))
    parser.add_argument("environment")
    parser.add_argument("--templates", type=Path, default=STACKS, help="folder of the templates")
    parser.add_argument("--yes", action="store_true", help="ask nothing: for CI, after somebody has read the changes")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help=f"one of {', '.join(RELEASED)}"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="STACK", help="leave the other stacks as they are"
    )
    given = parser.parse_args(arguments)
    ask = (lambda _: True) if given.yes else _asked
    chosen = plan(given.environment)
    deployment = Deployment(chosen, ask, templates=given.templates)
    if given.command == "undeploy":
        if given.only:
            raise Fault(f"`ONLY` is `{' '.join(given.only)}`: `undeploy` removes every stack. Leave `ONLY` out.")
        deployment.remove()
        return
    try:
        deployment.apply(_released(given.set), given.only)
    except Unreleased as fault:
        next_ = "\n".join(f"  {line}" for line in commands(chosen.environment, chosen.region, deployment.outputs))
        raise Fault(f"{fault}\n\nBring an image and a bundle, then go on, from a commit of main:\n\n{next_}") from fault
    finally:
        for name, value in sorted(deployment.outputs.items()):
            print(f"{name:<18} {value}")


def _released(pairs: list[str]) -> dict[str, str]:
    found = dict(pair.partition("=")[::2] for pair in pairs)
    if unknown := found.keys() - set(RELEASED):
        raise Fault(
            f"`SET` has {sorted(unknown)}. Allowed: {', '.join(RELEASED)}; all else stands in infra/environments/."
        )
    return found


def _asked(question: str) -> bool:
    return input(f"{question} [y/N] ").strip().lower() == "y"


if __name__ == "__main__":
    try:
        main()
    except Fault as fault:
        sys.exit(str(fault))
