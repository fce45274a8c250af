"""Bars for the tables of benchmarks/RESULTS.md, as SVG in the page itself: they take its colours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_LESS = ("per image", "time", "2040x1356 → 510x339")  # columns that are drawn, and less is better
_MORE = ("pairs per second", "later passes, pairs/s")
_NUMBER = re.compile(r"([\d,]+(?:\.\d+)?)( \S+)?")
_LENGTH, _WIDTH, _ROW, _BAR = 360, 460, 42, 14  # in pixels


class Bar(NamedTuple):
    """What was measured, how much, and that as the table writes it."""

    label: str
    value: float
    text: str


def with_plots(page: str) -> str:
    """The page with bars above each table that compares things by a number of one unit."""
    return _TABLE.sub(lambda table: _plot(table[0]) + table[0], page)


def _plot(table: str) -> str:
    head, _, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines())
    column = next((number for number, name in enumerate(head) if name in _LESS + _MORE), None)
    if head[0] or column is None:
        return ""
    found = [(row[0], _NUMBER.fullmatch(row[column])) for row in rows]
    bars = [Bar(label, float(one[1].replace(",", "")), one[0]) for label, one in found if one]
    if len({one[2] for _, one in found if one}) > 1 or len(bars) < len(rows):
        return ""
    better = "more" if head[column] in _MORE else "less"
    return f"{svg(bars)}\n\n*{head[column]}; {better} is better*\n\n"


def svg(bars: Sequence[Bar]) -> str:
    """Bars below each other, as long as their values; those of srdata in the colour of the site."""
    size = f'viewBox="0 0 {_WIDTH} {len(bars) * _ROW}" style="width: 100%; max-width: {_WIDTH}px"'
    return f'<svg role="img" {size} font-size="14" fill="currentColor">{"".join(_drawn(bars))}</svg>'


def _drawn(bars: Sequence[Bar]) -> Iterator[str]:
    longest = max(bar.value for bar in bars)
    for number, bar in enumerate(bars):
        top, length = number * _ROW, max(1, round(bar.value / longest * _LENGTH))
        colour = "var(--color-brand-primary)" if "srdata" in bar.label else "var(--color-foreground-muted)"
        yield f'<text x="0" y="{top + 14}">{escape(bar.label)}</text>'
        yield f'<rect x="0" y="{top + 20}" width="{length}" height="{_BAR}" style="fill: {colour}"/>'
        yield f'<text x="{length + 8}" y="{top + 32}">{bar.text}</text>'
