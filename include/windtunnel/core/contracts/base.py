"""What every contract is: frozen, strict about its names, and its own JSON."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """Base of all contracts: frozen, strict about names, and its own JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, for XCom and asset events."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The contract back from `to_json`."""
        return cls.model_validate(values)

    @classmethod
    def optional(cls, values: dict[str, Any] | None) -> Self | None:
        """The contract back from `to_json`, or None from None."""
        return None if values is None else cls.from_json(values)
