"""The pictures of docs/degradations.md: HR, and what an op makes of it, with what was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from docs.shown import PICTURES, PLACES, USUAL_PLACE, needed
from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.degrade.model.op import Params
from srdata.degrade.ops import OPS
from srdata.images import Pixels, read_image
from srdata.report.canvas import GAP, LINE, Cell, page, scaled
from srdata.report.delta_steps import shown
from srdata.report.steps import details

SEED = 5
SIDE, ENLARGED, SCALE = 72, 144, 4  # pixels of HR and of what is shown of it; HR size over LR size
KERNELS = Path(__file__).parents[1] / "tests" / "data" / "kernels.npy"
_ROWS = (("astronaut.png", 6, 130, 2), ("chelsea.png", 52, 130, 1))  # file, top and left of the part, which δ
_PRESETS = ("bicubic", "bsrgan", "realesrgan-x4")
_PART, _SHOWN = 192, 240  # pixels of HR and of the picture
_WORTH_TELLING = ("sigma", "factor", "quality", "scale", "weight")
_TELLS_NOTHING = ("sha256", "mixing")


def picture(name: str) -> Image.Image:
    """HR and the results of the op of this name, side by side."""
    hr = _hr(name)
    several = enumerate(PICTURES.get(name, [{}, {}, {}]))
    cells = [_cell(name, settings, hr, number) for number, settings in several]
    sheet = page("", [[Cell(scaled(hr, ENLARGED, ENLARGED), "HR"), *cells]])
    return sheet.crop((0, LINE + 2 * GAP, sheet.width, sheet.height))


def hr_and_degraded() -> Image.Image:
    """Parts of photographs, and LR images of them by three presets with what was drawn."""
    rows = [_row(*place) for place in _ROWS]
    sheet = page("", rows)
    return sheet.crop((0, LINE + 2 * GAP, sheet.width, sheet.height))


def _row(file: str, top: int, left: int, number: int) -> list[Cell]:
    image = read_image(catalog.folder(Shelf.MANIFESTS) / "sample" / file)
    hr = image[top : top + _PART, left : left + _PART]
    cells = [Cell(scaled(hr, _SHOWN, _SHOWN), "HR", ["192x192 of " + file])]
    for preset in _PRESETS:
        chain = load_chain(preset)
        stages = list(chain.stages(hr, chain.sample(SEED, number), SCALE))
        told = [f"{op} {_worth_telling(params)}" for op, params, _ in stages]
        cells.append(Cell(scaled(stages[-1][2], _SHOWN, _SHOWN), preset, told))
    return cells


def _worth_telling(params: Params) -> str:
    return next((line for line in details(params) if line.startswith(_WORTH_TELLING)), "")


def _hr(name: str) -> Pixels:
    file, top, left = PLACES.get(name, USUAL_PLACE)
    image = read_image(catalog.folder(Shelf.MANIFESTS) / "sample" / file)
    return image[top : top + SIDE, left : left + SIDE]


def _cell(name: str, settings: dict[str, Any], hr: Pixels, number: int) -> Cell:
    fixed = needed(OPS[name]) | ({"file": str(KERNELS)} if name == "kernel_blur" else {})
    chain = load_chain([{"op": name, **fixed, **settings}])
    stages = list(chain.stages(hr, chain.sample(SEED, number), SCALE))
    result = stages[-1][2] if stages else hr
    title, *lines = _told(name, settings, stages)
    return Cell(scaled(result, ENLARGED, ENLARGED), title, lines)


def _told(name: str, settings: dict[str, Any], stages: list[tuple[str, Params, Pixels]]) -> list[str]:
    """What a picture shows: the one op's draws, or the ops that were chosen, with a draw of each."""
    drawn = [(op, [line for line in details(params) if _says(line)]) for op, params, _ in stages]
    if [op for op, _ in drawn] != [name]:
        return [f"{op} {_first_number(lines)}" for op, lines in drawn] or ["left as it is"]
    return drawn[0][1] or [f"{key} {shown(value)}" for key, value in settings.items()]


def _first_number(lines: list[str]) -> str:
    return next((line for line in lines[:1] if line[-1].isdigit()), "")


def _says(line: str) -> bool:
    return not line.startswith(_TELLS_NOTHING)


def as_png(sheet: Image.Image) -> Pixels:
    """A sheet as the pixels that `write_png` takes."""
    return np.asarray(sheet)
