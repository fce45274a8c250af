"""A page of the pairs of a prepared set, or of the images of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from pathlib import Path
from textwrap import wrap
from typing import TypeVar

import numpy as np
from PIL import Image

from srdata.common.wording.amounts import how_many
from srdata.degrade.chain import Delta
from srdata.errors import UsageError, given_path
from srdata.images import Pixels, list_images, read_image
from srdata.prepared.set_images import PreparedImages
from srdata.report.canvas import Cell, in_rows, page, scaled
from srdata.report.delta_steps import applied
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.set_json import SET_FILE

T = TypeVar("T")

_COLUMNS = 4  # pictures in a row
_LETTERS = 32  # in a line below a picture


def contact_sheet(path: str | Path, *, count: int = 6, side: int = 240) -> Image.Image:
    """The middle of `count` images of a folder; of a prepared set, HR beside the LR that faces it, enlarged.

    `side` is the size of each picture in pixels, which are pixels of HR. Raises UsageError for a folder
    without images, and SetError for a set that keeps no whole images.
    """
    folder = given_path(path)
    if (folder / SET_FILE).is_file():
        return _of_set(PreparedImages(folder), count, side)
    images = list_images(folder) if folder.is_dir() else []
    if not images:
        what = ": give a degradation before it" if folder.is_file() else ""
        raise UsageError(f"{folder} is no prepared set and holds no images{what}")
    cells = [
        _cell(read_image(one), side, one.relative_to(folder).as_posix()) for one in spread(images, count)
    ]
    return page(folder.name, in_rows(cells, _COLUMNS))


def spread(items: Sequence[T], count: int) -> list[T]:
    """`count` of `items`, evenly spread, first and last included."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places]


def _of_set(images: PreparedImages, count: int, side: int) -> Image.Image:
    rows = spread(range(len(images.index)), count)
    cells = [cell for row in rows for cell in _pair(images, row, side)]
    layers = 1 + len(images.scales)
    together = layers * max(1, _COLUMNS // layers)
    return page(
        f"{images.folder.name}   {how_many(len(images.index), 'image', form=',')}", in_rows(cells, together)
    )


def _pair(images: PreparedImages, row: int, side: int) -> list[Cell]:
    """HR and each LR of an image, showing the same part, which begins and ends on every LR grid."""
    hr = images.read(row, HR)
    unit = lcm(*(scale.numerator for scale in images.scales))
    tall, wide = (middle(length, side, unit) for length in hr.shape[:2])
    height, width = tall.stop - tall.start, wide.stop - wide.start
    cells = [Cell(scaled(hr[tall, wide], width, height), images.index.key(row), [f"HR {_size(hr)}"])]
    for scale in images.scales:
        lr = images.read(row, scale.label)
        part = lr[facing(tall, scale), facing(wide, scale)]
        lines = [_size(lr), *_origin(images.index.params(row).get(scale.label))]
        cells.append(Cell(scaled(part, width, height), f"LR {scale.label}", lines))
    return cells


def _origin(delta: Delta | None) -> list[str]:
    """How an LR image was made, in short lines."""
    return wrap(", ".join(applied(delta)), _LETTERS) if delta else ["as published"]


def middle(length: int, side: int, unit: int) -> slice:
    """The middle of `length` pixels, at most `side` of them, from a multiple of `unit` to another one."""
    size = min(side, length) // unit * unit or length
    start = (length - size) // 2 // unit * unit
    return slice(start, start + size)


def facing(window: slice, scale: Scale) -> slice:
    """The LR pixels that face a window of HR pixels."""
    return slice(scale.lr(window.start), scale.lr(window.stop))


def _cell(image: Pixels, side: int, title: str) -> Cell:
    tall, wide = (middle(length, side, 1) for length in image.shape[:2])
    part = image[tall, wide]
    return Cell(scaled(part, part.shape[1], part.shape[0]), title, [_size(image)])


def _size(image: Pixels) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
