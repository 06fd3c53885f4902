"""Which folder of programs an image URI stands for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


class ImageInvalid(ValueError):
    """An image file cannot be used. The message says what it must hold."""


class ImageUnknown(LookupError):
    """No image file matches the URI."""


@dataclass(frozen=True)
class Image:
    """A container image, in effect: programs with their own interpreter.

    Attributes:
        pattern: Glob on the image URI.
        programs: Folder that holds `train`, `serve` and programs of processing jobs; it is `/opt/program` and on PATH
            in the real image.
        python: Interpreter of the programs.
        environment: What the Dockerfile's ENV lines set.
        entrypoint: Program of a processing job that names none; None where the image has none.
    """

    pattern: str
    programs: Path
    python: Path
    environment: dict[str, str]
    entrypoint: str | None = None

    @classmethod
    def of(cls, file: Path) -> Image:
        """Reads an image file.

        Args:
            file: JSON with `image` (glob on the URI), `programs` (folder), `python` (interpreter), and optionally
                `environment` and `entrypoint`. Paths are relative to the file; in `environment` a list is joined as a
                search path and a value that begins with `./` or `../` is a path.

        Raises:
            ImageInvalid: the file is absent, not JSON, lacks a member, or names a folder or program that is absent.
        """
        try:
            declared: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ImageInvalid(f"`{file}` does not exist. --image takes the JSON file of an image.") from None
        except ValueError as error:
            raise ImageInvalid(f"`{file}` is not JSON: {error}.") from None
        if missing := [name for name in ("image", "programs", "python") if name not in declared]:
            raise ImageInvalid(f"`{file}` lacks {missing}. It needs `image`, `programs` and `python`.")
        folder = file.resolve().parent
        programs = (folder / declared["programs"]).resolve()
        # Not resolved: the interpreter of a virtual environment is a link, and following it leaves the environment.
        python = Path(os.path.abspath(folder / declared["python"]))  # noqa: PTH100
        if not programs.is_dir():
            raise ImageInvalid(f"`{file}` names the programs folder `{programs}`, which does not exist.")
        if not os.access(python, os.X_OK):
            raise ImageInvalid(
                f"`{file}` names the interpreter `{python}`, which is no program. Make its environment first."
            )
        environment = {name: _resolved(value, folder) for name, value in declared.get("environment", {}).items()}
        return cls(declared["image"], programs, python, environment, declared.get("entrypoint"))

    def command(self, words: Sequence[str]) -> list[str]:
        """The command a container would run, with this image's interpreter and programs.

        `python3` becomes the image's interpreter; a name, or a path under `/opt/program`, that is a file of the
        programs folder is run by that interpreter; anything else is taken as it stands.
        """
        first, rest = words[0], [self._located(word) for word in words[1:]]
        if first in ("python", "python3", f"python3.{sys.version_info.minor}"):
            return [str(self.python), *rest]
        # An absolute path elsewhere, such as `/bin/sh`, replaces the folder it is joined to.
        program = self.programs / first.removeprefix("/opt/program/")
        ours = program.is_relative_to(self.programs) and program.is_file()
        return [str(self.python), str(program), *rest] if ours else [first, *rest]

    def _located(self, word: str) -> str:
        return word.replace("/opt/program", str(self.programs))


class Images:
    """All images known to the process; of several that match, the first one given wins."""

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = tuple(images)

    def find(self, uri: str) -> Image:
        """The image of a URI.

        Raises:
            ImageUnknown: none matches; the message lists the patterns that exist.
        """
        for image in self._images:
            if fnmatchcase(uri, image.pattern):
                return image
        known = ", ".join(f"`{image.pattern}`" for image in self._images) or "none"
        raise ImageUnknown(f"No local program stands for the image `{uri}`. Known patterns: {known}. Add --image FILE.")


def _resolved(value: str | list[str], folder: Path) -> str:
    parts = value if isinstance(value, list) else [value]
    relative = isinstance(value, list) or value.startswith(("./", "../"))
    return os.pathsep.join(str((folder / part).resolve()) if relative else part for part in parts)
