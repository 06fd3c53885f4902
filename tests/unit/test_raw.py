"""A file as text: what stands in it comes out, numbered; what is not text is refused by its position."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windtunnel.ml import raw

COLUMNS = ["a", "b"]
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


def _rows(body: bytes) -> dict[int, list[str]]:
    file = raw.read(body, COLUMNS)
    return dict(zip(file.rows.index, file.rows.values.tolist(), strict=True))


@pytest.mark.parametrize(
    "body",
    [
        b"a,b\n1,x y\n2,\n",
        b"\xef\xbb\xbfa,b\n1,x y\n2,\n",
        b"a,b\r\n1,x y\r\n2,\r\n",
        b'a,b\n"1","x y"\n2,""',
        b"\n\na,b\n1,x y\n\n2,\n\n",
    ],
    ids=["plain", "byte-order mark", "CRLF", "quoted, no last newline", "blank lines"],
)
def test_the_same_rows_in_other_clothes(body: bytes) -> None:
    assert _rows(body) == {1: ["1", "x y"], 2: ["2", ""]}


def test_line_breaks_commas_and_quotes_in_quotes_belong_to_the_cell() -> None:
    assert _rows(b'a,b\n1,"x\ny"\n2,"say ""hi"", you"\n') == {1: ["1", "x\ny"], 2: ["2", 'say "hi", you']}


def test_records_that_do_not_fit_keep_their_number_and_their_text() -> None:
    file = raw.read(b"a,b\n1,x\n2\n3,y,z\n4,w\n", COLUMNS)
    assert list(file.rows.index) == [1, 4]
    assert file.ragged == {2: "2", 3: "3,y,z"}
    assert file.records == 4


def test_null_is_what_is_empty_or_NA() -> None:  # noqa: N802 - the token
    values = raw.read(b"a,b\nNA,\nnan,null\n", COLUMNS).values()
    assert values.isna().to_numpy().tolist() == [[True, True], [False, False]]
    assert values.to_numpy().tolist()[1] == ["nan", "null"]


@pytest.mark.parametrize(
    ("body", "header"),
    [(b"", []), (b"\n\n", []), (b"a\n1\n", ["a"]), (b"b,a\n1,2\n", ["b", "a"]), (b"a,a\n1,2\n", ["a", "a"])],
)
def test_under_another_header_no_row_is_read(body: bytes, header: list[str]) -> None:
    file = raw.read(body, COLUMNS)
    assert (file.columns, file.records) == (header, 0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("a,b\nZürich,1\n".encode("latin-1"), "byte 5 is `0xfc`, which is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "byte 0 is `0xff`, which is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-le"), "byte 1 is NUL"),
        (b"PK\x03\x04\x00\x00", "byte 4 is NUL"),
        (b"a,b\n1," + b"x" * 3_000_000 + b"\n", "its rows cannot be read"),
        (b"a,b" + b"x" * 200_000 + b"\n1,2\n", "its header cannot be read"),
    ],
    ids=["latin-1", "UTF-16", "UTF-16 without mark", "a zip", "a cell of 3 MB", "a name of 200 kB"],
)
def test_what_is_no_csv_file_in_utf_8_is_refused_by_its_position(body: bytes, words: str) -> None:
    with pytest.raises(raw.Unreadable, match=words):
        raw.read(body, COLUMNS)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6))
def test_whatever_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows])
    assert list(_rows(text.getvalue().encode()).values()) == [list(row) for row in rows]
