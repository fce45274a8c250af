"""What was taken into a set and what was left out of it, by the scores that chose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from srdata.common.conditions import number_text
from srdata.prepared.set_images import PreparedImages
from srdata.report.page.charts import histogram
from srdata.report.page.html import Html, code, el, name, table
from srdata.store.tables.choice_table import FACTS, read_choice_table, scores_in, why_text

_LISTED = 100  # images and tiles that were left out


def choice(images: PreparedImages) -> list[Html]:
    """The conditions, how many did not meet what, and each score of those taken and of those left out.

    Raises CorruptRecordError.
    """
    found = read_choice_table(images.folder)
    if found is None:
        return [el("p", "All images of the source were taken.", class_="good")]
    return list(_told(images.content.recipe, found.to_pylist(), found.schema.names))


def _told(recipe: dict[str, Any], rows: list[dict[str, Any]], names: Sequence[str]) -> Iterator[Html]:
    if (where := recipe.get("where")) is not None:
        yield code(f"where: {where}")
    if (tiles := recipe.get("tiles")) is not None:
        yield code("\n".join(["tiles:", *(f"  {key}: {value}" for key, value in tiles.items())]))
    for what, some in (("images", _of(rows, tiles=False)), ("tiles", _of(rows, tiles=True))):
        if some:
            yield el("h3", f"{sum(row['kept'] for row in some):,} of {len(some):,} {what} taken")
            yield from _reasons(some)
            for score in (one for one in names if one not in FACTS.names):
                yield from _both(score, some)
            yield from _left_out(some)


def _of(rows: Sequence[dict[str, Any]], tiles: bool) -> list[dict[str, Any]]:
    return [row for row in rows if bool(row["image"]) is tiles]


def _reasons(rows: Sequence[dict[str, Any]]) -> Iterator[Html]:
    counts = Counter(row["why"] for row in rows if not row["kept"])
    if counts:
        cells = [[why, f"{count:,}"] for why, count in counts.most_common()]
        yield table(["not met, or why else", "left out"], cells, class_="numbers")


def _both(score: str, rows: Sequence[dict[str, Any]]) -> Iterator[Html]:
    """A score of those that were taken beside that of the others."""
    charts = []
    for word, kept in (("taken", True), ("left out", False)):
        values = [row[score] for row in rows if row["kept"] is kept and row[score] is not None]
        charts += [histogram(score, values, f"{word}: {len(values):,}")] if values else []
    if charts:
        yield el("div", *charts, class_="charts wide")


def _left_out(rows: Sequence[dict[str, Any]]) -> Iterator[Html]:
    out = [row for row in rows if not row["kept"]]
    if not out:
        return
    cells = [[name(row["key"]), why_text(row), _numbers(row)] for row in out[:_LISTED]]
    yield table(["left out", "why", "scores"], cells)
    if len(out) > _LISTED:
        yield el("p", f"and {len(out) - _LISTED:,} more, in choice.parquet", class_="note")


def _numbers(row: dict[str, Any]) -> str:
    return ", ".join(f"{score} {number_text(value)}" for score, value in scores_in(row).items())
