"""How hard the windows of a set are, by the scores that it keeps, and which are at either end."""

from __future__ import annotations

import shlex
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from srdata.common.wording.amounts import how_many
from srdata.difficulty.scorers import MEASURES
from srdata.prepared.set_images import PreparedImages
from srdata.report.page.charts import histogram
from srdata.report.page.html import Html, code, el
from srdata.report.page.pictures import ShownPart
from srdata.store.window_scores import ScoreKind, Scores, kinds_of, read_table
from srdata.store.windows import window_name

# The scores that a page shows windows by, the lowest ones, and what these are.
ENDS = {"psnr": "Hardest windows, one of each image", "deviation": "Flattest windows, one of each image"}


class Scored(NamedTuple):
    """A window, and what is said of it."""

    part: ShownPart
    title: str
    note: str


def difficulty(images: PreparedImages) -> list[Html]:
    """A histogram of every score that the set keeps, and the commands that make those which it lacks."""
    kinds = kinds_of(images.content)
    charts = [el("div", *(_chart(images, kind) for kind in kinds), class_="charts wide")] if kinds else []
    lacks = [by for by in ENDS if not any(kind.by == by for kind in kinds)]
    if not lacks:
        return charts
    missing = el("p", f"Its windows have no score by {' and '.join(lacks)} yet. To score them:")
    return [*charts, missing, code("\n".join(_command(images, by) for by in lacks))]


def _command(images: PreparedImages, by: str) -> str:
    windows = "" if images.content.windows else " --windows 480 240 0"
    return f"srdata classify {shlex.quote(str(images.folder))} --by {by}{windows}"


def _chart(images: PreparedImages, kind: ScoreKind) -> Html:
    scores: Scores = read_table(images.folder, kind).column(kind.by).to_numpy()
    finite = scores[np.isfinite(scores)]
    equal = f", {len(scores) - len(finite):,} without any error" if len(finite) < len(scores) else ""
    windows = how_many(len(scores), "window", form=",")
    windows += f" of {kind.windows.size} every {kind.windows.step}{equal}"
    title = f"{kind.by} at {kind.scale.label}, {MEASURES[kind.by].unit}"
    return histogram(title, finite.tolist(), windows) if len(finite) else el("p", f"{title}: {windows}")


def ends(images: PreparedImages, count: int) -> dict[str, list[Scored]]:
    """The hardest and the flattest windows, each under its title, where there are scores that tell."""
    kinds = {kind.by: kind for kind in reversed(kinds_of(images.content))}
    return {title: _lowest(images, kinds[by], count) for by, title in ENDS.items() if by in kinds}


def _lowest(images: PreparedImages, kind: ScoreKind, count: int) -> list[Scored]:
    """The windows that score least, one of an image: its neighbours overlap it and show the same."""
    table: pa.Table = read_table(images.folder, kind)
    scores: Scores = table.column(kind.by).to_numpy()
    order = np.argsort(scores, kind="stable")
    keys = table.column("key").dictionary_encode().combine_chunks().indices.to_numpy()
    _, first = np.unique(keys[order], return_index=True)
    lowest = table.take(order[np.sort(first)[:count]]).to_pylist()
    return [_scored(images, kind, window) for window in lowest]


def _scored(images: PreparedImages, kind: ScoreKind, window: dict[str, Any]) -> Scored:
    size = kind.windows.size
    part = ShownPart(images.index.row(window["key"]), window["top"], window["left"], size, size)
    name = window_name(window["key"], window["order"])
    return Scored(part, name, f"{kind.by} {window[kind.by]:.2f}")
