"""How many images and windows there are, and how large they are, split by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.prepared.set_images import PreparedImages
from srdata.report.page.charts import histogram
from srdata.report.page.html import Html, el, table

_COMMON = 5  # sizes that are named
_ALL = "all"


def splits(images: PreparedImages) -> Html:
    """A row for each split: images, windows at each scale, and sizes of HR."""
    windows = [f"windows at {scale.label}" for scale in images.scales] if images.content.windows else []
    heads = ["split", "images", *windows, "HR, median", "smallest", "largest", "HR megapixels"]
    names = images.index.splits
    rows = [_row(images, split, images.index.rows(split)) for split in names]
    total = [_row(images, _ALL, images.index.rows())] if len(names) > 1 else []
    return table(heads, [*rows, *total], class_="numbers")


def _row(images: PreparedImages, split: str, rows: NDArray[np.int64]) -> list[str]:
    heights, widths = (side[rows].astype(np.int64) for side in (images.index.heights, images.index.widths))
    cut = images.content.windows
    counts = [f"{int(cut.counts(heights, widths, scale).sum()):,}" for scale in images.scales] if cut else []
    areas = heights * widths
    by_area = np.argsort(areas, kind="stable")
    middle, small, large = (by_area[place] for place in (len(by_area) // 2, 0, -1))
    sizes = [_size(int(heights[one]), int(widths[one])) for one in (middle, small, large)]
    return [split, f"{len(rows):,}", *counts, *sizes, f"{areas.sum() / 1e6:,.1f}"]


def sizes(images: PreparedImages) -> Iterator[Html]:
    """How heights and widths are distributed, and which sizes are the most frequent."""
    heights, widths = images.index.heights.tolist(), images.index.widths.tolist()
    yield el(
        "div",
        histogram("HR height", [float(one) for one in heights], "pixels"),
        histogram("HR width", [float(one) for one in widths], "pixels"),
        class_="charts wide",
    )
    common = Counter(zip(heights, widths, strict=True)).most_common(_COMMON)
    texts = [f"{_size(*size)} ({how_many(count, 'image', form=',')})" for size, count in common if count > 1]
    if texts:
        yield el("p", f"Most frequent HR sizes: {', '.join(texts)}.")


def _size(height: int, width: int) -> str:
    return f"{width} × {height}"
