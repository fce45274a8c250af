"""The pictures of docs/start.md, made by doing what the page says."""

from __future__ import annotations

import re
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from docs.pictures import as_png
from srdata.cli import run
from srdata.images import write_png
from srdata.report.canvas import GAP, LINE, Cell, page, scaled

PAGE = Path(__file__).with_name("start.md")
PICTURES = PAGE.parent / "images" / "start"
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SIDE, _SHOWN = 128, 5  # pixels of a crop as it is shown; crops in a row


def follow(text: str) -> dict[str, Any]:
    """The names that the Python of a page makes, when its commands and blocks are done in order, here."""
    names: dict[str, Any] = {"__name__": "tutorial"}
    for kind, block in _BLOCK.findall(text):
        if kind == "python":
            exec(compile(block, str(PAGE), "exec"), names)  # our own page
            continue
        for line in block.splitlines():
            program, *arguments = line.split()
            if program != "srdata" or run(arguments):
                raise RuntimeError(f"{PAGE}: {line}")
    return names


def write_pictures() -> None:
    """Follow the page in an empty folder and keep what it shows."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        names = follow(PAGE.read_text())
        for name in ("pairs", "steps"):
            sheet = Image.open(f"{name}.png").convert("RGB")
            sheet.save(PICTURES / f"{name}.jpg", "JPEG", quality=88, optimize=True, subsampling="4:4:4")
    batch = next(iter(names["loader"]))
    with torch.no_grad():
        made = names["model"](batch.lr)
    _write("batch", {"LR": batch.lr, "HR": batch.hr})
    _write("trained", {"LR": batch.lr, "network": made, "HR": batch.hr})


def _write(name: str, rows: dict[str, Tensor]) -> None:
    cells = [[Cell(_shown(one), title) for one in batch[:_SHOWN]] for title, batch in rows.items()]
    sheet = page("", cells)
    write_png(PICTURES / f"{name}.png", as_png(sheet.crop((0, LINE + 2 * GAP, *sheet.size))), level=9)


def _shown(image: Tensor) -> Image.Image:
    levels = image.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy()
    return scaled(np.ascontiguousarray(levels, dtype=np.uint8), _SIDE, _SIDE)
