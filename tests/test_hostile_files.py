"""Files of others that are wrong on purpose: one error of srdata each, in little time and memory."""

from __future__ import annotations

import bz2
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hostile import told
from loopback import zip_of

from srdata.common.array_files import npy_file
from srdata.common.array_files.npy_file import read_npy, read_npz
from srdata.discovery import image_bytes
from srdata.discovery.image_bytes import pixels_of
from srdata.discovery.known_forms import find_parts
from srdata.fetch.archive_members import tar_places
from srdata.fetch.unpack import extract
from srdata.hub.address import HubName
from srdata.hub.repository import Repository, card_in
from srdata.images import encode_png

pytestmark = pytest.mark.linux

PIXELS = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
SMALL = np.ascontiguousarray(PIXELS[::2, ::2])
PNG = encode_png(PIXELS)


def read(path: Path) -> list[np.ndarray]:
    """Every image of whatever is at a path."""
    piles = (
        pile for part in find_parts(path).parts for pile in (part.hr, *(lr.pile for lr in part.lr.values()))
    )
    return [pixels_of(file) for pile in piles for file in pile.images.values()]


# saved arrays


def npy(header: str, data: bytes = bytes(3072), version: int = 1) -> bytes:
    text = header.encode() + b"\n"
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(text))
        + text
        + data
    )


def shaped(shape: str, kind: str = "|u1") -> bytes:
    return npy(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape})}}")


