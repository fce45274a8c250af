"""A scale factor as the exact fraction it stands for, and the sizes that follow from it.

At scale p/q every p HR pixels face q LR pixels, so an HR image is cropped (bottom and right) to a multiple
of p and no LR pixel is ever half a pixel off. x4 is 4/1, x1.5 is 3/2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from srdata.errors import UsageError

FINEST = 100  # the largest denominator: x2.37 is 237/100
LARGEST = 64
_LONGEST = 40  # characters


def _plain(text: str) -> str:
    """A number as people write it: 1e999999999 would take all memory."""
    if len(text) > _LONGEST or "e" in text.lower():
        raise ValueError
    return text


class Scale(Fraction):
    """How many HR pixels face one LR pixel along each axis; from 2, 1.5, "4", "x4", "X4" or Fraction(3, 2).

    >>> Scale(4).lr(322), Scale("1.5").hr(100), str(Scale(1.5)), Scale("x4").label
    (80, 150, '1.5', 'x4')
    """

    __slots__ = ()

    def __new__(cls, value: int | float | str | Fraction) -> Scale:
        try:
            fraction = Fraction(_plain(re.sub("^[xX]", "", str(value))))
        except (ValueError, ZeroDivisionError) as error:
            raise UsageError(f"scale {value!r} is no number; give one such as 4, x4 or 1.5") from error
        if not 1 <= fraction <= LARGEST or fraction.denominator > FINEST:
            raise UsageError(f"scale {value} must lie between 1 and {LARGEST}, with two decimals at most")
        return super().__new__(cls, fraction)

    def lr(self, hr_size: int) -> int:
        """The LR size of an HR size: whole LR grid cells only."""
        return hr_size // self.numerator * self.denominator

    def hr(self, lr_size: int) -> int:
        """The HR size that faces an LR size, which must be a multiple of the denominator."""
        return lr_size * self.numerator // self.denominator

    def crop(self, hr_size: int) -> int:
        """The part of an HR size that the LR image covers (the field's "mod crop")."""
        return hr_size // self.numerator * self.numerator

    @property
    def label(self) -> str:
        """The name in file names and layers: x4, x1.5."""
        return f"x{self}"

    def __str__(self) -> str:
        return str(self.numerator) if self.denominator == 1 else f"{float(self):g}"

    def __copy__(self) -> Scale:
        return self

    def __deepcopy__(self, memo: object) -> Scale:
        return self

    def __reduce__(self) -> tuple[type[Scale], tuple[str]]:
        return Scale, (str(self),)


OneScale = Scale | int | float | str


def scales_of(given: OneScale | Sequence[OneScale] | None) -> tuple[Scale, ...]:
    """One scale or several, as a caller gives them; for None there are none."""
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return tuple(Scale(one) for one in several if one is not None)


def covered(hr_size: int, scales: Iterable[Scale]) -> int:
    """The part of an HR size that the LR images of all `scales` together reach."""
    return max(scale.crop(hr_size) for scale in scales)
