"""`write_preview`: the pages of a degradation or a folder as PNG files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from srdata.common.files import write_file
from srdata.common.output_paths import check_output, file_ids, starts_with
from srdata.errors import given_path
from srdata.images import Pixels, encode_png
from srdata.recipes.name_meaning import Kind, meaning
from srdata.report.draw_histograms import histograms
from srdata.report.sheets import contact_sheet
from srdata.report.steps import preview
from srdata.scale import Scale

_MARK = b"tEXtSoftware\0srdata preview"
_HEADER = 8 + 25  # bytes of the signature and of IHDR, which comes first

_is_marked = starts_with(_MARK, _HEADER + 4 + len(_MARK))


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
    out = given_path(out)
    read = file_ids([Path(image)] if image else [])
    draws = out.with_stem(f"{out.stem}-draws")
    for path in (out,) if meant.kind is Kind.PATH else (out, draws):
        check_output(path, read, _is_marked)
    if meant.kind is Kind.PATH:
        pages = {out: contact_sheet(meant.name)}
    else:
        steps = preview(meant.name, image, scale=scale, seeds=seeds)
        pages = {out: steps, draws: histograms(meant.name)}
    for path, sheet in pages.items():
        _write_marked(path, np.asarray(sheet))
    return list(pages)


def _write_marked(path: Path, image: Pixels) -> None:
    """Write an image that says that srdata drew it, so that it may be drawn anew; raises StoreError."""
    png = encode_png(image, level=6)
    chunk = struct.pack(">I", len(_MARK) - 4) + _MARK + struct.pack(">I", zlib.crc32(_MARK))
    write_file(path, png[:_HEADER] + chunk + png[_HEADER:])
