"""Tiles that show HR in their left half and LR in their right one, and open in a viewer of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from srdata.prepared.set_images import PreparedImages
from srdata.report.page.hardest_windows import Scored
from srdata.report.page.html import Html, el, name
from srdata.report.page.pictures import PairShown, ShownPart
from srdata.report.sheets import spread
from srdata.store.blocks import HR

_KEYS = "drag or arrow keys: move · wheel or + −: zoom · 0: fit · 1: 100 % · N, P: next, previous"


def chosen(images: PreparedImages, count: int) -> list[Scored]:
    """`count` images of a set, evenly spread."""
    rows = spread(range(len(images.index)), count) if count else []
    return [Scored(ShownPart(row), images.index.key(row), images.splits[row]) for row in rows]


def tiles(scored: Sequence[Scored], pairs: Iterable[PairShown]) -> Html:
    """A tile for each pair."""
    return el("div", *(_tile(*one) for one in zip(scored, pairs, strict=True)), class_="tiles")


def _tile(scored: Scored, pair: PairShown) -> Html:
    hr = pair.layers[HR]
    where = f"{hr.width} × {hr.height} from ({pair.left}, {pair.top})"
    layers = [layer for layer in pair.layers if layer != HR]
    pictures = (_picture(scored.title, pair, layer, hidden=layer in layers[:-1]) for layer in pair.layers)
    return el(
        "button",
        el("span", *pictures, class_="halves"),
        el("span", name(scored.title), el("span", scored.note, class_="note"), class_="caption"),
        type="button",
        class_="tile",
        data_title=scored.title,
        data_where=where,
        aria_label=f"Compare HR and LR of {scored.title}, {scored.note}",
    )


def _picture(title: str, pair: PairShown, layer: str, hidden: bool) -> Html:
    picture = pair.layers[layer]
    return el(
        "img",
        src=picture.address,
        width=picture.width,
        height=picture.height,
        alt=f"{'HR' if layer == HR else f'LR {layer}'} of {title}",
        data_layer=layer,
        hidden=hidden,
    )


def viewer() -> Html:
    """The dialog in which HR and LR lie side by side; page.js moves them."""
    buttons = {
        "out": ("−", "Zoom out"),
        "in": ("+", "Zoom in"),
        "fit": ("Fit", "Fit the pane"),
        "full": ("100 %", "One HR pixel per screen pixel"),
        "previous": ("←", "Previous pair"),
        "next": ("→", "Next pair"),
        "close": ("✕", "Close"),
    }
    made = (
        el("button", text, type="button", data_do=what, aria_label=meaning, title=meaning)
        for what, (text, meaning) in buttons.items()
    )
    bar = el(
        "header",
        el("h2", id="viewer-title"),
        el("select", aria_label="LR layer", id="viewer-layer"),
        *made,
    )
    panes = el("div", _pane("HR"), _pane("LR"), class_="panes")
    state = el("footer", el("output", id="viewer-state"), el("span", _KEYS, class_="keys"))
    return el("dialog", bar, panes, state, id="viewer", aria_labelledby="viewer-title")


def _pane(side: str) -> Html:
    return el(
        "div",
        el("img", alt="", draggable="false"),
        el("span", side, class_="side"),
        el("i", class_="cross", hidden=True),
        class_="pane",
        tabindex=0,
        autofocus=side == "HR",
        role="application",
        aria_label=f"{side}, moves with the other side",
        data_side=side.lower(),
    )
