"""Text of others made safe to show: reasons, categories and names come from people and from requests, from anyone."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Container, Iterable, Sequence
from datetime import timedelta

from windtunnel.core.contracts import Interval
from windtunnel.core.window import Window

# Marks, and what makes a bare address a link: `//` behind a scheme, a dot before a letter, the sign of a mail address.
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&@]|:(?=/)|\.(?=[a-zA-Z])")


class Html(str):
    """HTML whose texts were made safe already."""

    __slots__ = ()


def text(value: object) -> str:
    """A value that can stand in HTML, in an element or in a quoted attribute."""
    return value if isinstance(value, Html) else html.escape(visible(str(value)), quote=True)


def prose(sentence: str) -> Html:
    """A sentence, with the names that stand in backticks set apart."""
    return Html(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", text(sentence)))


def table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Container[int] = (), whole: Container[int] = ()
) -> str:
    """A table.

    Args:
        header: Names of the columns.
        rows: Cells; `Html` stands as it is, everything else as text.
        numbers: Which columns hold numbers, from 0.
        whole: Which columns are not wrapped.
    """

    def line(cells: Sequence[object], kind: str) -> str:
        classes = (" class=n" if at in numbers else " class=w" if at in whole else "" for at in range(len(cells)))
        shown = (f"<{kind}{given}>{text(cell)}</{kind}>" for given, cell in zip(classes, cells, strict=True))
        return f"<tr>{''.join(shown)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table><thead>{line(header, "th")}</thead><tbody>{body}</tbody></table></div>'


def percent(share: float) -> str:
    """A change as a person reads it, with its sign."""
    return f"{share:+.1%}".replace("-", "−")  # noqa: RUF001 - a minus is as wide as a plus


def bounds(interval: Interval) -> str:
    """Both bounds of a change."""
    return f"{percent(interval.low)} to {percent(interval.high)}"


def markdown(value: object) -> str:
    """A value that Markdown shows as it is, on one line: no emphasis, table, link, address or HTML comes of it."""
    line = " ".join(visible(str(value)).split())
    # Numeric references instead of backslashes: those are shown where a renderer takes fewer escapes than CommonMark.
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", line)


def days(window: Window) -> str:
    """The first and the last day of a window, for those who do not count half-open ones: `1 May to 31 May 2013`."""
    last = window.end - timedelta(days=1)
    first = f"{window.start:%-d %B}" if window.start.year == last.year else f"{window.start:%-d %B %Y}"
    return f"{first} to {last:%-d %B %Y}"


def visible(value: str) -> str:
    """A text whose characters are all seen: controls and those that turn the direction of writing become code points."""
    return "".join(f"\\u{{{ord(sign):x}}}" if _hidden(sign) else sign for sign in value)


def short(value: str, most: int) -> str:
    """At most so many characters, the last of them an ellipsis where something is left out."""
    return value if len(value) <= most else f"{value[: most - 1]}…"


def _hidden(sign: str) -> bool:
    return sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
