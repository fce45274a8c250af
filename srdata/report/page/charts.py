"""Histograms as SVG that a page draws in its own colours."""

from __future__ import annotations

from srdata.common.wording.amounts import how_many
from srdata.report.bars import Bars, Tick, Values, bars_of, numbers_in, spread_of
from srdata.report.page.html import Html, el, join

_HEIGHT = 100  # units of the drawing; the page stretches it
_GAP = 0.06  # of a bar's width, on either side
_NEAR_END = 0.06  # of the width: a number there begins or ends at its place
_LISTED = 8  # so many texts are listed with their counts


def histogram(title: Html | str, values: Values, note: str = "") -> Html:
    """Values as a figure: bars with what each stands for, and the ends and the median of numbers."""
    bars = bars_of(values)
    numbers = numbers_in(values)
    if len(numbers) < len(values):
        return _figure(title, note, el("dl", *_shares(bars), class_="shares"))
    low, high, mean, median = spread_of(numbers)
    meaning = f"{how_many(len(values), 'value')} from {low} to {high}, mean {mean}, median {median}"
    axis = el("svg", *map(_tick, bars.axis), aria_hidden="true", class_="axis")
    return _figure(title, ", ".join(filter(None, (note, f"median {median}"))), _drawing(bars, meaning), axis)


def _tick(tick: Tick) -> Html:
    """A number below the place that it has on the axis, and not beyond its ends."""
    anchor = "start" if tick.place < _NEAR_END else "end" if tick.place > 1 - _NEAR_END else "middle"
    return el("text", tick.text, x=f"{100 * tick.place:.2f}%", y="80%", text_anchor=anchor)


def _figure(title: Html | str, note: str, *parts: Html) -> Html:
    head = el("figcaption", title, el("span", note, class_="note") if note else None)
    return el("figure", head, *parts, class_="chart")


def _drawing(bars: Bars, meaning: str) -> Html:
    highest = max(bars.counts)
    drawn = (
        _bar(number, label, count, _HEIGHT * count / highest)
        for number, (label, count) in enumerate(zip(bars.labels, bars.counts, strict=True))
    )
    box = f"0 0 {len(bars.counts)} {_HEIGHT}"
    return el(
        "svg", *drawn, viewBox=box, preserveAspectRatio="none", role="img", aria_label=meaning, class_="bars"
    )


def _bar(number: int, label: str, count: int, height: float) -> Html:
    """A bar, and the whole column above it as what the pointer finds."""
    column = el("rect", x=number, y=0, width=1, height=_HEIGHT, class_="column")
    bar = el(
        "rect",
        x=f"{number + _GAP:.2f}",
        y=f"{_HEIGHT - height:.2f}",
        width=f"{1 - 2 * _GAP:.2f}",
        height=f"{height:.2f}",
    )
    return el("g", column, bar if count else None, el("title", f"{label}: {count}"), data_count=count)


def _shares(bars: Bars) -> list[Html]:
    """The most frequent texts with their counts, and the rest together."""
    pairs = list(zip(bars.labels, bars.counts, strict=True))
    if rest := sum(count for _, count in pairs[_LISTED:]):
        pairs[_LISTED:] = [(f"{len(pairs) - _LISTED} more", rest)]
    highest = max(count for _, count in pairs)
    return [_share(label, count, highest) for label, count in pairs]


def _share(label: str, count: int, highest: int) -> Html:
    bar = el("rect", width=f"{count / highest:.4f}", height=1)
    drawing = el("svg", bar, viewBox="0 0 1 1", preserveAspectRatio="none", aria_hidden="true")
    return el("div", el("dt", el("bdi", label)), el("dd", drawing, join([f"{count:,}"])), data_count=count)
