"""HR images → LR x4 → 480/240 sub-images → LMDB, per image: the whole preparation, in one process."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import kornia_rs.io

import srdata
from benchmarks.basicsr import BasicSR, find_basicsr, quiet
from benchmarks.comparison import alternate
from benchmarks.imresize import to_quarter
from benchmarks.pictures import DIV2K_SIZE, write_mosaics
from benchmarks.tables import Table, times

IMAGES = 8
ROUNDS = 3
CODECS = ("raw", "jxl")
DECODING = "decoding alone"
HR_WINDOW, LR_WINDOW = (480, 240), (120, 60)  # size and step

Way = Callable[[Path, Path], object]  # images, where to


def run(folder: Path, peers: Path | None) -> Table:
    """Seconds and bytes per image of srdata with two codecs and of BasicSR's scripts."""
    images = write_mosaics(folder / "hr", IMAGES)
    ways: dict[str, Way] = {f"srdata, {codec}": srdata_with(codec) for codec in CODECS}
    if basicsr := find_basicsr(peers):
        ways = {"BasicSR": lambda images, target: prepare_with_basicsr(basicsr, images, target)} | ways
    trials = {name: Trial(way, images, folder / name) for name, way in ways.items()}
    works = {DECODING: partial(_decode_all, images)} | {name: one.again for name, one in trials.items()}
    seconds = alternate(works, ROUNDS, clock=time.process_time)
    size = {name: trial.stored_bytes() for name, trial in trials.items()}
    first = next(iter(ways))
    rows = [
        [
            name,
            f"{seconds[name] / IMAGES:.3f} s",
            times(seconds[first], seconds[name]),
            times(seconds[name], seconds[DECODING]),
            f"{size[name] / IMAGES / 1e6:.1f} MB" if name in size else "",
            f"{size[name] / size[first]:.2f}" if name in size else "",
        ]
        for name in works
    ]
    columns = ["", "per image", "speed", "of decoding", "stored per image", f"of {first}'s bytes"]
    note = (
        f"{IMAGES} mosaics of 2040x1356 as PNG files, one process, one thread, CPU time. {DECODING}: by "
        "kornia-rs, the fastest decoder. BasicSR: its imresize and LR "
        "as PNG, its extract_subimages for HR (480/240) and LR (120/60), its make_lmdb for both. srdata: "
        "`prepare`, with the hashing and syncing that make a set verifiable; sub-images are windows on what "
        "is stored once."
    )
    return Table("HR → LR x4 → sub-images → LMDB", columns, rows, note)


def _decode_all(images: Path) -> None:
    for path in sorted(images.iterdir()):
        kornia_rs.io.decode_image_png_u8(path.read_bytes(), DIV2K_SIZE, "rgb")


class Trial:
    """One way to prepare, which leaves only what it stored last."""

    def __init__(self, way: Way, images: Path, folder: Path) -> None:
        self.way, self.images, self.folder = way, images, folder
        self.numbers = count()

    def again(self) -> None:
        """Prepare into a new folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.way(self.images, self.folder / str(next(self.numbers)))

    def stored_bytes(self) -> int:
        """The bytes on disk that training needs: databases, and for srdata its index and set.json."""
        kept = {".mdb", ".lmdb", ".parquet", ".json"}
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix in kept]
        return sum(path.stat().st_blocks * 512 for path in files)


def srdata_with(codec: str) -> Way:
    """`prepare` with a codec, in this process."""

    def way(images: Path, target: Path) -> None:
        srdata.prepare(images, scale=4, lmdb=True, codec=codec, root=target, name="set", jobs=1)

    return way


def prepare_with_basicsr(basicsr: BasicSR, images: Path, target: Path) -> None:
    """What BasicSR's documentation has one do, by its own functions."""
    small = target / "lr"
    small.mkdir(parents=True)
    for path in sorted(images.iterdir()):
        lr = to_quarter(basicsr, cv2.imread(str(path), cv2.IMREAD_COLOR))
        cv2.imwrite(str(small / path.name), lr)
    for name, source, window in (("hr", images, HR_WINDOW), ("lr", small, LR_WINDOW)):
        windows = target / f"{name}_sub"
        windows.mkdir()
        options = {"crop_size": window[0], "step": window[1], "thresh_size": 0, "compression_level": 3}
        for path in sorted(source.iterdir()):
            basicsr.extract(str(path), {**options, "save_folder": str(windows)})
        with quiet():
            names, keys = basicsr.keys_of(str(windows))
            basicsr.make_lmdb(str(windows), f"{windows}.lmdb", names, keys)
