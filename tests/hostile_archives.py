"""Archives made to do harm, for every reader of a model.tar.gz, and odd ones that mean no harm.

Each maker gets a folder outside the one that is unpacked into, to aim at. The headers are written here: tarfile writes none
that lie.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import resource
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

FILES = {"model.onnx": b"onnx" * 200, "signature.json": b"{}"}
"""What a good archive holds; the hostile ones begin with it, or pretend to be it."""
Maker = Callable[[Path], bytes]
MEGABYTE = 1 << 20
GIGABYTE = 1 << 30


def block(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
    mode: int = 0o644,
    checksum: bytes | None = None,
    at_386: bytes = b"",
) -> bytes:
    """A header; a size in bytes is written as it is."""
    number = size if isinstance(size, bytes) else b"%011o" % size
    text = bytearray(512)
    fields = [(0, name), (100, b"%07o" % mode), (108, b"%07o" % 0), (116, b"%07o" % 0), (124, number)]
    fields += [(136, b"%011o" % 0), (156, kind), (157, link), (257, magic), (345, prefix), (386, at_386)]
    for at, field in fields:
        text[at : at + len(field)] = field
    text[148:156] = b" " * 8
    text[148:156] = checksum or b"%06o\0 " % sum(text)
    return bytes(text[:512])


def member(name: bytes, content: bytes = b"x", kind: bytes = b"0", **fields: bytes) -> bytes:
    """A header and its content, filled up to whole blocks."""
    return block(name, len(content), kind, **fields) + padded(content)  # type: ignore[arg-type]


def padded(content: bytes) -> bytes:
    """The content up to a whole block."""
    return content + bytes(-len(content) % 512)


def record(key: bytes, value: bytes) -> bytes:
    """A record of an extended header."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    """An extended header."""
    return member(b"PaxHeaders/0", b"".join(record(*each) for each in records), kind)


def long_name(name: bytes) -> bytes:
    """GNU's header of a long name."""
    return member(b"././@LongLink", name + b"\0", b"L")


GOOD = b"".join(member(name.encode(), content) for name, content in FILES.items())
ONNX = member(b"model.onnx", FILES["model.onnx"])
SIGNATURE = member(b"signature.json", FILES["signature.json"])
END = bytes(1024)


def packed(*parts: bytes, end: bytes = END) -> bytes:
    """A tar.gz."""
    return gzip.compress(b"".join(parts) + end, 6, mtime=0)


def always(*parts: bytes, end: bytes = END) -> Maker:
    """A maker of the same bytes, wherever it is aimed."""
    return lambda _: packed(*parts, end=end)


def after_good(*parts: bytes) -> Maker:
    """The same behind the good files."""
    return always(GOOD, *parts)


