"""Hashes of images that are not here, such as those of test sets: which of our images show one of them.

A table is a CSV file, `set,key,hash,signs`: 64 and 256 bits of each image in hexadecimal digits, from which
no image can be made again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.files import write_file
from srdata.common.output_paths import check_output
from srdata.duplicates.copies import Gallery, sketches_of
from srdata.duplicates.perceptual_hash import (
    ALIKE_SIGNS,
    NEAR,
    Hashes,
    Near,
    Signs,
    Sketch,
    hash_of,
    near_pairs,
    signs_of,
    turned_hashes,
)
from srdata.errors import UsageError
from srdata.images import turned

COLUMNS = ("set", "key", "hash", "signs")
_SHIPPED = "test_images.csv"
_HEAD = f"{','.join(COLUMNS)}\n".encode()


@dataclass(frozen=True)
class KnownImages:
    """Images by their hashes (n,) and signs (n, 32)."""

    names: tuple[str, ...]  # set/key
    hashes: Hashes
    signs: Signs


def shipped() -> Path:
    """The table that comes with srdata.

    Set5, Set14, B100 and Urban100 are of the files of jbhuang0604/SelfExSR at 18e00f2; Manga109 and the 80
    images of Sun and Hays of CManga109 and CSun_Hays80 in majedelhelou/denoising_datasets at 5823487.
    """
    return catalog.folder(Shelf.MANIFESTS) / _SHIPPED


def table_of(galleries: Sequence[Gallery], jobs: int = -1) -> str:
    """The table of all images of some sets or folders; raises UsageError, CorruptRecordError, ImageError."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for gallery in galleries:
        for number, small in enumerate(sketches_of(gallery, jobs)):
            bits = f"{int(hash_of(small)):016x}", signs_of(small).tobytes().hex()
            writer.writerow([gallery.source or gallery.path.resolve().name, gallery.key(number), *bits])
    return stream.getvalue()


def write_table(path: Path, sources: Sequence[Path], jobs: int = -1) -> int:
    """Write the table of all images of some sets or folders to `path`, never over another file.

    Gives their number; raises UsageError, CorruptRecordError or ImageError.
    """
    check_output(path, ours=lambda there: there.read_bytes().startswith(_HEAD))
    table = table_of([Gallery(source) for source in sources], jobs)
    write_file(path, table.encode())
    return table.count("\n") - 1


def read_known(*paths: Path) -> KnownImages:
    """The images of tables, one after the other; raises UsageError for a file that is none."""
    tables = [_read_table(path) for path in paths]
    names = tuple(name for one in tables for name in one.names)
    hashes = np.concatenate([one.hashes for one in tables])
    return KnownImages(names, hashes, np.concatenate([one.signs for one in tables]))


def _read_table(path: Path) -> KnownImages:
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        names = tuple(f"{row['set']}/{row['key']}" for row in rows)
        hashes = np.array([int(row["hash"], 16) for row in rows], np.uint64)
        signs = np.array([list(bytes.fromhex(row["signs"])) for row in rows], np.uint8).reshape(-1, 32)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, csv.Error) as error:
        remedy = "make one by `srdata hashes SET --out FILE`"
        raise UsageError(f"{path} is no table of hashes: {remedy}") from error
    return KnownImages(names, hashes, signs)


def find_known(sketches: Sketch, known: KnownImages) -> dict[int, str]:
    """Which of our images show a known one, whichever way they lie: the place of ours, the name of that."""
    if not len(sketches) or not known.names:
        return {}
    pairs = near_pairs(known.hashes, turned_hashes(sketches), NEAR)
    return {pair.other: known.names[pair.one] for pair in pairs if _alike(pair, sketches, known)}


def _alike(pair: Near, sketches: Sketch, known: KnownImages) -> bool:
    ours = signs_of(turned(sketches[pair.other], pair.turn))
    return int(np.bitwise_count(ours ^ known.signs[pair.one]).sum()) <= ALIKE_SIGNS
