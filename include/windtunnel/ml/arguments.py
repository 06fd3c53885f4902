"""The ContainerArguments of a processing job, refused in words that reach the job's ExitMessage."""

from __future__ import annotations

import argparse
from typing import NoReturn

from windtunnel.core.errors import SettingInvalid


class Arguments(argparse.ArgumentParser):
    """Fails by an error that a program can tell SageMaker, not by leaving the process.

    Args:
        program: Name of the program.
        required: Options that must be given.
        optional: Options that may be given.
    """

    def __init__(self, program: str, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        super().__init__(prog=program, allow_abbrev=False)
        for name in required:
            self.add_argument(name, required=True)
        for name in optional:
            self.add_argument(name)

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise SettingInvalid(f"The job's ContainerArguments are wrong: {message}. {self.format_usage().strip()}")


def pair(version: str | None, sha256: str | None, name: str) -> tuple[str, str] | None:
    """A version and the digest of its artefact, None where neither is given.

    Raises:
        SettingInvalid: Only one is given.
    """
    if version is None and sha256 is None:
        return None
    if version is None or sha256 is None:
        raise SettingInvalid(
            f"`--{name}-version` is `{version}` and `--{name}-sha256` is `{sha256}`: give both or none."
        )
    return version, sha256
