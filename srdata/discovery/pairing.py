"""Which LR image belongs to which HR image, by name and by size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.errors import UsageError
from srdata.scale import Scale

SHOWN = 10
SIDEWAYS = "the images of one side lie sideways"
UPRIGHT = "turn them by 90 degrees, or take away an EXIF orientation that only one side has"

Sizes = NDArray[np.int64]  # height and width of each image, (images, 2)


def match_names(
    high: Sequence[str], low: Iterable[str], template: str, where: tuple[object, object]
) -> list[str]:
    """The LR name of each HR name, by `template`.

    Raises UsageError that lists the names without a counterpart, and `where` HR and LR are.
    """
    wanted = [_filled(template, key) for key in high]
    there, asked = set(low), set(wanted)
    missing = [name for name in wanted if name not in there]
    extra = sorted(there - asked)
    if missing or extra:
        better = _better_template(template, high, extra)
        raise UsageError(f"{_orphans(missing, extra, where)}; the template is {template!r}{better}")
    return wanted


def _filled(template: str, key: str) -> str:
    try:
        name = template.format(key=key)
    except (LookupError, ValueError, AttributeError) as error:
        raise UsageError(f"template {template!r} cannot be filled: {{key}} is all it may name") from error
    if key not in name:
        raise UsageError(f"template {template!r} must hold {{key}}, the name of the HR image")
    return name


def _orphans(missing: Sequence[str], extra: Sequence[str], where: tuple[object, object]) -> str:
    parts = []
    if missing:
        images = how_many(len(missing), "HR image")
        parts.append(f"no LR image in {where[1]} for {images} of {where[0]}: {listed(missing)}")
    if extra:
        images = how_many(len(extra), "LR image")
        parts.append(f"no HR image in {where[0]} for {images} of {where[1]}: {listed(extra)}")
    return "; ".join(parts)


def _better_template(template: str, high: Sequence[str], extra: Sequence[str]) -> str:
    """The template that would pair the first HR name, where the LR names differ by a suffix only."""
    if not high:
        return ""
    suffixes = sorted((name[len(high[0]) :] for name in extra if name.startswith(high[0])), key=len)
    return f"; try template={'{key}' + suffixes[0]!r}" if suffixes else ""


def listed(names: Sequence[str], count: int | None = None) -> str:
    """The first ten of `names`, and how many more there are; `count` in all, where `names` is cut short."""
    count = len(names) if count is None else count
    more = f" and {count - SHOWN} more" if count > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def guess_scale(hr: Sizes, lr: Sizes) -> Scale:
    """The whole scale of the first pair; raises UsageError if its sizes are those of no whole scale."""
    if (scale := _whole_scale(hr[0], lr[0])) is not None:
        return scale
    sizes = f"HR {_size(hr[0])} and LR {_size(lr[0])}"
    if _whole_scale(hr[0], lr[0][::-1]) is not None:
        raise UsageError(f"{SIDEWAYS}, as those of {sizes}: {UPRIGHT}")
    raise UsageError(f"cannot tell the scale of {sizes}: give scale=")


def _whole_scale(hr: NDArray[np.int64], lr: NDArray[np.int64]) -> Scale | None:
    number = int(hr.max() // lr.max())
    fits = number >= 1 and all(Scale(number).lr(int(high)) == low for high, low in zip(hr, lr, strict=True))
    return Scale(number) if fits else None


def check_sizes(keys: Sequence[str], hr: Sizes, lr: Sizes, scale: Scale) -> None:
    """Raise UsageError that lists the pairs whose LR image is not what `scale` makes of the HR size."""
    wrong = (hr // scale.numerator * scale.denominator != lr).any(axis=1).nonzero()[0]
    if len(wrong):
        found = [f"{keys[i]} (HR {_size(hr[i])}, LR {_size(lr[i])})" for i in wrong]
        raise UsageError(
            f"scale {scale} does not fit {len(wrong)} of {how_many(len(keys), 'pair')}: {listed(found)}; "
            "give the scale that they have, or make the LR images anew with `srdata prepare`"
        )


def _size(size: NDArray[np.int64]) -> str:
    return f"{size[1]}x{size[0]}"
