"""Any bytes for every reader: taken, or one error of srdata, in little time and memory.

Right files are damaged as hypothesis draws it. `pytest -m slow tests/test_fuzz.py` does it for minutes.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import h5py
import lmdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import scipy.io
import torch
from hostile import told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback import digest_of, manifest_data, tar_of, zip_of
from test_hostile_files import ARRAYS, CARDS, TARS, read

from srdata.common.documents import check
from srdata.common.strict_yaml import parse_yaml
from srdata.degrade.chain import load_chain
from srdata.degrade.learned.car.safetensors_file import tensors_of
from srdata.degrade.numerics.kernel_files import read_kernels
from srdata.discovery.forms.metadata_parts import metadata_parts
from srdata.discovery.forms.plain_pickle import read_plain_pickle
from srdata.fetch.manifest import Manifest
from srdata.fetch.unpack import extract
from srdata.hub.repository import card_in, configs_of
from srdata.images import decode_image, encode_png, probe
from srdata.metrics.mos import mean_opinions
from srdata.recipes.read_recipe import read_set_recipe

pytestmark = pytest.mark.linux

REPOSITORY = Path(__file__).parents[1]
PIXELS = np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)
SMALL = np.ascontiguousarray(PIXELS[::2, ::2])
PNG = encode_png(PIXELS)
OFTEN = [b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"-1", b"9" * 30, b"\0" * 8]
OFTEN += [b"[", b"{", b"&a *a", b"\n"]


class Reader(NamedTuple):
    """What reads a file of this name, and a right one."""

    name: str
    read: Callable[[Path], object]
    right: bytes


def filled(name: str, write: Callable[[Path], object]) -> bytes:
    """The bytes of a file that a library writes."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


def image(suffix: str) -> Reader:
    def look(path: Path) -> object:
        probe(path.read_bytes(), path.name)
        return decode_image(path.read_bytes(), path.name)

    return Reader(f"x{suffix}", look, cv2.imencode(suffix, PIXELS)[1].tobytes())


def hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["lr/0"], file["hr/0"] = SMALL, PIXELS


def database(folder: Path) -> None:
    with (
        lmdb.open(str(folder), map_size=1 << 20) as environment,
        environment.begin(write=True) as transaction,
    ):
        for number in range(4):
            transaction.put(b"%d" % number, PNG)


def of_lmdb(path: Path) -> object:
    """The folder of a data file, with a list."""
    (path.parent / "meta_info.txt").write_text("".join(f"{number}.png (24,24,3) 1\n" for number in range(4)))
    return read(path.parent)


def listed(path: Path) -> object:
    """The folder of a list, with a right data file."""
    database(path.parent)
    return read(path.parent)


def named_pairs(path: Path) -> object:
    for name, pixels in (("hr", PIXELS), ("lr", SMALL)):
        (path.parent / f"{name}.png").write_bytes(encode_png(pixels))
    return metadata_parts(path.parent)


def unpacked(path: Path) -> None:
    try:
        extract(path, path.parent / "out")
    finally:
        shutil.rmtree(path.parent / "out", ignore_errors=True)


