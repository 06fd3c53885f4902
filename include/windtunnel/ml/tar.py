"""Reads the headers of a tar file that may be anything, with bounded time and memory.

Not by tarfile: in Python 3.12.1 one header of a few megabytes keeps it busy for days (CVE-2024-6232) or fills the memory
(its map of a sparse file), a damaged header counts as the end, and some lead to errors of any type. What is read here is
less than tar can say: names as they stand in the header, sizes in octal, extended headers that change neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase

BLOCK = 512
CHUNK = 1024 * 1024
MOST_HEADERS = 1000
MOST_EXTENDED = 4096
"""Bytes of one extended header; of those that are let through, only attributes of macOS come near."""
MOST_PADDING = 1024 * 1024
"""Bytes after the end; tar fills up a record, usually 10,240."""
HARMLESS = frozenset({b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname", b"comment"})
VENDORS = (b"SCHILY.", b"LIBARCHIVE.", b"RHT.")
"""What these say of a file (its device, attributes, labels) is not taken over."""
_EXTENDED = (b"x", b"g")
_KINDS = {
    b"0": "a file",
    b"\0": "a file",
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a folder",
    b"6": "a pipe",
    b"K": "a long link",
    b"L": "a long name",
    b"S": "a sparse file",
}


class Damaged(Exception):
    """The bytes are no tar file, or one that says more than is let through. The message says which."""


@dataclass
class Header:
    """A member of a tar file; its content has to be read before the next header."""

    name: str
    "As it stands there, NUL included."
    kind: str
    "`a file`, or what else it is."
    size: int
    _tar: BufferedIOBase

    def content(self) -> Iterator[bytes]:
        """Its bytes, in parts.

        Raises:
            Damaged: There are fewer than the header says.
        """
        for at in range(0, self.size, CHUNK):
            yield _exactly(self._tar, min(CHUNK, self.size - at))
        _exactly(self._tar, -self.size % BLOCK)


def headers(tar: BufferedIOBase) -> Iterator[Header]:
    """The members of a tar file, each to be read in turn, up to a correct end with nothing after it.

    Args:
        tar: Its bytes, unpacked.

    Raises:
        Damaged: It is cut short, altered, endless, or says what is not let through.
    """
    for _ in range(MOST_HEADERS):
        block = _exactly(tar, BLOCK)
        if not any(block):
            return _ended(tar)
        header = _header(block, tar)
        if block[156:157] in _EXTENDED:
            _harmless(header)
            continue
        yield header
    raise Damaged(f"it has more than {MOST_HEADERS:,} headers")


def _header(block: bytes, tar: BufferedIOBase) -> Header:
    blanked = block[:148] + b" " * 8 + block[156:]
    if _octal(block[148:156]) != sum(blanked):
        raise Damaged("the checksum of a header is wrong")
    name, prefix = (field.rstrip(b"\0").decode("utf-8", "backslashreplace") for field in (block[:100], block[345:500]))
    # GNU's own form keeps times where the standard keeps the beginning of a long name.
    if prefix and block[257:263] == b"ustar\0":
        name = f"{prefix}/{name}"
    return Header(name, _KINDS.get(block[156:157], "of an unknown kind"), _octal(block[124:136]), tar)


def _octal(field: bytes) -> int:
    """A number in octal digits; the other forms, for negative and for very large ones, are not let through."""
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise Damaged(f"a header has the number {field!r}, which is not octal")
    return int(digits or b"0", 8)


def _harmless(header: Header) -> None:
    """Read an extended header, which may say when and by whom, and not what."""
    if header.size > MOST_EXTENDED:
        raise Damaged(f"an extended header has {header.size:,} bytes, more than {MOST_EXTENDED:,}")
    records = b"".join(header.content())
    while records:
        length = records[:5].partition(b" ")[0]
        end = int(length) if length.isdigit() else 0
        record, records = records[:end], records[end:]
        keyword, is_, _ = record[len(length) + 1 :].partition(b"=")
        if not is_ or not record.endswith(b"\n"):
            raise Damaged("an extended header has a record without its length, name or end")
        if keyword not in HARMLESS and not keyword.startswith(VENDORS):
            raise Damaged(f"an extended header changes {ascii(keyword[:80])[1:]}")


def _ended(tar: BufferedIOBase) -> None:
    """Read to the very end, which has gzip check its checksum too."""
    left = MOST_PADDING
    while part := tar.read(min(CHUNK, left + 1)):
        left -= len(part)
        if any(part) or left < 0:
            raise Damaged("something follows after its end")


def _exactly(tar: BufferedIOBase, size: int) -> bytes:
    part = tar.read(size)
    if len(part) < size:
        raise Damaged("it is cut short")
    return part
