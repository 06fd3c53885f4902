"""Answers of the commands as words on a screen: contracts as fields, lists as tables, everything as JSON types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from windtunnel.core.contracts import Contract


def plain(answer: Any) -> Any:
    """An answer as JSON types."""
    if isinstance(answer, Contract):
        return answer.to_json()
    return [plain(part) for part in answer] if isinstance(answer, list | tuple) else answer


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows below their columns' names, or a word that there are none."""
    lines = [list(columns), *([cell(row[name]) for name in columns] for row in rows)]
    if len(lines) == 1:
        return "none"
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def cell(value: Any) -> str:
    """One value in a table or behind its name."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}Z"
    if isinstance(value, dict):
        return " ".join(f"{name}={part}" for name, part in value.items())
    return "-" if value is None else str(value)


def fields(contract: Contract) -> str:
    """Every field of a contract on a line of its own."""
    values = {name: getattr(contract, name) for name in type(contract).model_fields}
    width = max(map(len, values))
    return "\n".join(f"{name.ljust(width)}  {cell(value)}" for name, value in values.items())


def rows(contracts: Iterable[Contract]) -> list[dict[str, Any]]:
    """Contracts as the rows of a table."""
    return [{name: getattr(contract, name) for name in type(contract).model_fields} for contract in contracts]
