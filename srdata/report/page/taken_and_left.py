"""What was taken into a set and what was left out of it, by the scores that chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from srdata.common.conditions import number_text
from srdata.common.wording.amounts import how_many
from srdata.prepared.set_images import PreparedImages
from srdata.report.page.charts import histogram
from srdata.report.page.html import Html, code, el, name, table
from srdata.store.tables.choice_table import choice_rows, choice_scores, counts_of, scores_in, why_text

_LISTED = 100  # images and tiles that were left out


def choice(images: PreparedImages) -> list[Html]:
    """The conditions, how many did not meet what, and each score of those taken and of those left out.

    Raises CorruptRecordError.
    """
    scores = choice_scores(images.folder)
    if scores is None:
        return [el("p", "All images of the source were taken.", class_="good")]
    return list(_told(images.content.recipe, images.folder, scores))


def _told(recipe: dict[str, Any], folder: Path, scores: Sequence[str]) -> Iterator[Html]:
    if (where := recipe.get("where")) is not None:
        yield code(f"where: {where}")
    if (tiles := recipe.get("tiles")) is not None:
        yield code("\n".join(["tiles:", *(f"  {key}: {value}" for key, value in tiles.items())]))
    for tiled in (False, True):
        why = Counter[str]()
        for rows in _rows(folder, tiled, ["why"]):
            why.update(counts_of(rows["why"]))
        if why:
            total, what = sum(why.values()), "tile" if tiled else "image"
            yield el("h3", f"{why.pop('', 0):,} of {how_many(total, what, form=',')} taken")
            yield from _reasons(why)
            for score in scores:
                yield from _both(score, folder, tiled)
            yield from _left_out(folder, tiled, sum(why.values()))


def _rows(folder: Path, tiled: bool, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of tiles, or of images, some at a time."""
    for rows in choice_rows(folder, None if columns is None else ["image", *columns]):
        yield rows.filter(pc.xor(pc.equal(rows["image"], ""), tiled))


def _reasons(why: Counter[str]) -> Iterator[Html]:
    if why:
        cells = [[reason, f"{count:,}"] for reason, count in why.most_common()]
        yield table(["not met, or why else", "left out"], cells, class_="numbers")


def _both(score: str, folder: Path, tiled: bool) -> Iterator[Html]:
    """A score of those that were taken beside that of the others."""
    sides: list[list[np.ndarray]] = [[], []]
    for rows in _rows(folder, tiled, ["kept", score]):
        told = rows.filter(pc.is_valid(rows[score]))
        for side, kept in zip(sides, (told["kept"], pc.invert(told["kept"])), strict=True):
            side.append(told[score].filter(kept).to_numpy())
    charts = []
    for word, values in zip(("taken", "left out"), map(np.concatenate, sides), strict=True):
        charts += [histogram(score, values, f"{word}: {len(values):,}")] if len(values) else []
    if charts:
        yield el("div", *charts, class_="charts wide")


def _left_out(folder: Path, tiled: bool, total: int) -> Iterator[Html]:
    if not total:
        return
    out = (
        row
        for rows in _rows(folder, tiled)
        for row in rows.filter(pc.invert(rows["kept"])).slice(0, _LISTED).to_pylist()
    )
    cells = [[name(row["key"]), why_text(row), _numbers(row)] for row in islice(out, _LISTED)]
    yield table(["left out", "why", "scores"], cells)
    if total > _LISTED:
        yield el("p", f"and {total - _LISTED:,} more, in choice.parquet", class_="note")


def _numbers(row: dict[str, Any]) -> str:
    return ", ".join(f"{score} {number_text(value)}" for score, value in scores_in(row).items())