def saved(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


ARRAYS = {
    "empty": b"",
    "cut": saved(PIXELS)[:300],
    "a zip": b"PK\3\4" + bytes(99),
    "objects": saved(np.array([{}], object)),
    "a size below 0": shaped("-32, 32, 3"),
    "a size of 5,000 digits": shaped("9" * 5000 + ",3"),
    "an enormous size": shaped("4294967296, 4294967296, 3"),
    "more than there is": shaped("65535, 65535, 3"),
    "less than there is": shaped("2, 2, 3"),
    "an unclosed header": npy("{'descr': ("),
    "zeros as header": npy("\0\0\0"),
    "a deep header": npy("(" * 60_000),
    "a long header": npy("(" + "1," * 200_000 + ")", version=2),
    "a header of 4 GiB": b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(300),
    "an enormous item": shaped("2, 2, 3", "|V999999999999"),
    "no items": shaped("2, 2, 3", "|V0"),
    "columns": npy("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (3072,)}"),
    "version 3": npy("{}", version=2).replace(b"Y\2", b"Y\3"),
}


@pytest.mark.parametrize("what", ARRAYS)
def test_a_saved_array_that_is_none(tmp_path: Path, what: str) -> None:
    assert "x.npy: is no .npy file of plain numbers" in (told(lambda: read_npy(ARRAYS[what], "x.npy")) or "")
    (tmp_path / "0001.npy").write_bytes(ARRAYS[what])
    assert "is not a plain array" in (told(lambda: read(tmp_path)) or "")
    (tmp_path / "model.npz").write_bytes(zip_of({"mu.npy": ARRAYS[what]}))
    assert "is no .npz file of plain numbers" in (told(lambda: read_npz(tmp_path / "model.npz")) or "")


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f8", ">f4", "|u1", "<i8", "|b1"])
def test_a_saved_array_is_that_which_numpy_saved(order: Any, kind: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(kind, order=order)
    found = read_npy(saved(array), "x.npy")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_an_archive_that_unpacks_to_very_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_bytes, "_LARGEST_ARRAY", 1 << 20)
    monkeypatch.setattr(npy_file, "_LARGEST_MEMBER", 1 << 20)
    torch.save(torch.from_numpy(PIXELS), tmp_path / "fine.pt")
    with (
        zipfile.ZipFile(tmp_path / "fine.pt") as fine,
        zipfile.ZipFile(tmp_path / "0001.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb,
    ):
        for info in fine.infolist():
            large = "/data/" in info.filename
            bomb.writestr(info.filename, bytes(2 << 20) if large else fine.read(info))
    (tmp_path / "fine.pt").unlink()
    assert "it unpacks to more than" in (told(lambda: read(tmp_path)) or "")
    (tmp_path / "0001.pt").rename(tmp_path / "model.npz")
    assert "it unpacks to more than" in (told(lambda: read_npz(tmp_path / "model.npz")) or "")


# archives


def member(name: str = "0001.png", size: bytes | None = None, beside: dict[str, str] | None = None) -> bytes:
    """A file in a tar, of which the header gives another size."""
    info = tarfile.TarInfo(name)
    info.size = len(PNG)
    info.pax_headers = beside or {}
    header = bytearray(info.tobuf(tarfile.PAX_FORMAT))
    if size is not None:
        header[-388:-376] = size
        header[-364:-356] = b" " * 8
        header[-364:-356] = b"%06o\0 " % sum(header[-512:])
    return bytes(header) + PNG + bytes(-len(PNG) % 512)


END = bytes(1024)
TARS = {
    "nothing": b"",
    "zeros alone": bytes(10_240),
    "more zeros": bytes(5 << 20),
    "a size of -1": member(size=b"\xff" * 12) + END,
    "a size that leads back": member() + member("0002.png", (-1024).to_bytes(12, "big", signed=True)) + END,
    "a size of -1 in digits": member(size=b"-0000000001\0") + END,
    "a size of -1 beside": member(beside={"size": "-1"}) + END,
    "an enormous size": member(size=b"\x80" + b"\xff" * 11) + END,
    "a size of 8 GB": member(size=b"77777777777\0") + END,
    "no size": member(size=b"zzzzzzzzzzz\0") + END,
    "cut": member()[:700],
    "noise": np.random.default_rng(0).bytes(10_240),
}


@pytest.mark.parametrize("what", TARS)
def test_a_tar_that_is_none(tmp_path: Path, what: str) -> None:
    archive = tmp_path / "x.tar"
    archive.write_bytes(TARS[what])
    assert told(lambda: extract(archive, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    assert told(lambda: list(tar_places(archive)))
    assert told(lambda: read(archive))


def test_a_tar_that_is_right(tmp_path: Path) -> None:
    """The guards can fail."""
    archive = tmp_path / "x.tar"
    archive.write_bytes(member() + member("0002.png") + END)
    extract(archive, tmp_path / "out")
    assert len(read(archive)) == 2


def packed(method: int, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("0001.png", data)
    return buffer.getvalue()


def test_a_dictionary_of_4_gib(tmp_path: Path) -> None:
    content = bytearray(packed(zipfile.ZIP_LZMA, PNG))
    place = content.index(b"0001.png") + 8 + 5  # behind name, version, size and kind of the settings
    assert struct.unpack_from("<I", content, place)[0] == 8 << 20
    struct.pack_into("<I", content, place, (1 << 32) - 1)
    (tmp_path / "x.zip").write_bytes(content)
    assert told(lambda: extract(tmp_path / "x.zip", tmp_path / "out")) is None
    assert (tmp_path / "out/0001.png").read_bytes() == PNG


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_bomb_of_a_strong_method_is_not_unpacked_at_once(tmp_path: Path, method: int) -> None:
    content = packed(method, bytes(1 << 20))
    if method == zipfile.ZIP_BZIP2:  # many streams, as `bz2` packs them, one after another
        stream = bz2.compress(bytes(100 << 20))
        content = packed(zipfile.ZIP_STORED, stream * 20).replace(b"\0\0\0\0!\0", b"\x0c\0\0\0!\0")
    (tmp_path / "x.zip").write_bytes(content)
    told(lambda: extract(tmp_path / "x.zip", tmp_path / "out"))


# LMDB


def database(folder: Path, pairs: dict[bytes, bytes], lines: str | None) -> Path:
    with (
        lmdb.open(str(folder), map_size=1 << 26) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in pairs.items():
            transaction.put(key, value)
    if lines is not None:
        (folder / "meta_info.txt").write_text(lines)
    return folder


RAW = PIXELS.tobytes()
DATABASES: dict[str, tuple[dict[bytes, bytes], str | None]] = {
    "a sample too few": ({b"a": RAW[:-1]}, "a.png (32,32,3) 1"),
    "an empty value": ({b"a": b""}, "a.png (32,32,3) 1"),
    "no size": ({b"a": b""}, "a.png (0,0,3) 1"),
    "an enormous size": ({b"a": b"xx"}, "a.png (999999999,999999999,3) 1"),
    "a size of 5,000 digits": ({b"a": RAW}, f"a.png ({'9' * 5000},32,3) 1"),
    "a key of no bytes": ({b"a": PNG}, ".png (32,32,3) 1"),
    "dots": ({b"a": PNG}, "... (32,32,3) 1"),
    "a key that is too long": ({b"a": PNG}, f"{'x' * 600}.png (32,32,3) 1"),
    "an endless line": ({b"a": PNG}, "a (" * 200_000),
    "keys that are no text": ({b"\xff": PNG}, None),
    "an endless size beside": ({b"a": RAW, b"a.meta": b"9" * 500_000}, None),
    "an enormous size beside": ({b"a": RAW, b"a.meta": b"999999, 999999, 3"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("what", DATABASES)
def test_an_lmdb_with_values_or_keys_of_bad_sizes(tmp_path: Path, what: str) -> None:
    folder = database(tmp_path / "x.lmdb", *DATABASES[what])
    assert told(lambda: read(folder))


def test_an_lmdb_within_another(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path / "x.lmdb"), map_size=1 << 26, max_dbs=1) as environment:
        inner = environment.open_db(b"sub", dupsort=True)
        with environment.begin(write=True) as transaction:
            transaction.put(b"a", b"b", db=inner)
    assert told(lambda: read(tmp_path / "x.lmdb"))


# HDF5

Fill = Callable[[h5py.File, Path], None]


def pairs(file: h5py.File, path: Path) -> None:
    file["lr/0"], file["hr/0"] = SMALL, PIXELS


def with_hr(make: Callable[[h5py.File, Path], Any]) -> Fill:
    def fill(file: h5py.File, path: Path) -> None:
        file["lr/0"] = SMALL
        make(file, path)

    return fill


def virtual(file: h5py.File, path: Path) -> None:
    layout = h5py.VirtualLayout(PIXELS.shape, "u1")
    layout[:] = h5py.VirtualSource(str(path.with_name("other.h5")), "hr/0", PIXELS.shape)
    file.create_group("hr").create_virtual_dataset("0", layout)


def elsewhere(file: h5py.File, path: Path) -> None:
    file.create_dataset("hr/0", PIXELS.shape, "u1", external=[(str(path.with_name("other.bin")), 0, 3072)])


def within(file: h5py.File, path: Path) -> None:
    file["other"] = h5py.ExternalLink("other.h5", "/")
    file["lr"], file["hr"] = h5py.SoftLink("/other/lr"), h5py.SoftLink("/other/hr")


def in_one_chunk(file: h5py.File, path: Path) -> None:
    chunks = (40_000, 30_000, 3)
    data = file.create_dataset(
        "hr/0", (8, 8, 3), "u1", chunks=chunks, maxshape=(None, None, 3), compression=1
    )
    assert data.chunks == chunks


HDF5: dict[str, Fill] = {
    "a group of another file": with_hr(
        lambda file, path: file.update(hr=h5py.ExternalLink("other.h5", "/hr"))
    ),
    "a group behind a link to a file": within,
    "a group that is a link to itself": with_hr(lambda file, path: file.update(hr=h5py.SoftLink("/hr"))),
    "an image of another file": with_hr(
        lambda file, path: file.update({"hr/0": h5py.ExternalLink("other.h5", "/hr/0")})
    ),
    "samples in another file": with_hr(elsewhere),
    "samples of another data set": with_hr(virtual),
    "an enormous image": with_hr(
        lambda file, path: file.create_dataset("hr/0", (1 << 40, 1 << 20, 3), "u1", chunks=(1, 1, 3))
    ),
    "an enormous chunk": with_hr(in_one_chunk),
    "an image in place of a group": with_hr(lambda file, path: file.update(hr=PIXELS)),
    "groups in place of images": with_hr(lambda file, path: file.create_group("hr/0")),
    "a number": with_hr(lambda file, path: file.update({"hr/0": 5})),
    "nothing": with_hr(lambda file, path: file.update({"hr/0": h5py.Empty("u1")})),
    "lists": with_hr(lambda file, path: file.create_dataset("hr/0", (2, 2), h5py.vlen_dtype("u1"))),
}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """What none of these files may lead to."""
    (tmp_path / "other.bin").write_bytes(RAW)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        pairs(file, tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", HDF5)
def test_an_hdf5_file_that_is_none_or_leads_elsewhere(other: Path, what: str) -> None:
    with h5py.File(other / "x.h5", "w") as file:
        HDF5[what](file, other / "x.h5")
    assert told(lambda: read(other / "x.h5"))
    assert told(lambda: read(other / "other.h5")) is None


# tables


def images(values: list[Any], data: str = "binary", path: str = "string") -> pa.Array:
    kinds = {"bytes": pa.type_for_alias(data), "path": pa.type_for_alias(path)}
    return pa.array(values, pa.struct(list(kinds.items())))


FINE = images([{"bytes": PNG, "path": "0001.png"}])
TABLES: dict[str, dict[str, pa.Array]] = {
    "numbers for bytes": {"hr": images([{"bytes": 5, "path": "a"}], "int64")},
    "texts for bytes": {"hr": images([{"bytes": "x", "path": "a"}], "string")},
    "a number for a path": {"hr": images([{"bytes": None, "path": 5}], path="int64")},
    "neither": {"hr": images([{"bytes": None, "path": None}])},
    "no row": {"hr": images([None])},
    "a path that leads out": {"hr": images([{"bytes": None, "path": "/etc/passwd"}])},
    "numbers": {"hr": pa.array([1.5])},
    "lists": {"hr": pa.array([[PNG]])},
    "a map": {"hr": pa.array([[("a", PNG)]], pa.map_(pa.string(), pa.binary()))},
    "a time for a key": {"hr": FINE, "key": pa.array([2**62], pa.timestamp("us"))},
    "a list for a key": {"hr": FINE, "key": pa.array([[1]])},
    "a number that is none for a scale": {"hr": FINE, "lr": FINE, "scale": pa.array([float("nan")])},
    "a time for a scale": {
        "hr": FINE,
        "lr": images([{"bytes": b"x", "path": "a"}]),
        "scale": pa.array([2**62], pa.timestamp("us")),
    },
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize("what", TABLES)
def test_a_table_with_columns_of_other_types(cache: Path, what: str) -> None:
    pq.write_table(pa.table(TABLES[what]), cache / "x.parquet")
    assert told(lambda: read(cache / "x.parquet"))


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
CARDS = {
    "a date of month 99": "date: 2020-99-01",
    "configs: 5": "configs: 5",
    "configs of other types": "configs: [5, a, [1], {config_name: [1]}]",
    "a number of 5,000 digits": f"license: {'9' * 5000}",
    "a deep list": f"license: {'[' * 5000}{']' * 5000}",
    "a deep mapping": f"license: {'{a: ' * 3000}x{'}' * 3000}",
    "an endless name": f"{LAUGHS}configs: [{{config_name: *a39}}]",
    "endless files": f"{LAUGHS}configs:\n- config_name: x\n  data_files: *a39",
    "a list of itself": "license: &a [*a]",
    "very much": "a: [" + "x, " * 400_000 + "x]",
    "an object": 'license: !!python/object/apply:os.system ["true"]',
    "a list as key": "? [a]\n: b",
    "a tab": "\tx",
}


@pytest.mark.parametrize("what", CARDS)
def test_a_card_that_is_none(cache: Path, what: str) -> None:
    (cache / "README.md").write_text(f"---\n{CARDS[what]}\n---\n")
    pq.write_table(pa.table({"hr": FINE}), cache / "train-00000.parquet")
    assert told(lambda: read(cache))


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(10**5000),
        [10**5000, "mit"],
        {"a": 1},
        ["x\ny\x1b[31m"],
        "x" * 10**6,
        True,
        [[["x"]]],
        b"x",
        5.0,
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_card_with_strange_values_tells_a_licence_in_one_line(value: Any) -> None:
    found = Repository(HubName("a/b"), "0", {"license": value, "license_link": value, "configs": value}, {})
    said: list[str] = []
    assert told(lambda: said.append(f"{found.licence} {found.configs}")) is None
    assert len(said[0]) < 2000
    assert "\n" not in said[0]


def test_a_card_that_is_right(cache: Path) -> None:
    """With references that are few, as YAML writes them for equal lists."""
    (cache / "README.md").write_text(
        "---\nlicense: &x [mit]\nlicense_name: *x\nconfigs:\n- config_name: 2020\n---\n"
    )
    found = Repository(HubName("a/b"), "0", card_in(cache), {})
    assert found.configs == ("2020",)
    assert found.licence == "licence of hf://a/b: mit, by its card"