def buffered(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


PAIRS = {"a.hr.png": PNG, "a.lr.png": encode_png(SMALL), "a.json": b'{"key": "a", "split": "train"}'}
LIST = pickle.dumps({"name": "x", "keys": ["0", "1"], "resolution": ["3_24_24", "3_24_24"]})
TABLE = pa.table(
    {"hr": [PNG], "lr": [encode_png(SMALL)], "key": ["a"], "scale": [2], "degradation": ["bicubic"]}
)
SET = {
    "split": "train",
    "track": "HR",
    "count": 1,
    "keys": "1-1",
    "sources": [{"archives": ["a.zip"], "paths": "{key}.png"}],
}
ARCHIVE = {"urls": ["https://example.org/a.zip"], "digests": [digest_of(b"")]}
MANIFEST = json.dumps(manifest_data("x", sets=[SET], archives={"a.zip": ARCHIVE})).encode()
CARD = b"---\nlicense: &l mit\nlicense_name: *l\nconfigs:\n- config_name: a\n---\n"
RATINGS = b"method,image,rater,score\nm,a,x,3\nm,a,y,4.5\nn,b,x,1\nn,b,y,2\n"

READERS = {
    **{suffix: image(suffix) for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff", ".ppm", ".gif")},
    "recipe": Reader("x.yaml", read_set_recipe, (REPOSITORY / "recipes/div2k.yaml").read_bytes()),
    "chain": Reader("x.yaml", load_chain, (REPOSITORY / "recipes/degradations/bsrgan.yaml").read_bytes()),
    "manifest": Reader("x.yaml", lambda path: check(Manifest, parse_yaml(path.read_bytes(), path)), MANIFEST),
    "card": Reader("README.md", lambda path: configs_of(card_in(path.parent)), CARD),
    "zip": Reader("x.zip", unpacked, zip_of({"a/b.png": PNG, "c.txt": b"x" * 99})),
    "tar": Reader("x.tar", unpacked, tar_of({"a/b.png": PNG, "c.txt": b"x" * 99}, "w")),
    "tar.gz": Reader("x.tar.gz", unpacked, tar_of({"a/b.png": PNG, "c.txt": b"x" * 99})),
    "tar of pairs": Reader("x.tar", read, tar_of(PAIRS, "w")),
    "LMDB": Reader("x.lmdb/data.mdb", of_lmdb, filled("data.mdb", lambda path: database(path.parent))),
    "list of an LMDB": Reader("x.lmdb/meta_info.txt", listed, b"0.png (24,24,3) 1\n1.png (24, 24, 3)\n2\n"),
    "old list of an LMDB": Reader("x.lmdb/meta_info.pkl", listed, LIST),
    "HDF5": Reader("x.h5", read, filled("x.h5", hdf5)),
    "Parquet": Reader("x.parquet", read, filled("x.parquet", lambda path: pq.write_table(TABLE, path))),
    "weights": Reader(
        "x.safetensors",
        lambda path: tensors_of(path.read_bytes(), path.name),
        safetensors.torch.save({"a": torch.ones(3, 4)}),
    ),
    ".npy": Reader("0001.npy", lambda path: read(path.parent), buffered(lambda file: np.save(file, PIXELS))),
    ".pt": Reader(
        "0001.pt",
        lambda path: read(path.parent),
        buffered(lambda file: torch.save(torch.from_numpy(PIXELS), file)),
    ),
    "kernels in .npy": Reader(
        "x.npy", lambda path: read_kernels(str(path)), buffered(lambda file: np.save(file, np.eye(5)))
    ),
    "kernels in .mat": Reader(
        "x.mat",
        lambda path: read_kernels(str(path)),
        buffered(lambda file: scipy.io.savemat(file, {"k": np.eye(5)})),
    ),
    "pickle": Reader("x.pkl", read_plain_pickle, LIST),
    "metadata in CSV": Reader(
        "metadata.csv", named_pairs, b"hr_file_name,lr_file_name,scale\nhr.png,lr.png,2\n"
    ),
    "metadata in JSON": Reader(
        "metadata.jsonl", named_pairs, b'{"hr_file_name": "hr.png", "lr_file_name": "lr.png", "scale": 2}\n'
    ),
    "ratings": Reader("x.csv", mean_opinions, RATINGS),
}

Change = tuple[float, bytes | None, int]  # where, what is put there (None: other parts), how much goes

CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1), st.sampled_from(OFTEN) | st.binary(max_size=4) | st.none(), st.integers(0, 64)
    ),
    min_size=1,
    max_size=4,
)


def damaged(right: bytes, changes: list[Change], end: float) -> bytes:
    """A file with changes, cut at the end."""
    found = bytearray(right)
    for where, new, replaced in changes:
        start = int(where * len(found))
        found[start : start + replaced] = found[-start : len(found) - start + 64] if new is None else new
    return bytes(found[: round(end * len(found))])


def try_it(what: str, content: bytes) -> str | None:
    """What a reader says of a file."""
    reader = READERS[what]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / reader.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return told(lambda: reader.read(path))


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import datasets

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("what", READERS)
def test_a_right_file_is_read(what: str) -> None:
    """The guards can fail."""
    assert try_it(what, READERS[what].right) is None


@pytest.mark.parametrize("what", READERS)
@pytest.mark.parametrize("count", [20, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_damaged_file_is_read_or_refused(what: str, count: int) -> None:
    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(CHANGES, st.just(1.0) | st.floats(0, 1))
    def fuzz(changes: list[Change], end: float) -> None:
        try_it(what, damaged(READERS[what].right, changes, end))

    fuzz()


OTHERS = [
    *(
        b"",
        b"\0" * 4096,
        b"\xff" * 4096,
        b"PK\3\4" + bytes(99),
        b"[" * 100_000,
        b"{a: " * 50_000,
        b"9" * 5000,
    ),
    *ARRAYS.values(),
    *TARS.values(),
    *(f"---\n{card}\n---\n".encode() for card in CARDS.values()),
]


@pytest.mark.parametrize("what", READERS)
def test_what_is_nothing_of_the_kind_is_read_or_refused(what: str) -> None:
    """And what was found before, of other kinds too."""
    for content in OTHERS:
        try_it(what, content)
