"""The sizes of images by their headers, read once, and the scale that two lists of sizes have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from srdata.discovery.image_bytes import ImageFile, told_header
from srdata.discovery.pairing import Sizes
from srdata.errors import SrdataError
from srdata.scale import LARGEST, Scale

Size = tuple[int, int]  # height and width
_LOOKED_AT = 24  # pairs of two folders, spread over all of them

Kind = Literal["fits", "most", "no scale", "same sizes", "sideways", "larger", "other", "unread"]


class Verdict(NamedTuple):
    """What the sizes of pairs say: the scale, where there is one, and an example of what is wrong."""

    kind: Kind
    scale: Scale | None = None
    example: tuple[str, Size, Size] | None = None  # key, HR, LR


class ImageSizes:
    """The size of each image of a folder by its name, looked up when it is asked for."""

    def __init__(self, files: Mapping[str, ImageFile]) -> None:
        self._files = files
        self._known: dict[str, Size | None] = {}

    def size(self, name: str) -> Size | None:
        """Height and width; None where no header can be read."""
        if name not in self._known:
            self._known[name] = size_or_none(self._files[name])
        return self._known[name]

    def compare(self, pairs: Sequence[tuple[str, str, str]], told: Scale | None) -> Verdict:
        """What the sizes of some of these (key, HR name, LR name) say; `told` is the scale by name."""
        step = max(1, len(pairs) // _LOOKED_AT)
        looked = [(key, self.size(hr), self.size(lr)) for key, hr, lr in pairs[::step]]
        sizes = [(key, high, low) for key, high, low in looked if high and low]
        if not sizes:
            return Verdict("unread")
        hr, lr = (np.array([one[side] for one in sizes], np.int64) for side in (1, 2))
        if (scale := _scale(hr, lr, told)) is not None:
            return Verdict("fits", scale)
        for likely in _most_likely(hr, lr, told):
            wrong = misfits(hr, lr, likely)
            if 2 * wrong.sum() < len(wrong):
                return Verdict("most", likely, sizes[int(wrong.argmax())])
        kind: Kind = "other"
        if _scale(hr, lr[:, ::-1], told) is not None:
            kind = "sideways"
        elif (hr < lr).any(axis=1).all():
            kind = "larger"
        elif _same_shapes(hr, lr) and (hr > lr).all():
            kind = "no scale"
        return Verdict(kind, None, sizes[0])


def size_or_none(file: ImageFile) -> Size | None:
    """Height and width of an image; None where no header can be read, which whoever decodes it will tell."""
    try:
        return told_header(file)[:2]
    except (SrdataError, OSError):
        return None


def misfits(hr: Sizes, lr: Sizes, scale: Scale) -> np.ndarray:
    """For each pair whether LR is not what `scale` makes of the HR size."""
    wrong: np.ndarray = (hr // scale.numerator * scale.denominator != lr).any(axis=1)
    return wrong


def lies_sideways(high: Size, low: Size) -> bool:
    """Whether LR has the size that a whole scale gives, with height and width swapped, and only so."""
    hr, lr = np.array([high], np.int64), np.array([low], np.int64)
    return _scale(hr, lr, None) is None and _scale(hr, lr[:, ::-1], None) is not None


def _scale(hr: Sizes, lr: Sizes, told: Scale | None) -> Scale | None:
    """The scale that all pairs have: `told`, or the one whole number that fits, the least cut off first."""
    if told is not None:
        return None if misfits(hr, lr, told).any() else told
    least, most = (hr // (lr + 1)).max() + 1, min((hr // np.maximum(lr, 1)).min(), LARGEST)
    fitting = [Scale(int(number)) for number in range(int(least), int(most) + 1) if number >= 1]
    return min(fitting, key=lambda scale: (int((hr % int(scale)).sum()), scale), default=None)


def _most_likely(hr: Sizes, lr: Sizes, told: Scale | None) -> Iterable[Scale]:
    """Scales that most of the pairs may have."""
    if told is not None:
        return [told]
    numbers, counts = np.unique((hr // np.maximum(lr, 1)).min(axis=1), return_counts=True)
    return [Scale(int(numbers[counts.argmax()]))] if 1 <= numbers[counts.argmax()] <= LARGEST else []


def _same_shapes(hr: Sizes, lr: Sizes) -> bool:
    """Whether each LR image could be its HR image, made smaller by any factor."""
    factor = hr.sum(axis=1, keepdims=True) / lr.sum(axis=1, keepdims=True)
    return bool((np.abs(hr / factor - lr) <= 1).all())
