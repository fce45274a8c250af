"""Pictures inside a page: data: addresses, without loss, within a number of bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import lcm, sqrt

from PIL import Image

from srdata.images import Pixels
from srdata.prepared.set_images import PreparedImages
from srdata.report.sheets import facing, middle
from srdata.store.blocks import HR

_LARGEST = 1024  # pixels of HR along each side
_TRIES = 6
_QUALITY = 82  # of thumbnails
_METHOD, _EFFORT = 2, 30  # of the encoder, up to 6 and 100; more is slow and hardly smaller


@dataclass(frozen=True)
class ShownPart:
    """A part of an image in HR pixels, of which a page shows the middle."""

    row: int
    top: int = 0
    left: int = 0
    height: int | None = None  # to the end of the image
    width: int | None = None


@dataclass(frozen=True)
class Picture:
    """A picture as an address, and its size in pixels."""

    address: str
    height: int
    width: int


@dataclass(frozen=True)
class PairShown:
    """What a page shows of a part: where it is in HR, and HR and each LR layer of it."""

    part: ShownPart
    top: int
    left: int
    layers: dict[str, Picture]


def within(images: PreparedImages, parts: Sequence[ShownPart], letters: int) -> Iterator[PairShown]:
    """HR and LR of the middle of each part, as large as fits; all addresses together take about `letters`.

    What one part leaves over the others may use. Every pixel that is shown is one that is stored. Raises
    CorruptRecordError or ImageError.
    """
    left = letters
    for number, part in enumerate(parts):
        pair = _fitting(images, part, left // (len(parts) - number))
        left -= sum(len(picture.address) for picture in pair.layers.values())
        yield pair


def thumbnail(image: Pixels, side: int) -> Picture:
    """A small picture of an image, with some loss."""
    small = Image.fromarray(image)
    small.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=None)
    return _picture(small, lossless=False)


def _fitting(images: PreparedImages, part: ShownPart, letters: int) -> PairShown:
    """The largest tried middle of a part whose layers take at most `letters`, or one cell."""
    layers = {layer: images.read(part.row, layer) for layer in images.layers}
    unit = lcm(*(scale.numerator for scale in images.scales))
    side = _LARGEST
    for _ in range(_TRIES):
        pair = _cut(images, layers, part, side)
        size = sum(len(picture.address) for picture in pair.layers.values())
        if size <= letters or side <= unit:
            break
        shown = max(pair.layers[HR].height, pair.layers[HR].width)
        side = max(unit, int(shown * min(0.95, 0.97 * sqrt(letters / size))) // unit * unit)
    return pair


def _cut(images: PreparedImages, layers: dict[str, Pixels], part: ShownPart, side: int) -> PairShown:
    unit = lcm(*(scale.numerator for scale in images.scales))
    top, left = (place // unit * unit for place in (part.top, part.left))
    height, width = layers[HR][top:, left:][: part.height, : part.width].shape[:2]
    rows, columns = _moved(middle(height, side, unit), top), _moved(middle(width, side, unit), left)
    shown = {HR: _picture(Image.fromarray(layers[HR][rows, columns]))}
    for scale in images.scales:
        lr = layers[scale.label][facing(rows, scale), facing(columns, scale)]
        shown[scale.label] = _picture(Image.fromarray(lr))
    return PairShown(part, rows.start, columns.start, shown)


def _moved(window: slice, by: int) -> slice:
    return slice(window.start + by, window.stop + by)


def _picture(image: Image.Image, lossless: bool = True) -> Picture:
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=lossless, quality=_EFFORT if lossless else _QUALITY, method=_METHOD)
    text = base64.b64encode(file.getvalue()).decode()
    return Picture(f"data:image/webp;base64,{text}", image.height, image.width)
