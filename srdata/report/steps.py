"""A page that follows an image through a degradation, step by step, as several seeds draw it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import Chain, load_chain
from srdata.degrade.model.op import Params
from srdata.errors import UsageError
from srdata.images import Pixels, read_image
from srdata.report.canvas import Cell, in_rows, page, scaled
from srdata.report.delta_steps import HIDDEN, shown
from srdata.scale import Scale

_COLUMNS = 8
_LINES = 7


def preview(
    degradation: str | Path | dict[str, Any] | list[Any] | Chain,
    image: str | Path | Pixels | None = None,
    *,
    scale: Scale | float | None = None,
    seeds: Sequence[int] = (1, 2, 3, 4),
    side: int = 192,
) -> Image.Image:
    """A contact sheet of a degradation: HR, the image after every step with what was drawn for it, LR.

    Shows `side` pixels from the middle of `image` (a path or uint8 HWC; by default a packaged photograph), a
    row of pictures for each seed. All pictures show the same part, smaller images enlarged. `scale` is the
    first that the degradation is made for, or 4, unless said. Raises UsageError where the image is smaller
    than one LR pixel, and what `load_chain` raises.
    """
    chain = load_chain(degradation)
    scale = Scale(scale or [*chain.scales, 4][0])
    hr = _middle(_pixels(image), side, scale)
    rows = [row for seed in seeds for row in in_rows(list(_cells(chain, hr, scale, seed)), _COLUMNS)]
    return page(f"{name_of(degradation, chain)}   {scale.label}", rows)


def details(params: Params) -> list[str]:
    """What was drawn for a step as lines of text."""
    lines = [f"{name} {shown(value)}" for name, value in params.items() if name not in HIDDEN]
    return lines if len(lines) <= _LINES else [*lines[: _LINES - 1], "…"]


def _cells(chain: Chain, hr: Pixels, scale: Scale, seed: int) -> Iterator[Cell]:
    height, width = hr.shape[:2]
    yield Cell(scaled(hr, width, height), "HR", [f"seed {seed}", f"{width} x {height}"])
    state = hr
    for name, params, result in chain.stages(hr, chain.sample(seed), scale):
        lines = details(params)
        if result.shape != state.shape:
            lines.insert(0, f"to {result.shape[1]} x {result.shape[0]}")
        yield Cell(scaled(result, width, height), name, lines)
        state = result
    yield Cell(scaled(state, width, height), "LR", [f"{state.shape[1]} x {state.shape[0]}"])


def _pixels(image: str | Path | Pixels | None) -> Pixels:
    if image is None:
        return read_image(catalog.folder(Shelf.MANIFESTS) / "sample" / "coffee.png")
    return read_image(Path(image)) if isinstance(image, str | Path) else image


def _middle(image: Pixels, side: int, scale: Scale) -> Pixels:
    height, width = (scale.crop(min(side, length)) for length in image.shape[:2])
    if not height or not width:
        raise UsageError(f"an image of {image.shape[1]}x{image.shape[0]} has no LR pixel at {scale.label}")
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width]


def name_of(degradation: Any, chain: Chain) -> str:
    """What to call a degradation on a page."""
    return Path(degradation).stem if isinstance(degradation, str | Path) else chain.title or "degradation"
