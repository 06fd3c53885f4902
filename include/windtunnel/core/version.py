"""Versions: `V<tag>.<manual>.<auto>`."""

from __future__ import annotations

import re
from typing import NamedTuple

from windtunnel.core.errors import VersionInvalid

_FORM = re.compile(r"V(\d+)\.(\d+)\.(\d+)")


class Version(NamedTuple):
    """A version; later ones are larger."""

    tag: int
    "Generation of the model, `tag` in its spec.py."
    manual: int
    "Rises when a person changes the model's folder, `revision` in its spec.py."
    auto: int
    "Rises when the same code is trained on other data or with other parameters; from 0."

    @classmethod
    def parse(cls, text: str) -> Version:
        """A version from its text.

        Raises:
            VersionInvalid: It has another form.
        """
        if (found := _FORM.fullmatch(text)) is None:
            raise VersionInvalid(f"`{text}` is not a version. It has the form `V<tag>.<manual>.<auto>`, as `V1.2.14`.")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"V{self.tag}.{self.manual}.{self.auto}"

    @property
    def slug(self) -> str:
        """The form that names of SageMaker resources allow: `V1-2-14`."""
        return f"V{self.tag}-{self.manual}-{self.auto}"
