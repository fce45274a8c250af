"""The scores of a set as a small table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdata.common.wording.amounts import how_many
from srdata.difficulty.scorers import MEASURES
from srdata.difficulty.thresholds import CLASSSR
from srdata.errors import given_path
from srdata.store.window_scores import ScoreKind, Scores, read_table
from srdata.store.windows import window_name

_QUANTILES = (0, 10, 25, 50, 75, 90, 100)  # percent
_NAMED = 5  # windows at either end


def summary(folder: Path, kind: ScoreKind) -> str:
    """Quantiles, the size of the classes, and the hardest and easiest windows; raises as `read_table`."""
    table, measure = read_table(given_path(folder), kind), MEASURES[kind.by]
    scores: Scores = table.column(kind.by).to_numpy()
    ascending = np.argsort(scores, kind="stable")
    hardest = ascending if measure.hard_is_low else ascending[::-1]
    windows = f"{how_many(len(scores), 'window')} of {kind.windows.size} every {kind.windows.step}"
    lines = [
        f"{folder}: {kind.by} of {windows} at {kind.scale.label}, in {measure.unit}",
        _row("percent", [f"{percent}" for percent in _QUANTILES]),
        _row("", [f"{value:.2f}" for value in _quantiles(scores, _QUANTILES)]),
        _row("thirds", [_counts(scores, _quantiles(scores, (100 / 3, 200 / 3)))]),
        _row("hardest", [_named(table, kind, hardest[:_NAMED])]),
        _row("easiest", [_named(table, kind, hardest[::-1][:_NAMED])]),
    ]
    if kind.by == "psnr":
        lines.insert(4, _row("ClassSR", [_counts(scores, CLASSSR)]))
    return "\n".join(lines)


def _quantiles(scores: Scores, percent: Sequence[float]) -> list[float]:
    """Scores that occur, since between a finite and an infinite one there is none."""
    found: list[float] = np.percentile(scores, percent, method="nearest").tolist()
    return found


def _counts(scores: Scores, thresholds: Sequence[float]) -> str:
    """How many lie below, between and from the thresholds on; these may be equal where many scores are."""
    low, high = thresholds
    below, above = np.count_nonzero(scores < low), np.count_nonzero(scores >= high)
    return f"{below} below {low:.2f}, {len(scores) - below - above} between, {above} from {high:.2f}"


def _named(table: pa.Table, kind: ScoreKind, rows: np.ndarray) -> str:
    found = table.take(rows).select(["key", "order", kind.by]).to_pylist()
    return ", ".join(f"{window_name(one['key'], one['order'])} {one[kind.by]:.2f}" for one in found)


def _row(title: str, cells: list[str]) -> str:
    return f"  {title:8}" + " ".join(f"{cell:>7}" for cell in cells)
