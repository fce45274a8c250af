"""`write_preview`: the pages of a degradation or a folder as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srdata.common.output_paths import check_output, file_ids
from srdata.recipes.name_meaning import Kind, meaning
from srdata.report.draw_histograms import histograms
from srdata.report.marked_png import is_marked, write_marked
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
    two: `out` follows `image` through its steps, and beside it NAME-draws.png shows what it draws. Pages
    that it wrote before are drawn anew; raises UsageError where another file would be written over, what
    `contact_sheet` and `preview` raise, and StoreError.
    """
    meant = meaning(target, (Kind.DEGRADATION, Kind.RECIPE_FILE, Kind.PATH))
    out = Path(out)
    read = file_ids([Path(image)] if image else [])
    draws = out.with_stem(f"{out.stem}-draws")
    for path in (out,) if meant.kind is Kind.PATH else (out, draws):
        check_output(path, read, is_marked)
    if meant.kind is Kind.PATH:
        pages = {out: contact_sheet(meant.name)}
    else:
        steps = preview(meant.name, image, scale=scale, seeds=seeds)
        pages = {out: steps, draws: histograms(meant.name)}
    for path, sheet in pages.items():
        write_marked(path, np.asarray(sheet))
    return list(pages)