def zeros(size: int) -> bytes:
    """A gzip of so many zeros, made in no time."""
    return gzip.compress(bytes(64 * MEGABYTE), mtime=0) * (size // (64 * MEGABYTE))


def zipped() -> bytes:
    """The good files as a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return file.getvalue()


def damaged(at: int) -> bytes:
    """A good archive with one byte of its end changed: in the checksum of gzip, or in the length."""
    whole = bytearray(packed(GOOD))
    whole[at] ^= 1
    return bytes(whole)


def aimed(*parts: Callable[[bytes], bytes]) -> Maker:
    """An archive whose parts know the folder outside."""
    return lambda outside: packed(*(part(str(outside).encode()) for part in parts))


def _sparse_1_0() -> bytes:
    told = [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.name", b"model.onnx")]
    numbers = b"16000000\n" + b"0\n" * 32_000_000
    return packed(pax(*told, (b"GNU.sparse.realsize", b"1000")), member(b"model.onnx", numbers), SIGNATURE)


def _sparse_gnu(chained: int) -> bytes:
    told = b"".join(b"%011o\0" % number for number in (0, 1) * 4) + b"\1" * bool(chained) + bytes(not chained)
    more = (b"%011o\0" % 1) * 42 + b"\1" + bytes(7)
    header = block(b"model.onnx", 512, b"S", magic=b"ustar  \0", at_386=told + b"%011o\0" % (8 * GIGABYTE - 1))
    return packed(header, more * chained, bytes(512), SIGNATURE)


HOSTILE: dict[str, Maker] = {
    "absolute name": aimed(lambda outside: member(outside + b"/model.onnx")),
    "absolute name by prefix": aimed(lambda outside: member(b"model.onnx", prefix=outside)),
    "upwards": always(member(b"../model.onnx"), SIGNATURE),
    "upwards after a dot": always(member(b"./../model.onnx"), SIGNATURE),
    "upwards from inside": always(member(b"model.onnx/../../model.onnx"), SIGNATURE),
    "upwards by an extended header": always(pax((b"path", b"../model.onnx")), ONNX, SIGNATURE),
    "upwards by a global header": always(pax((b"path", b"../model.onnx"), kind=b"g"), ONNX, SIGNATURE),
    "upwards by a long name": always(long_name(b"a/../../model.onnx"), ONNX, SIGNATURE),
    "backslashes": always(member(b"..\\model.onnx"), SIGNATURE),
    "drive letter": always(member(b"C:\\model.onnx"), SIGNATURE),
    "NUL in a name": always(pax((b"path", b"model.onnx\0.py")), ONNX, SIGNATURE),
    "NUL in a long name of a folder": always(pax((b"path", b"a\0b/c")), ONNX, SIGNATURE),
    "text written backwards": after_good(member("model\u202exnno.py".encode())),
    "line break in a name": after_good(member(b"model\n.onnx")),
    "name that is not UTF-8": after_good(member(b"model\xff.onnx")),
    "symbolic link, then a file through it": aimed(
        lambda outside: block(b"code", 0, b"2", link=outside), lambda _: member(b"code/model.onnx")
    ),
    "symbolic link, then a file of its name": aimed(
        lambda outside: block(b"model.onnx", 0, b"2", link=outside + b"/model.onnx"), lambda _: ONNX + SIGNATURE
    ),
    "hard link to a file outside": always(block(b"model.onnx", 0, b"1", link=b"/etc/passwd"), SIGNATURE),
    "hard link with content": always(block(b"model.onnx", 1, b"1", link=b"/etc/passwd"), padded(b"x"), SIGNATURE),
    "character device": always(block(b"model.onnx", 0, b"3"), SIGNATURE),
    "block device": always(block(b"model.onnx", 0, b"4"), SIGNATURE),
    "pipe": always(block(b"model.onnx", 0, b"6"), SIGNATURE),
    "contiguous file": always(member(b"model.onnx", kind=b"7"), SIGNATURE),
    "unknown kind": always(member(b"model.onnx", kind=b"Z"), SIGNATURE),
    "part of another volume": always(member(b"model.onnx", kind=b"M"), SIGNATURE),
    "folder with the name of a file": always(block(b"model.onnx", 0, b"5"), GOOD),
    "folder after the file of its name": after_good(block(b"model.onnx/", 0, b"5")),
    "folder with a size": after_good(block(b"./", 512, b"5"), block(b"hidden")),
    "file twice": after_good(member(b"model.onnx", b"other")),
    "file twice by a dot": after_good(member(b"./model.onnx", b"other")),
    "file twice by slashes": after_good(member(b".//model.onnx", b"other")),
    "file twice by a slash behind": after_good(pax((b"path", b"model.onnx/")), member(b"a", b"other")),
    "file below a file": after_good(member(b"model.onnx/a")),
    "no name": after_good(member(b"")),
    "dot as a file": after_good(member(b".")),
    "very long path": after_good(*(long_name(b"a/" * 2000), member(b"a"))),
    "name longer than a file may have": after_good(long_name(b"a" * 300), member(b"a")),
    "size by an extended header": always(pax((b"size", b"9999999999999")), ONNX, SIGNATURE),
    "negative size by an extended header": always(pax((b"size", b"-1024")), ONNX, SIGNATURE),
    "size by a global header": always(pax((b"size", b"0"), kind=b"g"), ONNX, SIGNATURE),
    "link by an extended header": always(pax((b"linkpath", b"/etc/passwd")), ONNX, SIGNATURE),
    "charset by an extended header": always(pax((b"hdrcharset", b"BINARY")), ONNX, SIGNATURE),
    "negative size": always(block(b"model.onnx", b"-0000000001"), SIGNATURE),
    "negative size in base 256": always(block(b"model.onnx", b"\xff" * 12), SIGNATURE),
    "size that leads back to the start": always(block(b"model.onnx", b"\xff" * 10 + b"\xfe\x00"), SIGNATURE),
    "huge size in base 256": always(block(b"model.onnx", b"\x80" + b"\x7f" * 11), SIGNATURE),
    "size larger than the archive": always(block(b"model.onnx", 900), b"x"),
    "size that is no number": always(block(b"model.onnx", b"12 monkeys\0"), SIGNATURE),
    "content behind a size of 0": always(block(b"model.onnx", 0), padded(b"x" * 600), SIGNATURE),
    "extended header without end": always(block(b"p", 8 * GIGABYTE - 1, b"x"), b"9" * MEGABYTE),
    "extended header of 50 MB": always(pax((b"comment", b"x" * 50_000_000)), GOOD),
    "global header of 50 MB": always(pax((b"comment", b"x" * 50_000_000), kind=b"g"), GOOD),
    "extended header of digits, which takes the square": always(member(b"p", b"9" * MEGABYTE, b"x"), GOOD),
    "extended header of negative size": always(block(b"p", b"\xff" * 12, b"x"), GOOD),
    "many extended headers of digits": always(member(b"p", b"9" * 4000, b"x") * 5000, GOOD),
    "long names in a chain": always(long_name(b"model.onnx") * 5000, GOOD),
    "long name without end": always(member(b"l", b"a" * 50_000_000, b"L"), GOOD),
    "sparse file of 8 GB": lambda _: _sparse_gnu(0),
    "sparse file with a map without end": lambda _: _sparse_gnu(20_000),
    "sparse file with a map of numbers without end": lambda _: _sparse_1_0(),
    "sparse file with a map of words": always(
        pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0")), member(b"model.onnx", b"words"), SIGNATURE
    ),
    "first checksum wrong": always(block(b"model.onnx", checksum=b"000000\0 "), SIGNATURE),
    "later checksum wrong": after_good(block(b"signature.json", checksum=b"000000\0 ")),
    "checksum that is no number": after_good(block(b"signature.json", checksum=b"checksum")),
    "cut in a block of zeros": always(GOOD, end=bytes(100)),
    "cut after a header": always(ONNX, block(b"signature.json", 2), end=b""),
    "cut before the end": always(GOOD, end=b""),
    "cut in a header": always(GOOD, block(b"a")[:300], end=b""),
    "another archive after the end": always(GOOD, END, member(b"../model.onnx")),
    "another archive in another gzip": lambda _: packed(GOOD) + packed(member(b"../model.onnx")),
    "text after the gzip": lambda _: packed(GOOD) + b"rm -rf",
    "zeros without end": lambda _: packed(GOOD) + zeros(4 * GIGABYTE),
    "file of 4 GB of zeros": lambda _: gzip.compress(block(b"model.onnx", 4 * GIGABYTE)) + zeros(4 * GIGABYTE),
    "archive of nothing but zeros": lambda _: zeros(4 * GIGABYTE),
    "folder 100,000 times": always(block(b"./", 0, b"5") * 100_000, GOOD),
    "100,000 files": lambda _: packed(*(block(b"%06d" % number) for number in range(100_000))),
    "gzip of a gzip": lambda _: gzip.compress(packed(GOOD)),
    "tar without gzip": lambda _: GOOD + END,
    "bzip2": lambda _: bz2.compress(GOOD + END),
    "xz": lambda _: lzma.compress(GOOD + END),
    "zip": lambda _: zipped(),
    "text": lambda _: b"not an archive",
    "gzip of a text": lambda _: gzip.compress(b"not an archive" * 100),
    "nothing": lambda _: b"",
    "gzip of nothing": lambda _: gzip.compress(b""),
    "checksum of gzip wrong": lambda _: damaged(-8),
    "length of gzip wrong": lambda _: damaged(-4),
}
"""Name -> an archive that every reader refuses."""

FOREIGN: dict[str, Maker] = {
    "another file": after_good(member(b"extra.py")),
    "the model in two folders": always(member(b"a/model.onnx"), member(b"b/model.onnx"), SIGNATURE),
    "large letters": always(member(b"MODEL.ONNX"), SIGNATURE),
    "dot behind": always(member(b"model.onnx."), SIGNATURE),
    "space behind": always(member(b"model.onnx "), SIGNATURE),
    "Cyrillic letter": always(member("m\u043edel.onnx".encode()), SIGNATURE),
    "letters of full width": always(member("\uff4dodel.onnx".encode()), SIGNATURE),
    "letter and accent": after_good(member("mode\u0301l.onnx".encode())),
    "text behind NUL": always(member(b"model.onnx\0.py"), SIGNATURE),
    "two dots and slashes": always(member(b"././model.onnx"), SIGNATURE),
    "long name that is the right one": always(long_name(b"model.onnx"), ONNX, SIGNATURE),
    "file too large": always(member(b"model.onnx", b"x" * 1001), SIGNATURE),
    "file missing": always(ONNX),
}
"""Archives that could be another model's, and are refused by who knows which files a model has."""

HARMLESS: dict[str, Maker] = {
    "plain": after_good(),
    "dots": always(block(b"./", 0, b"5"), member(b"./model.onnx", FILES["model.onnx"]), SIGNATURE),
    "times and owners": always(pax((b"mtime", b"1.5"), (b"uid", b"99999999"), (b"uname", b"root")), GOOD),
    "comment for all": always(pax((b"comment", b"f" * 40), kind=b"g"), GOOD),
    "attributes of macOS": always(pax((b"LIBARCHIVE.xattr.com.apple.provenance", b"AQA")), GOOD),
    "GNU's form": always(member(b"model.onnx", FILES["model.onnx"], magic=b"ustar  \0"), SIGNATURE),
    "the oldest form": always(member(b"model.onnx", FILES["model.onnx"], b"\0", magic=bytes(8)), SIGNATURE),
    "several gzips of one tar": lambda _: b"".join(
        gzip.compress((GOOD + END)[at : at + 100]) for at in range(0, len(GOOD + END), 100)
    ),
    "a record filled with zeros": always(GOOD, bytes(10_240)),
    "bits that would run it as root": always(
        block(b"model.onnx", 800, mode=0o6777), padded(FILES["model.onnx"]), SIGNATURE
    ),
}
"""Odd, and unpacked to `FILES`."""


def cuts() -> Iterator[bytes]:
    """A good archive cut at every place."""
    whole = packed(GOOD)
    return (whole[:at] for at in range(len(whole)))


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All that lies in a folder: path -> kind and mode, time of the last change, content or target."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, 0 if path.is_dir() else status.st_mtime_ns, content)
    return found


@contextmanager
def bounded(memory: int = 64 * MEGABYTE, cpu_seconds: float = 20) -> Iterator[None]:
    """So much more memory and so much time on a processor, and no more.

    Raises:
        MemoryError: It wanted more memory.
        TimeoutError: It wanted more time.
    """

    def over(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"more than {cpu_seconds} s of computing")

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGVTALRM, over)
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGVTALRM, before)
