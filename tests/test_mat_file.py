""".mat files: the numbers that scipy reads, and one error for whatever is hostile, where scipy may crash."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from srdata.common.array_files.mat_file import read_mat
from srdata.errors import UsageError

TYPES = ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def saved(fields: dict[str, Any], compressed: bool = False) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, fields, do_compression=compressed)
    return file.getvalue()


def cell(*items: Any) -> Any:
    cells = np.empty((1, len(items)), object)
    for number, item in enumerate(items):
        cells[0, number] = item
    return cells


FIELDS = {
    **{name: (np.arange(42).reshape(2, 3, 7) + 200).astype(name) for name in TYPES},
    "kernels": cell(np.eye(5), np.ones((3, 3)) / 9, cell(np.eye(2))),
    "one": 7.5,
}
OTHERS = {"note": "text", "sparse": scipy.sparse.eye(4), "complex": np.eye(2) * 1j, "s": {"a": np.eye(2)}}


@pytest.mark.parametrize("compressed", [False, True])
def test_numbers_are_those_that_scipy_reads(compressed: bool) -> None:
    content = saved(FIELDS | OTHERS, compressed)
    found, expected = read_mat(content, "x.mat"), scipy.io.loadmat(io.BytesIO(content))
    assert set(found) == set(FIELDS)
    for name in {*TYPES, "one"}:
        assert found[name].dtype == expected[name].dtype
        assert np.array_equal(found[name], expected[name])
    for number in range(2):
        assert np.array_equal(found["kernels"][0, number], expected["kernels"][0, number])
    assert np.array_equal(found["kernels"][0, 2][0, 0], np.eye(2))


WHOLE = [saved(FIELDS | OTHERS, compressed) for compressed in (False, True)]


@pytest.mark.parametrize("whole", WHOLE, ids=["plain", "compressed"])
def test_any_bytes_are_read_or_refused(whole: bytes) -> None:
    random = np.random.default_rng(0)
    for _ in range(500):
        hurt = bytearray(whole)
        for _ in range(random.integers(1, 5)):
            hurt[random.integers(128, len(hurt))] = random.integers(256)
        with_an_end(bytes(hurt))
        with_an_end(whole[: random.integers(len(whole))])


def with_an_end(content: bytes) -> None:
    said = "x.mat: is fine"
    try:
        read_mat(content, "x.mat")
    except UsageError as error:
        said = str(error)
    assert said.startswith("x.mat: is ")
    assert "\n" not in said


def matrix(flags: int, shape: tuple[int, ...], *parts: bytes) -> bytes:
    """A .mat file of one array, as a hostile hand would write it."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)

    sizes = struct.pack(f"<{len(shape)}i", *shape)
    body = element(6, struct.pack("<II", flags, 0)) + element(5, sizes) + element(1, b"a") + b"".join(parts)
    return saved({})[:128] + element(14, body)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no .mat file"),
        (b"PK\3\4" + bytes(300), "is no .mat file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(300), "is a .mat file of version 7.3"),
        (WHOLE[0][:300], "is a damaged .mat file"),
        (matrix(6, (2**31 - 1, 2**31 - 1), struct.pack("<II", 9, 8) + bytes(8)), "holds 1 number"),
        (matrix(6, (2, 2)), "has no numbers"),
        (matrix(1, (2**31 - 1, 2**31 - 1)), "not as many as it says"),
        (saved({})[:128] + struct.pack("<II", 15, 2**31 - 1) + b"x" * 9, "is cut"),
        (saved({})[:128] + struct.pack("<II", 15, 9) + b"x" * 9, "is a damaged .mat file"),
    ],
)
def test_what_is_no_file_of_numbers_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_mat(content, "x.mat")


@pytest.mark.parametrize("tag", [(0, 0), (1, 0), (14, 0)])
def test_what_unpacks_to_very_much_is_refused(tag: tuple[int, int]) -> None:
    """A few kilobytes, a quarter of a million elements of no bytes; larger ones take no longer."""
    bomb = zlib.compress(struct.pack("<II", *tag) * (1 << 18), 9)
    content = saved({})[:128] + struct.pack("<II", 15, len(bomb)) + bomb
    with pytest.raises(UsageError, match="more than 100000 elements"):
        read_mat(content, "x.mat")
