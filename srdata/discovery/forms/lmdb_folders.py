"""The images of LMDB folders of every generation.

    2020 on   meta_info.txt; values are PNG files (BasicSR, KAIR, MMagic, redux, neosr)
    2019      meta_info.pkl {keys, resolution}; values are samples in BGR (MMSR, EDVR)
    2018      beside each KEY a KEY.meta "H, W, C"; values are samples in BGR (BasicSR)

The .pkl is never unpickled. A folder of samples without sizes is read where meta_info.txt gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from srdata.discovery.forms.plain_pickle import read_plain_pickle
from srdata.discovery.image_bytes import LmdbImage
from srdata.errors import SourceError
from srdata.store.lmdb_files.basicsr_lmdb import DATA_FILE, META_FILE, meta_lines
from srdata.store.lmdb_files.lmdb_file import check_structure
from srdata.store.lmdb_files.lmdb_pool import Lease

Size = tuple[int, int]

PICKLE_FILE = "meta_info.pkl"
_SIZE = re.compile(rb"(\d{1,6}), ?(\d{1,6}), ?[13]")
_META = b".meta"


def is_lmdb(path: Path) -> bool:
    """Whether `path` is one of BasicSR's LMDBs, by its name and its data file."""
    return path.suffix == ".lmdb" and (path / DATA_FILE).is_file()


def has_list(folder: Path) -> bool:
    """Whether a file beside the data names the images."""
    return (folder / META_FILE).is_file() or (folder / PICKLE_FILE).is_file()


def lmdb_images(folder: Path) -> dict[str, LmdbImage]:
    """The images of an LMDB folder by key, in the order of its list, else of its keys.

    Raises SetError, SourceError, or CorruptRecordError where the file is damaged.
    """
    check_structure(folder / DATA_FILE)
    if (folder / META_FILE).is_file():
        found: Iterable[tuple[str, Size]] = _by_list(folder)
    elif (folder / PICKLE_FILE).is_file():
        found = _by_pickle(folder / PICKLE_FILE)
    else:
        found = _by_values(folder)
    images: dict[str, LmdbImage] = {}
    for key, size in found:
        if key in images:
            raise SourceError(f"{folder} names {key!r} twice: remove one of the lines")
        images[key] = LmdbImage(folder, key, *size)
    if not images:
        raise SourceError(
            f"{folder} names no image: write {META_FILE}, with a line KEY.png (H,W,3) 1 for each"
        )
    return images


def _by_list(folder: Path) -> Iterator[tuple[str, Size]]:
    """Keys and sizes from meta_info.txt; a key that has dots, which BasicSR itself would cut, is whole."""
    stored = stored_keys(folder)
    for name, size in meta_lines(folder):
        whole = str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).suffix else name
        yield next((key for key in (whole, name) if key in stored), name.split(".")[0]), size


def _by_pickle(path: Path) -> list[tuple[str, Size]]:
    """Keys and sizes from a list of the 2019 generation; a single resolution is that of all."""
    remedy = f"write {META_FILE} beside it, with a line KEY.png (H,W,3) 1 for each image"
    try:
        meta = read_plain_pickle(path)
    except SourceError as error:
        raise SourceError(f"{error}: {remedy}") from error
    if not isinstance(meta, dict) or not isinstance(meta.get("keys"), list):
        raise SourceError(f"{path} has no list of keys: {remedy}")
    keys, given = meta["keys"], meta.get("resolution")
    sizes = [_resolution(one) for one in (given if isinstance(given, list) else [given])]
    sizes = sizes * len(keys) if len(sizes) == 1 else sizes
    if not all(isinstance(key, str) for key in keys):
        raise SourceError(f"{path} lists a key that is no text: {remedy}")
    if len(sizes) != len(keys) or not all(sizes):
        raise SourceError(f"{path} does not say the size of each image: {remedy}")
    return [(key, size) for key, size in zip(keys, sizes, strict=True) if size]


def _resolution(text: Any) -> Size | None:
    """Height and width from channels_height_width."""
    match = re.fullmatch(r"[134]_(\d{1,6})_(\d{1,6})", text) if isinstance(text, str) else None
    return (int(match[1]), int(match[2])) if match else None


def stored_keys(folder: Path) -> set[str]:
    """The keys of all images in the data file, listed or not; raises CorruptRecordError."""
    return {key for key, _ in _by_values(folder)}


def _by_values(folder: Path) -> Iterator[tuple[str, Size]]:
    """Keys and sizes of what is stored without any list."""
    lease = Lease()
    try:
        with lease.reading(folder) as reading, reading.cursor() as cursor:
            for raw in cursor.iternext(keys=True, values=False):
                key = bytes(raw)
                if key.endswith(_META):
                    continue
                size = _SIZE.fullmatch(bytes(reading.get(key + _META) or b"").strip())
                yield key.decode(errors="replace"), (int(size[1]), int(size[2])) if size else (0, 0)
    finally:
        lease.close()
