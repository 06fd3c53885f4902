"""Windows of time: half-open ranges of days, `[start, end)`, in the event time of a model's data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, model_validator

from windtunnel.core.errors import WindowInvalid


class Window(BaseModel):
    """A half-open range of days `[start, end)`. Stages take one as an argument: no stage asks for "now"."""

    model_config = ConfigDict(frozen=True)

    start: date
    end: date

    @model_validator(mode="after")
    def _not_empty(self) -> Window:
        if self.start >= self.end:
            raise WindowInvalid(
                f"Window `{self.start}`..`{self.end}` is empty: `start` must lie before `end`, which is not included. "
                "For January 2013 give `2013-01-01` and `2013-02-01`."
            )
        return self

    @classmethod
    def parse(cls, start: str, end: str) -> Window:
        """From two ISO days or months (`2013-01` or `2013-01-15`); a month as `end` is not included.

        Raises:
            WindowInvalid: One of them is not a date, or the range is empty.
        """
        return cls(start=_day(start), end=_day(end))

    @classmethod
    def optional(cls, start: str | None, end: str | None) -> Window | None:
        """From two fields of a form that may both be empty.

        Raises:
            WindowInvalid: Only one is given, or they are no window.
        """
        if not start and not end:
            return None
        if not start or not end:
            raise WindowInvalid(f"A window needs both ends: start is `{start}`, end is `{end}`. Give both or none.")
        return cls.parse(start, end)

    @classmethod
    def month(cls, month: str) -> Window:
        """The whole month `YYYY-MM`."""
        first = _day(month).replace(day=1)
        return cls(start=first, end=_next_month(first))

    @classmethod
    def around(cls, windows: Iterable[Window]) -> Window:
        """The smallest window that holds all of some windows, of which there is at least one."""
        held = list(windows)
        return cls(start=min(window.start for window in held), end=max(window.end for window in held))

    def months(self) -> Iterator[Window]:
        """The windows of the calendar months it covers, oldest first, cut to the window's own days."""
        start = self.start
        while start < self.end:
            end = min(_next_month(start), self.end)
            yield Window(start=start, end=end)
            start = end

    def parts(self, days: int) -> Iterator[Window]:
        """Each of its months cut into windows of so many days, oldest first; a month's last one takes the rest.

        Windows of 7 days begin on the 1st, 8th, 15th and 22nd: the same ones whatever arrives, none in two months.
        """
        for month in self.months():
            starts = [
                month.start + timedelta(days=at * days) for at in range(max((month.end - month.start).days // days, 1))
            ]
            for start, end in zip(starts, [*starts[1:], month.end], strict=True):
                yield Window(start=start, end=end)

    def months_before(self, count: int) -> Window:
        """The `count` whole months that end where this window's first month starts."""
        end = self.start.replace(day=1)
        start = end
        for _ in range(count):
            start = (start - timedelta(days=1)).replace(day=1)
        return Window(start=start, end=end)

    def last_months(self, count: int) -> Window:
        """The `count` whole months that end where this window ends."""
        return Window(start=_next_month(self.end - timedelta(days=1)), end=date.max).months_before(count)

    def holds(self, moment: date | datetime) -> bool:
        """Whether a moment lies inside."""
        day = moment.date() if isinstance(moment, datetime) else moment
        return self.start <= day < self.end

    @property
    def label(self) -> str:
        """Short and sortable, fit for keys: `2013-01` for a whole month, else `2013-01-01_2013-01-08`."""
        whole_month = self.start.day == 1 and _next_month(self.start) == self.end
        return f"{self.start:%Y-%m}" if whole_month else f"{self.start}_{self.end}"

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


def _day(text: str) -> date:
    for form in ("%Y-%m-%d", "%Y-%m"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise WindowInvalid(f"`{text}` is not a day or a month. Write `2013-01-15` or `2013-01`.")


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
