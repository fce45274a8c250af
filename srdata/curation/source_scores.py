"""The scores of source images by name: what each is of, and its digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2

from srdata.curation import pixel_scores
from srdata.curation.jpeg_quality import jpeg_quality
from srdata.curation.pixel_scores import Plane
from srdata.images import Pixels


@dataclass(frozen=True)
class Seen:
    """An image, or a tile of one, RGB uint8 (height, width, 3), and the bytes of its file."""

    image: Pixels
    data: bytes

    @cached_property
    def plane(self) -> Plane:
        """It in grey, as OpenCV makes that, uint8 (height, width)."""
        grey: Plane = cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY)
        return grey


@dataclass(frozen=True)
class SourceScore:
    """A score, rounded to `digits` behind the point, so that ties and thresholds are the same anywhere."""

    what: str
    digits: int
    of: Callable[[Seen], float]


def _of_pixels(digits: int, of: Callable[[Pixels, Plane], float]) -> SourceScore:
    what = (of.__doc__ or "").strip().split("\n\n")[0]
    return SourceScore(" ".join(what.split()), digits, lambda seen: of(seen.image, seen.plane))


def _of_size(what: str, digits: int, of: Callable[[int, int], float]) -> SourceScore:
    return SourceScore(what, digits, lambda seen: of(*seen.image.shape[:2]))


SCORES: dict[str, SourceScore] = {
    "width": _of_size("Pixels in a row.", 0, lambda height, width: width),
    "height": _of_size("Pixels in a column.", 0, lambda height, width: height),
    "pixels": _of_size("Pixels in all.", 0, lambda height, width: height * width),
    "aspect": _of_size(
        "The longer side over the shorter one.",
        4,
        lambda height, width: max(height, width) / min(height, width),
    ),
    "grey": _of_pixels(0, pixel_scores.grey),
    "saturation": _of_pixels(4, pixel_scores.saturation),
    "laplacian": _of_pixels(2, pixel_scores.laplacian),
    "entropy": _of_pixels(4, pixel_scores.entropy),
    "contrast": _of_pixels(3, pixel_scores.contrast),
    "blockiness": _of_pixels(3, pixel_scores.blockiness),
    "block_steps": _of_pixels(3, pixel_scores.block_steps),
    "jpeg_quality": SourceScore(
        "The quality of a JPEG file, 1 to 100, by its tables; 100 where the file is none.",
        0,
        lambda seen: jpeg_quality(seen.data),
    ),
    "noise": _of_pixels(3, pixel_scores.noise),
    "aliasing": _of_pixels(4, pixel_scores.aliasing),
    "border": _of_pixels(4, pixel_scores.border),
    "flat": _of_pixels(4, pixel_scores.flat),
}
CHEAP = tuple(SCORES)  # all of them together take less than decoding a PNG file three times


def rounded(value: float, digits: int) -> float:
    """A score as it is kept; zero has no sign.

    >>> rounded(-0.0004, 3), rounded(12.3456, 2)
    (0.0, 12.35)
    """
    return round(float(value), digits) + 0.0
