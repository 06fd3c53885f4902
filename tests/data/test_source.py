"""Sources give their own bytes, a month at a time; landing keeps them at an address named after them."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from tests.data.journey import drop
from windtunnel.aws import landing, objects, source
from windtunnel.aws.clients import client
from windtunnel.core.catalog import model_spec
from windtunnel.core.contracts import LandedFile
from windtunnel.core.errors import CommitConflict, DataRejected, SourceMissing
from windtunnel.core.spec import PackageCsv
from windtunnel.core.window import Window

ROWS = PackageCsv(distribution="rows-of-a-test", member="rows/rows.csv.zip")
JANUARY = Window.month("2020-01")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution without data. Returns the folder of its files."""
    information = tmp_path / "rows_of_a_test-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: rows-of-a-test\nVersion: 1.0\n")
    (tmp_path / "rows").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "rows"


def _pack(folder: Path, **members: bytes) -> None:
    with zipfile.ZipFile(folder / "rows.csv.zip", "w") as packed:
        for name, body in members.items():
            packed.writestr(name.replace("__", "/") + ".csv", body)


def _fetch(start: str, end: str, folder: Path) -> dict[str, bytes]:
    return {month: path.read_bytes() for month, path in source.fetch(ROWS, Window.parse(start, end), folder).items()}


def test_each_month_gets_the_header_and_its_own_bytes(installed: Path, tmp_path: Path) -> None:
    rows = [
        b"\xef\xbb\xbfday,month,year,note\r\n",
        b'3,1,2020,"a\r\nline break"\r\n',
        b"4,2,2020,caf\xe9 in latin-1\r\n",
        b"5,01,2020,\r\n",
        b"6,,2020,no month\r\n",
        b"7\r\n",
        b"8,3,2020,last",
    ]
    _pack(installed, rows=b"".join(rows))
    assert _fetch("2020-01", "2020-04", tmp_path) == {
        "2020-01": rows[0] + rows[1] + rows[3],
        "2020-02": rows[0] + rows[2],
        "2020-03": rows[0] + rows[6],
    }


@pytest.mark.parametrize(
    ("members", "error", "words"),
    [
        ({"rows": b"day,month\n1,1\n"}, DataRejected, r"has no column `year`.* Correct `month_columns`"),
        ({"rows": b""}, DataRejected, "has no column `month`, `year`"),
        ({"rows": b"year,month,note\n2020,1," + b"x" * 200_000}, DataRejected, "cannot be read as CSV at line 2"),
        ({"rows": b"year,month\n2020,2\n"}, SourceMissing, r"has nothing for `2020-01`. It has: `2020-02`"),
        ({"rows": b"year,month\n", "more": b""}, SourceMissing, "holds 2 CSV files, not one: `more.csv`, `rows.csv`"),
        ({"notes__readme": b"", "rows": b"year,month\n2020,2\n"}, SourceMissing, "holds 2 CSV files"),
    ],
)
def test_a_package_that_is_not_as_declared_says_how(
    installed: Path, tmp_path: Path, members: dict[str, bytes], error: type[Exception], words: str
) -> None:
    _pack(installed, **members)
    with pytest.raises(error, match=words):
        _fetch("2020-01", "2020-02", tmp_path)


@pytest.mark.usefixtures("installed")
def test_a_package_that_is_not_installed_or_lacks_the_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match=r"has no file `rows/rows.csv.zip`"):
        _fetch("2020-01", "2020-02", tmp_path)
    with pytest.raises(SourceMissing, match="Package `none-such` is not installed"):
        source.fetch(PackageCsv(distribution="none-such", member="x"), JANUARY, tmp_path)


def test_a_bomb_is_cut_at_the_limit(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_BYTES", 10_000)
    _pack(installed, rows=b"year,month\n" + b"2020,1\n" * 100_000)
    with pytest.raises(DataRejected, match="has more than 10,000 bytes for `2020-01`"):
        _fetch("2020-01", "2020-02", tmp_path)
    assert (tmp_path / "2020-01.csv").stat().st_size < 11_000


def test_a_dropped_file_comes_as_it_is(trips: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b"\xff\x00 anything" * 1_000
    drop("2020-01", body)
    assert source.fetch(model_spec(trips).source, JANUARY, tmp_path)["2020-01"].read_bytes() == body
    monkeypatch.setattr(source, "MOST_BYTES", 10)
    with pytest.raises(DataRejected, match="has more than 10 bytes"):
        source.fetch(model_spec(trips).source, JANUARY, tmp_path)


def _land(folder: Path, body: bytes) -> LandedFile:
    path = folder / "month.csv"
    path.write_bytes(body)
    return landing.land("flights", JANUARY, path)


def test_landing_names_a_file_after_its_content_and_writes_it_once(tmp_path: Path) -> None:
    landed = _land(tmp_path, b"a,b\n")
    assert landed.uri.endswith(f"/landing/flights/2020-01/{hashlib.sha256(b'a,b' + bytes([10])).hexdigest()[:16]}.csv")
    bucket, key = objects.split(landed.uri)
    written = client("s3").head_object(Bucket=bucket, Key=key)["LastModified"]
    assert _land(tmp_path, b"a,b\n") == landed
    assert client("s3").head_object(Bucket=bucket, Key=key)["LastModified"] == written
    assert _land(tmp_path, b"a,b\n1,2\n").uri != landed.uri
    assert landing.read(landed) == b"a,b\n"


def test_other_bytes_at_a_files_address_are_left_and_told(tmp_path: Path) -> None:
    landed = _land(tmp_path, b"a,b\n")
    bucket, key = objects.split(landed.uri)
    client("s3").put_object(Bucket=bucket, Key=key, Body=b"tampered")
    with pytest.raises(CommitConflict, match="holds other bytes than were to land"):
        _land(tmp_path, b"a,b\n")
    assert objects.get(landed.uri) == b"tampered"
