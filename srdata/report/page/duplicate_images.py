"""Images that stand in a set twice, and images of test sets that stand in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from srdata.common.wording.amounts import how_many
from srdata.duplicates.copies import Copies, Gallery, find_copies, sketches_of
from srdata.duplicates.leakage import HELD_OUT, METHOD, TRAIN, Pool, absent, difference, pools, prepared_below
from srdata.duplicates.perceptual_hash import Near, Sketch
from srdata.fetch.manifest import Manifest
from srdata.prepared.set_images import PreparedImages
from srdata.report.page.html import Html, code, el, join, name, table
from srdata.report.page.pictures import thumbnail

_SIDE = 96  # of a thumbnail, in pixels
_HEADS = ["", "image", "", "shows the same as", "difference"]


def same(images: PreparedImages, against: Sequence[Path], jobs: int) -> Iterator[Html]:
    """Duplicates within a set, and images of test sets and the folders `against` among its training images.

    Raises UsageError for a folder without images, CorruptRecordError and ImageError.
    """
    whole = Gallery(images.folder)
    sketches = sketches_of(whole, jobs)
    yield el("h3", "Within the set")
    yield from _found(whole, whole, find_copies(sketches))
    trained = TRAIN in images.index.splits
    own = Gallery(images.folder, TRAIN) if trained else whole
    trains = np.isin(whole.rows, own.rows)
    beside = prepared_below(images.folder.absolute().parent, HELD_OUT) if trained else []
    held = pools([*beside, *map(Gallery, against)])
    if held or trained:
        yield el("h3", "Training images in common with test sets" if trained else "In common with others")
    for pool in held:
        yield from _against(own, sketches[trains], pool, jobs)
    if trained:
        yield from _absent(absent(held), images.folder)
    yield el("p", METHOD, class_="note")


def _against(own: Gallery, sketches: Sketch, held: Pool, jobs: int) -> Iterator[Html]:
    yield el(
        "h4", name(held.label), el("span", how_many(len(held.gallery), "image", form=","), class_="note")
    )
    yield from _found(own, held.gallery, find_copies(sketches, sketches_of(held.gallery, jobs)))


def _found(own: Gallery, other: Gallery, copies: Copies) -> Iterator[Html]:
    if not copies.total:
        yield el("p", "No image stands in it twice." if own is other else "Nothing in common.", class_="good")
        return
    pairs = how_many(copies.total, "pair shows", "pairs show", form=",")
    yield el("p", f"{pairs} the same.", class_="bad", data_count=copies.total)
    yield table(_HEADS, [_row(own, other, pair) for pair in copies.nearest], class_="copies")
    if copies.total > len(copies.nearest):
        yield el("p", f"The nearest {len(copies.nearest)} of them are shown.", class_="note")


def _row(own: Gallery, other: Gallery, pair: Near) -> list[Html | str]:
    one, two = own.read(pair.one), other.read(pair.other)
    alike = "the same pixels" if np.array_equal(one, two) else difference(pair)
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
