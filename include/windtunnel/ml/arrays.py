"""Arrays: named arrays of numbers as an npz, read without numpy's own loader, which can load pickles and believes sizes."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from windtunnel.core.errors import ArtefactInvalid

MOST_ARRAYS = 10_000
LONGEST_HEADER = 10_000
"""Bytes that say an array's type and shape: numpy's own limit."""

_ALLOWED = "arrays of integers and floats up to 64 bit, stored without compression"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

Arrays = Mapping[str, npt.NDArray[np.generic]]


def written(arrays: Mapping[str, npt.ArrayLike]) -> bytes:
    """An npz; equal arrays give equal bytes, whatever their order.

    Raises:
        ArtefactInvalid: One is not an array of numbers.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            array = np.asarray(arrays[name], order="C")
            _check_type(name, array.dtype)
            one = io.BytesIO()
            np.lib.format.write_array(one, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), one.getvalue())
    return file.getvalue()


def read(npz: bytes) -> Arrays:
    """The arrays of an npz, which nobody can write to; they take no more room than the bytes do.

    Raises:
        ArtefactInvalid: It is none, or holds anything but named arrays of numbers.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(npz)) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            if len(members) > MOST_ARRAYS or len(set(names)) < len(names):
                raise _refused(f"holds {len(members):,} members, {len(set(names)):,} different")
            # Stored as it is, so that its size is bounded by that of the file.
            if packed := [each.filename for each in members if each.compress_type != zipfile.ZIP_STORED]:
                raise _refused(f"holds `{packed[0]}`, compressed")
            return {name: _array(name, archive.read(member)) for name, member in zip(names, members, strict=True)}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise _refused(f"is not a whole npz ({error})") from error


def _array(name: str, content: bytes) -> npt.NDArray[np.generic]:
    file = io.BytesIO(content)
    try:
        shape, by_column, kind = _HEADERS[np.lib.format.read_magic(file)](file, LONGEST_HEADER)
    except (ValueError, KeyError) as error:
        raise _refused(f"holds `{name}`, which is no array ({error})") from error
    _check_type(name, kind)
    # Before anything is made of it: a header may claim any shape.
    if math.prod(shape) * kind.itemsize != len(content) - file.tell() or min(shape, default=0) < 0:
        raise _refused(f"holds `{name}`, said to be of shape {shape} in {len(content):,} bytes")
    flat = np.frombuffer(content, kind, offset=file.tell())
    return flat.reshape(shape, order="F" if by_column else "C")


def _check_type(name: str, kind: np.dtype[np.generic]) -> None:
    if kind.kind not in "fi" or kind.itemsize > 8 or kind.shape:
        raise _refused(f"holds `{name}` of type `{kind}`")


def _refused(what: str) -> ArtefactInvalid:
    return ArtefactInvalid(f"`model.npz` {what}; allowed are {_ALLOWED}. Write such arrays in `fit`, and train again.")
