"""The LMDB folders of BasicSR and its relatives: NAME.lmdb/{data.mdb, lock.mdb, meta_info.txt}.

A value is a PNG file, its key the image's name without suffix; meta_info.txt has a line `KEY.png (H,W,C)
LEVEL` for each key. The format is that of `basicsr/utils/lmdb_util.py`; what is written here BasicSR reads
unmodified.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from srdata.common.files import publish, storage_errors, sync_folder
from srdata.common.processes.part_folders import new_part_folder, remove_left_folders
from srdata.errors import SetError, UsageError
from srdata.images import encode_png
from srdata.store.blocks import CHANNELS, Pixels
from srdata.store.lmdb_files.lmdb_file import LmdbWriter

DATA_FILE, LOCK_FILE, META_FILE = "data.mdb", "lock.mdb", "meta_info.txt"
LEVEL = 1  # of PNG compression
_LONGEST_KEY = 511  # bytes, LMDB's limit
_FLUSH_BYTES = 32 << 20  # of values in one transaction
_META = re.compile(r"(?P<name>.+?)(?: \((?P<height>\d{1,9}), ?(?P<width>\d{1,9}), ?\d{1,9}\))?(?: \d{1,9})?")
_LONGEST_LINE = 1000  # of a list: a key, its suffix and sizes


class BasicsrWriter(AbstractContextManager["BasicsrWriter"]):
    """Writes the LMDB folder `path`, whose name ends in ".lmdb": add every image, then seal.

    Nothing stands at `path` before `seal`; what stood there is then replaced. Values are in the order of
    their keys in the file and in the order of writing in meta_info.txt. Raises UsageError for a key that the
    format cannot hold, StorageFullError and StoreError.
    """

    def __init__(self, path: Path, map_bytes: int = 1 << 30) -> None:
        if path.suffix != ".lmdb":
            raise UsageError(f"{path}: the name of an LMDB folder of BasicSR ends in .lmdb")
        self._path = path
        self._sizes: dict[str, tuple[int, int]] = {}
        self._waiting: list[tuple[bytes, bytes]] = []
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_left_folders(path, DATA_FILE)
            self._part, self._lock = new_part_folder(path, DATA_FILE)
        self._file = LmdbWriter(self._part, map_bytes, subdir=True)

    def add(self, key: str, image: Pixels) -> None:
        """Store an image, RGB uint8 (height, width, 3)."""
        self.add_png(key, encode_png(image, LEVEL), image.shape[0], image.shape[1])

    def add_png(self, key: str, png: bytes, height: int, width: int) -> None:
        """Store an image that is an RGB PNG file already."""
        check_key(key)
        if key in self._sizes:
            raise UsageError(f"{self._path}: key {key!r} stands twice: give one of the images another name")
        self._sizes[key] = height, width
        self._waiting.append((key.encode("ascii"), png))
        if sum(len(value) for _, value in self._waiting) >= _FLUSH_BYTES:
            self._flush()

    def seal(self) -> int:
        """Make the folder durable and give it its name; returns the number of images."""
        self._flush()
        self._file.sync()
        self._file.close()
        with storage_errors(self._path):
            lines = (f"{key}.png ({h},{w},{CHANNELS}) {LEVEL}\n" for key, (h, w) in self._sizes.items())
            (self._part / META_FILE).write_text("".join(lines), encoding="ascii", newline="\n")
            (self._part / LOCK_FILE).touch()  # LMDB fills it when somebody opens the folder with locking
            self._let_go()
            _publish_folder(self._part, self._path)
        return len(self._sizes)

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files; without `seal` before it, nothing is left."""
        self._file.close()
        self._let_go()
        shutil.rmtree(self._part, ignore_errors=True)

    def _let_go(self) -> None:
        """Close the handle of the lock: Windows neither renames nor deletes what is open."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _flush(self) -> None:
        self._file.put(self._waiting)
        self._waiting = []


def meta_lines(folder: Path) -> list[tuple[str, tuple[int, int]]]:
    """The names in meta_info.txt with their suffixes, and height and width of each; raises SetError.

    Known dialects: `0001_s001.png (480,480,3) 1` (BasicSR), `0001_s001.png (480, 480, 3)` (MMagic), bare
    names.
    """
    path = folder / META_FILE
    if not (folder / DATA_FILE).is_file() or not path.is_file():
        raise SetError(f"{folder} is no LMDB folder of BasicSR: it needs {DATA_FILE} and {META_FILE}")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SetError(f"{path} is no text in UTF-8: {error.reason}") from error
    if (bad := next(filter(_names_no_key, lines), None)) is not None:
        raise SetError(
            f"{path}: the line {bad[:40]!r} names no key of 1 to {_LONGEST_KEY} bytes: take it out"
        )
    found = [match for line in lines if line.strip() and (match := _META.fullmatch(line.strip()))]
    return [(match["name"], (int(match["height"] or 0), int(match["width"] or 0))) for match in found]


def _names_no_key(line: str) -> bool:
    line = line.strip()
    return line.startswith(".") or len(line.encode()) > _LONGEST_LINE


def check_key(key: str) -> None:
    """Raise UsageError unless BasicSR can read an image of this name."""
    if "." in key:
        raise UsageError(f"key {key!r} has a dot, at which BasicSR would cut it: rename the image")
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"key {key!r} is not plain ASCII, which BasicSR needs: rename the image")
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise UsageError(
            f"key {key[:40]!r}… has {len(key)} bytes, LMDB takes 1 to {_LONGEST_KEY}: shorten it"
        )


def _publish_folder(part: Path, path: Path) -> None:
    """Give a finished folder its name; what has that name goes."""
    for name in (DATA_FILE, LOCK_FILE, META_FILE):
        publish(part / name, part / name)
    if path.exists():
        shutil.rmtree(path)
    part.rename(path)
    sync_folder(path.parent)
