"""`write_preview`: the pages of a degradation or a folder as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srdata.images import write_png
from srdata.recipes.name_meaning import Kind, meaning
from srdata.report.draw_histograms import histograms
from srdata.report.sheets import contact_sheet
from srdata.report.steps import preview
from srdata.scale import Scale


def write_preview(
    target: str | Path,
    image: str | Path | None = None,
    *,
    out: str | Path,
    scale: Scale | float | None = None,
    seeds: Sequence[int] = (1, 2, 3, 4),
) -> list[Path]:
    """Write the pages of a degradation or of a folder as PNG files; gives their paths.

    A folder (a prepared set, or images) makes one page, `out`. A degradation (a name or a YAML file) makes
    two: `out` follows `image` through its steps, and beside it NAME-draws.png shows what it draws. Raises
    what `contact_sheet` and `preview` raise, and StoreError.
    """
    meant = meaning(target, (Kind.DEGRADATION, Kind.RECIPE_FILE, Kind.PATH))
    out = Path(out)
    if meant.kind is Kind.PATH:
        pages = {out: contact_sheet(meant.name)}
    else:
        steps = preview(meant.name, image, scale=scale, seeds=seeds)
        pages = {out: steps, out.with_stem(f"{out.stem}-draws"): histograms(meant.name)}
    for path, sheet in pages.items():
        write_png(path, np.asarray(sheet), level=6)
    return list(pages)
