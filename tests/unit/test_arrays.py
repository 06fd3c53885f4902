"""Arrays as an npz: the same bytes for the same arrays, and nothing but arrays of numbers is read."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from windtunnel.core.errors import ArtefactInvalid
from windtunnel.ml import arrays

NUMBERS = st.sampled_from([np.float64, np.float32, np.int64, np.int8])


def header(shape: str, kind: str = "<f8") -> bytes:
    """The head of an .npy that claims a shape and a type."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npz(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


def saved(**given_arrays: Any) -> bytes:
    """What numpy itself writes, pickles included."""
    file = io.BytesIO()
    np.savez(file, **given_arrays)
    return file.getvalue()


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1),
        NUMBERS.flatmap(lambda kind: arrays_of.arrays(kind, arrays_of.array_shapes(min_dims=0, min_side=0))),
    )
)
def test_what_was_written_is_read_and_cannot_be_changed(some: dict[str, Any]) -> None:
    found = arrays.read(arrays.written(some))
    assert found.keys() == some.keys()
    for name, array in some.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert not found[name].flags.writeable


def test_equal_arrays_give_equal_bytes_whatever_their_order_and_layout() -> None:
    one, other = np.arange(6.0).reshape(2, 3), np.arange(3)
    by_column = np.asfortranarray(one)
    assert arrays.written({"a": one, "b": other}) == arrays.written({"b": other, "a": by_column})


def test_what_numpy_writes_of_numbers_is_read() -> None:
    by_column = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    found = arrays.read(saved(weights=by_column, count=np.int64(3)))
    np.testing.assert_array_equal(found["weights"], by_column)
    assert found["count"] == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (saved(a=np.array([print], dtype=object)), "holds `a` of type `object`"),
        (saved(a=np.array(["text"])), "holds `a` of type `<U4`"),
        (saved(a=np.zeros(2, complex)), "holds `a` of type `complex128`"),
        (saved(a=np.zeros(2, np.longdouble)), "holds `a` of type `float128`"),
        (saved(a=np.zeros(2, [("x", "f8")])), "holds `a` of type"),
        (npz(("a.npy", header("(1000000000000,)"))), r"holds `a`, said to be of shape \(1000000000000,\) in 128 bytes"),
        (npz(("a.npy", header("(-1,)"))), r"holds `a`, said to be of shape \(-1,\)"),
        (npz(("a.npy", header("(2,)") + bytes(17))), r"holds `a`, said to be of shape \(2,\) in 145 bytes"),
        (npz(("a.npy", header("(1,)", "|O") + bytes(8))), "holds `a` of type `object`"),
        (npz(("a.npy", b"\x93NUMPY\x01\x00\x04\x00boo!")), "holds `a`, which is no array"),
        (npz(("a.npy", b"PK")), "holds `a`, which is no array"),
        (npz(("a.npy", header("(0,)")), ("a", header("(0,)"))), "holds 2 members, 1 different"),
        (npz(("a.npy", header("(8,)") + bytes(64)), compression=zipfile.ZIP_DEFLATED), "holds `a.npy`, compressed"),
        (arrays.written({"a": np.zeros(9)})[:-30], "is not a whole npz"),
        (b"", "is not a whole npz"),
    ],
)
def test_anything_else_is_refused_before_anything_is_made_of_it(content: bytes, reason: str) -> None:
    with pytest.raises(ArtefactInvalid, match=rf"`model\.npz` {reason}.*allowed are arrays of integers and floats"):
        arrays.read(content)


def test_a_changed_byte_of_an_array_is_seen() -> None:
    content = bytearray(arrays.written({"a": np.zeros(4)}))
    content[len(content) // 2] ^= 1
    with pytest.raises(ArtefactInvalid, match=r"`model\.npz`"):
        arrays.read(bytes(content))


def test_a_model_that_learned_no_numbers_is_told_in_its_training() -> None:
    with pytest.raises(ArtefactInvalid, match="holds `names` of type"):
        arrays.written({"names": np.array(["a"])})
