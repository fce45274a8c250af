"""A page of histograms of what a degradation draws."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from srdata.degrade.chain import Chain, load_chain
from srdata.degrade.choices import Step
from srdata.images import natural
from srdata.report.canvas import Cell, in_rows, page
from srdata.report.delta import INSIDE, inside, letter, shown
from srdata.report.steps import name_of

Value = float | str
Where = tuple[str, str]  # the step, as its place and name, and the parameter

_COLUMNS = 6
_WIDTH, _HEIGHT = 190, 90  # of a histogram, in pixels
_BINS = 38
_FEW = 12  # so many different values get a bar each
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
    places = sorted(values, key=lambda where: (*natural(where[0]), *natural(where[1])))
    cells = [_histogram(where, values[where], draws) for where in places if len(set(values[where])) > 1]
    return page(f"{name_of(degradation, chain)}   {draws:,} draws", in_rows(cells, _COLUMNS))


def collected(chain: Chain, draws: int, seed: int) -> dict[Where, list[Value]]:
    """Every value that was drawn, by step and parameter."""
    values: dict[Where, list[Value]] = defaultdict(list)
    for number in range(draws):
        delta = chain.sample(seed, number)
        for steps, start in ((delta[: len(chain.hr)], "hr "), (delta[len(chain.hr) :], "")):
            for where, value in _drawn(steps, start):
                values[where].append(value)
    return dict(values)


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
    often = "" if len(drawn) == draws else f"   {len(drawn):,} draws"
    texts = Counter(value for value in drawn if isinstance(value, str))
    if texts:
        shares = [f"{text}  {count / len(drawn):.0%}" for text, count in texts.most_common(_LISTED)]
        bars = [texts[text] for text, _ in texts.most_common()]
        return Cell(_bars(bars), step, [name + often, *shares])
    numbers = np.array([value for value in drawn if not isinstance(value, str)])
    span = f"{shown(float(numbers.min()))} to {shown(float(numbers.max()))}"
    middle = f"mean {shown(float(numbers.mean()))}, median {shown(float(np.median(numbers)))}"
    return Cell(_bars(_counts(numbers)), step, [name + often, span, middle])


def _counts(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    values, counts = np.unique(numbers, return_counts=True)
    if len(values) > _FEW:
        counts, _ = np.histogram(numbers, max(_FEW, min(_BINS, round(len(numbers) ** 0.5))))
    return [int(count) for count in counts]


def _bars(counts: Sequence[int]) -> Image.Image:
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), _GROUND)
    draw = ImageDraw.Draw(picture)
    edges = np.linspace(0, _WIDTH, len(counts) + 1).round()
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        top = _HEIGHT - round((_HEIGHT - 4) * count / max(counts))
        if count:
            draw.rectangle((left, top, right - 2, _HEIGHT - 1), _BAR)
    return picture
