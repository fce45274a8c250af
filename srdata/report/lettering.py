"""Text in pictures, in the font that OpenCV brings: Latin, Greek, Cyrillic, Hebrew, Arabic, CJK and signs.

What it has no letter for, such as emoji and Thai, is written as its number in Unicode. Hebrew and Arabic run
from right to left; Arabic letters stand unjoined.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]
Direction = bool | None  # from right to left, from left to right, or as what stands beside it

_DIRECTIONS = {"R": True, "AL": True, "L": False, "EN": False, "AN": False}
_LOOK = "\ufe0f"  # says how the sign before it is to look
_WEIGHT = 400  # of strokes: regular
_SIDE = 40  # pixels, of a letter that is tried


def width_of(text: str, size: int) -> int:
    """How many pixels wide a line of text is."""
    return _draw(np.zeros((1, 1, 3), np.uint8), text, (0, 0, 0), size)


def write(picture: Image.Image, place: tuple[int, int], text: str, ink: Colour, size: int) -> None:
    """Write a line of text into an RGB picture, from `place`, its top left corner."""
    left, top = place
    box = (left, top, picture.width, min(picture.height, top + 2 * size))
    part = np.array(picture.crop(box))
    _draw(part, text, ink, size)
    picture.paste(Image.fromarray(part), box[:2])


def _draw(pixels: NDArray[np.uint8], text: str, ink: Colour, size: int) -> int:
    """Draw into pixels (h, w, 3), and give the column at which the text ends."""
    (end, _), _ = cv2.putText(pixels, visible(text), (0, size), ink, _font(), size, _WEIGHT)
    return int(end)


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def visible(text: str) -> str:
    """A text as it is drawn: every letter one that there is, in their order from left to right."""
    seen = (one for one in unicodedata.normalize("NFC", text) if not _is_unseen(one))
    return _from_left("".join(one if _has_letter(one) else f"U+{ord(one):X}" for one in seen))


def _is_unseen(letter: str) -> bool:
    return letter == _LOOK or unicodedata.category(letter) == "Cf"


@cache
def _has_letter(letter: str) -> bool:
    """Whether the font draws something else for a letter than for what it does not know."""
    return letter.isascii() or not np.array_equal(_tried(letter), _tried("?"))


def _tried(letter: str) -> NDArray[np.uint8]:
    pixels = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    cv2.putText(pixels, letter, (0, _SIDE // 2), (255, 255, 255), _font(), _SIDE // 2)
    return pixels


def _from_left(text: str) -> str:
    """A text whose parts from right to left are turned round, and their order where it begins with one."""
    ways = [_DIRECTIONS.get(unicodedata.bidirectional(letter)) for letter in text]
    if True not in ways:
        return text
    whole = next(way for way in ways if way is not None)
    runs = ["".join(letter for letter, _ in run) for run in _runs(text, _settled(ways, whole))]
    return "".join(reversed(runs) if whole else runs)


def _settled(ways: list[Direction], whole: bool) -> list[bool]:
    """The direction of every letter: of signs and spaces that of both sides, or of the whole text."""
    before, after = _last_known(ways, whole), _last_known(ways[::-1], whole)[::-1]
    return [one if one == other else whole for one, other in zip(before, after, strict=True)]


def _last_known(ways: list[Direction], known: bool) -> list[bool]:
    found = []
    for way in ways:
        known = known if way is None else way
        found.append(known)
    return found


def _runs(text: str, ways: list[bool]) -> list[list[tuple[str, bool]]]:
    """Letters in a row of one direction, as they are drawn."""
    grouped = (list(run) for _, run in groupby(zip(text, ways, strict=True), key=lambda one: one[1]))
    return [run[::-1] if run[0][1] else run for run in grouped]
