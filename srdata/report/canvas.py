"""Drawing pages of labelled pictures with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from srdata.report.lettering import width_of, write

GAP = 8  # pixels between what stands side by side
LINE = 17  # pixels from one line of text to the next
INK, FAINT, PAPER = (20, 20, 20), (110, 110, 110), (255, 255, 255)
_TEXT, _HEADING = 14, 18  # font sizes in pixels


class Cell(NamedTuple):
    """A picture, what it is called, and lines of detail below."""

    picture: Image.Image
    title: str
    lines: Sequence[str] = ()


def scaled(image: NDArray[np.uint8], width: int, height: int) -> Image.Image:
    """An image (uint8 HWC) at another size: its pixels repeated to enlarge it, averaged to shrink it."""
    picture = Image.fromarray(image)
    shrinks = picture.width > width or picture.height > height
    return picture.resize((width, height), Image.Resampling.BOX if shrinks else Image.Resampling.NEAREST)


def page(heading: str, rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """Cells in rows below a heading, on white."""
    strips = [_strip(row) for row in rows if row]
    top = LINE + 2 * GAP
    width = max([strip.width for strip in strips] + [width_of(heading, _HEADING) + 2 * GAP])
    sheet = Image.new("RGB", (width, top + sum(strip.height for strip in strips)), PAPER)
    write(sheet, (GAP, GAP), heading, INK, _HEADING)
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def in_rows(cells: Sequence[Cell], columns: int) -> list[Sequence[Cell]]:
    """`cells` in rows of at most `columns`."""
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def _strip(row: Sequence[Cell]) -> Image.Image:
    heights = [cell.picture.height + LINE * (1 + len(cell.lines)) for cell in row]
    width = sum(cell.picture.width + GAP for cell in row) + GAP
    strip = Image.new("RGB", (width, max(heights) + 2 * GAP), PAPER)
    left = GAP
    for cell in row:
        strip.paste(cell.picture, (left, 0))
        _write(strip, cell, left)
        left += cell.picture.width + GAP
    return strip


def _write(strip: Image.Image, cell: Cell, left: int) -> None:
    for number, text in enumerate((cell.title, *cell.lines)):
        place = (left, cell.picture.height + 2 + number * LINE)
        write(strip, place, fitted(text, cell.picture.width), FAINT if number else INK, _TEXT)


def fitted(text: str, width: int) -> str:
    """`text`, cut off with an ellipsis where it would be wider than `width` pixels."""
    if width_of(text, _TEXT) <= width:
        return text
    kept = len(text)
    while kept and width_of(f"{text[:kept]}…", _TEXT) > width:
        kept -= 1
    return f"{text[:kept]}…"
