"""The demo's screen: one line per step, live on a terminal, plain in a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class Step:
    """One line: a name, what came of it, and how long it took."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started = time.monotonic()
        self.result = ""

    @property
    def seconds(self) -> float:
        """Since the step began."""
        return time.monotonic() - self.started

    def progress(self, text: str) -> None:
        """Show where the step is; on a terminal only, a log has no use for it."""
        if sys.stdout.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K  · {self.name:<24} {text} {self.seconds:.0f} s"[: width + 5], end="", flush=True)

    def done(self, result: str) -> None:
        """Say what came of it."""
        self.result = result


class Screen:
    """Prints titles, steps and tables."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the screen began."""
        return time.monotonic() - self.started

    def title(self, text: str) -> None:
        """A part of the journey begins."""
        print(f"\n{text}", flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Run a step and print its line when it is done."""
        step = Step(name)
        step.progress("")
        try:
            yield step
        except BaseException:
            self._line("✗", step)
            raise
        self._line("✓", step)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns as wide as they need; the first is text, the others are numbers."""
        lines = [head, *rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for line in lines:
            cells = [
                line[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)),
            ]
            print("  " + "   ".join(cells))

    def text(self, *lines: str) -> None:
        """Lines as they are."""
        for line in lines:
            print(f"  {line}")

    @staticmethod
    def _line(mark: str, step: Step) -> None:
        clear = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{clear}  {mark} {step.name:<24} {step.result:<72} {step.seconds:6.1f} s", flush=True)
