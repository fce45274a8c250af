"""A page of histograms of what a degradation draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from srdata.common.progress import counted
from srdata.common.wording.amounts import how_many
from srdata.degrade.chain import Chain, Delta, load_chain
from srdata.degrade.model.composite import Step
from srdata.images import natural
from srdata.report.bars import Bars, Value, bars_of, spread_of
from srdata.report.canvas import FAINT, PAPER, Cell, in_rows, page
from srdata.report.delta_steps import INSIDE, inside, letter, shown
from srdata.report.lettering import width_of, write
from srdata.report.steps import name_of

Where = tuple[str, str]  # the step, as its place and name, and the parameter

_COLUMNS = 6
_WIDTH, _HEIGHT = 190, 90  # of a histogram, in pixels
_AXIS, _TEXT = 18, 12  # pixels below the bars, and of the numbers there
_LISTED = 6  # so many texts are listed with their shares
_SEPARATE = 4  # lists that are longer count as many draws of one number
_HIDDEN = frozenset({"key"})  # a name of noise says nothing
_CHOICES = ("branch", "order")  # their numbers stand for parts of the recipe
_BAR, _GROUND = (66, 113, 174), (240, 240, 240)


def histograms(
    degradation: str | Path | dict[str, Any] | list[Any] | Chain, *, draws: int = 1000, seed: int = 1
) -> Image.Image:
    """A page with a histogram of every number and name that a degradation draws, over `draws` images.

    Steps are numbered as in the recipe: 3b.1 is the first step of the second branch of the third step, and
    "hr 1" what is first done to HR. What is the same for all images is left out. Raises what `load_chain`
    raises.
    """
    chain = load_chain(degradation)
    values = collected(chain, draws, seed)
    cells = [_histogram(where, values[where], draws) for where in varying(values)]
    return page(
        f"{name_of(degradation, chain)}   {how_many(draws, 'draw', form=',')}", in_rows(cells, _COLUMNS)
    )


def collected(chain: Chain, draws: int, seed: int) -> dict[Where, list[Value]]:
    """Every value that a chain draws for `draws` images, by step and parameter."""
    numbers = counted(range(draws), "draws", draws)
    return values_of((chain.sample(seed, number) for number in numbers), len(chain.hr))


def values_of(deltas: Iterable[Delta], on_hr: int) -> dict[Where, list[Value]]:
    """Every value in δ of many images, by step and parameter; the first `on_hr` steps are done to HR."""
    values: dict[Where, list[Value]] = defaultdict(list)
    for delta in deltas:
        for steps, start in ((delta[:on_hr], "hr "), (delta[on_hr:], "")):
            for where, value in _drawn(steps, start):
                values[where].append(value)
    return dict(values)


def varying(values: dict[Where, list[Value]]) -> list[Where]:
    """What is not the same for all images, in the order of the steps."""
    places = sorted(values, key=lambda where: (*natural(where[0]), *natural(where[1])))
    return [where for where in places if len(set(values[where])) > 1]


def _drawn(steps: Sequence[Step], place: str) -> Iterator[tuple[Where, Value]]:
    for number, step in enumerate(steps, 1):
        params, here = step["params"], f"{place}{number}"
        for name, value in params.items():
            if name not in _HIDDEN | INSIDE:
                yield from (((f"{here} {step['op']}", label), one) for label, one in _plain(name, value))
        for inner, below in inside(params, here):
            yield from _drawn(inner, below)


def _plain(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _plain(f"{name}[{number}]" if len(value) <= _SEPARATE else name, one)
    elif isinstance(value, bool | str):
        yield name, shown(value)
    elif name.startswith(_CHOICES):
        yield name, letter(value)
    elif isinstance(value, int | float):
        yield name, float(value)


def _histogram(where: Where, drawn: Sequence[Value], draws: int) -> Cell:
    step, name = where
    often = "" if len(drawn) == draws else f"   {how_many(len(drawn), 'draw', form=',')}"
    bars = bars_of(drawn)
    numbers = [value for value in drawn if not isinstance(value, str)]
    if len(numbers) == len(drawn):
        low, high, mean, median = spread_of(numbers)
        lines = [name + often, f"{low} to {high}", f"mean {mean}, median {median}"]
        return Cell(_drawing(bars), step, lines)
    pairs = list(zip(bars.labels, bars.counts, strict=True))[:_LISTED]
    shares = [f"{text}  {count / len(drawn):.0%}" for text, count in pairs]
    return Cell(_drawing(bars), step, [name + often, *shares])


def _drawing(bars: Bars) -> Image.Image:
    """Bars, and the numbers of their axis below them."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT + (_AXIS if bars.axis else 0)), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, _WIDTH, _HEIGHT - 1), _GROUND)
    edges = np.linspace(0, _WIDTH, len(bars.counts) + 1).round()
    gap = 2 if len(bars.counts) <= _WIDTH // 4 else 1
    for left, right, count in zip(edges[:-1], edges[1:], bars.counts, strict=True):
        top = _HEIGHT - round((_HEIGHT - 4) * count / max(bars.counts))
        if count:
            draw.rectangle((left, top, max(left, right - 1 - gap), _HEIGHT - 1), _BAR)
    for place, text in bars.axis:
        at, wide = round(place * (_WIDTH - 1)), width_of(text, _TEXT)
        draw.line((at, _HEIGHT, at, _HEIGHT + 2), FAINT)
        write(picture, (max(0, min(at - wide // 2, _WIDTH - wide)), _HEIGHT + 1), text, FAINT, _TEXT)
    return picture
