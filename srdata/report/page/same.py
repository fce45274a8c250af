"""Images that stand in a set twice, and images of test sets that stand in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from srdata.copies import Copies, Gallery, benchmarks, find_copies, hashes_of, prepared_below
from srdata.manifest import Manifest
from srdata.phash import NEAR, Hashes, Near
from srdata.prepared import PreparedImages
from srdata.report.page.html import Html, code, el, join, name, table
from srdata.report.page.pictures import thumbnail

_SIDE = 96  # of a thumbnail, in pixels
_HEADS = ["", "image", "", "shows the same as", "difference"]


def same(images: PreparedImages, against: Sequence[Path], jobs: int) -> Iterator[Html]:
    """Duplicates within a set, and what it has in common with test sets and the folders `against`.

    Raises UsageError for a folder without images, CorruptRecordError and ImageError.
    """
    own = Gallery(images.folder)
    hashes = hashes_of(own, jobs)
    yield el("h3", "Within the set")
    yield from _found(own, own, find_copies(hashes))
    yield el("h3", "In common with other sets")
    tests = [one for one in benchmarks() if one.name != images.content.recipe.get("source")]
    here = prepared_below(images.folder.absolute().parent, tests)
    for gallery in (*here.values(), *map(Gallery, against)):
        yield from _against(own, hashes, gallery, jobs)
    yield from _absent([one for one in tests if one.name not in here], images.folder)
    yield el("p", _METHOD, class_="note")


_METHOD = (
    f"Two images count as the same when at most {NEAR} of the 64 bits of their perceptual hashes differ, "
    "as after resizing or compressing again. Copies that were mirrored, turned or cropped are not found."
)


def _against(own: Gallery, hashes: Hashes, other: Gallery, jobs: int) -> Iterator[Html]:
    yield el("h4", name(str(other.path)), el("span", f"{len(other):,} images", class_="note"))
    yield from _found(own, other, find_copies(hashes, hashes_of(other, jobs)))


def _found(own: Gallery, other: Gallery, copies: Copies) -> Iterator[Html]:
    if not copies.total:
        yield el("p", "No image stands in it twice." if own is other else "Nothing in common.", class_="good")
        return
    pairs = "pair shows" if copies.total == 1 else "pairs show"
    yield el("p", f"{copies.total:,} {pairs} the same.", class_="bad", data_count=copies.total)
    yield table(_HEADS, [_row(own, other, pair) for pair in copies.nearest], class_="copies")
    if copies.total > len(copies.nearest):
        yield el("p", f"The nearest {len(copies.nearest)} of them are shown.", class_="note")


def _row(own: Gallery, other: Gallery, pair: Near) -> list[Html | str]:
    one, two = own.read(pair.one), other.read(pair.other)
    alike = "the same pixels" if np.array_equal(one, two) else f"{pair.bits} of 64 bits"
    return [*_image(own, pair.one, one), *_image(other, pair.other, two), alike]


def _image(gallery: Gallery, number: int, pixels: np.ndarray) -> list[Html | str]:
    small = thumbnail(pixels, _SIDE)
    size = f"{gallery.place(number)}, {pixels.shape[1]} × {pixels.shape[0]}"
    return [
        el("img", src=small.address, width=small.width, height=small.height, alt=""),
        join([name(gallery.key(number)), el("span", size, class_="note")]),
    ]


def _absent(tests: Sequence[Manifest], folder: Path) -> Iterator[Html]:
    """The test sets that are not beside the set in `folder`, and how to get them."""
    if not tests:
        return
    titles = ", ".join(one.title for one in tests)
    root, prepared = (shlex.quote(str(path)) for path in (folder.parent, folder))
    yield el("p", f"Not prepared in {folder.parent}, so compared only if given with --against: {titles}.")
    yield el("p", "Prepare them and write this page again, or give folders of their images:")
    yield code(
        f"srdata prepare {tests[0].name} --scale 4 --lmdb --root {root}\n"
        f"srdata report {prepared} --against FOLDER"
    )
