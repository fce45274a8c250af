"""Halftone screens, as printed pictures and comics have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from srdata.colour import cmyk_to_rgb, extremes, library, luma, rgb_to_cmyk
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import pick, uniform
from srdata.degrade.model.op import Op, Params
from srdata.degrade.model.ranges import ODDS, Range, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, column, is_torch

Dot = Literal["circle", "ellipse", "line", "cross"]
Inks = Literal["rgb", "cmyk", "grey", "value"]
Cell = NDArray[np.float64]

_FINENESS = 64  # samples of a screen across one period
_INKS = 4  # so many angles are drawn, whether the image needs them or not

# How early a place within the period turns white. Cosines as in PostScript's spot functions: dots grow around
# the whole numbers, meet in a checkerboard at half tone, and end as holes around the halves.
_SPOTS: dict[str, Callable[[Cell, Cell], Cell]] = {
    "circle": lambda across, down: across + down,
    "ellipse": lambda across, down: across + 0.6 * down,
    "line": lambda across, down: down,
    "cross": np.maximum,
}


class Halftone(Op):
    """Turn every sample on or off by whether it passes the threshold that a tilted screen has at its place.

    `size` is the period of the screen in pixels, `angle` its tilt in degrees, drawn for each ink. All
    thresholds are equally frequent, so that the mean tone stays. "rgb" screens each channel; "cmyk" the
    four inks, printed at `strength`; "grey" the luma; "value" the V of HSV.
    Source: wtp_dataset_destroyer "screentone" (pepeline), with its ranges; the screen is computed as in
    PostScript (Adobe, PLRM 7.4, spot functions) instead of from a rotated tile.
    """

    op: Literal["halftone"] = "halftone"
    dot: Annotated[dict[Dot, float], *ODDS] = Field(default={"circle": 1.0})
    inks: Annotated[dict[Inks, float], *ODDS] = Field(default={"rgb": 1.0})
    size: Annotated[Range, between(2, 256)] = (7.0, 7.0)
    angle: Annotated[Range, between(-360, 360)] = (-45.0, 45.0)
    strength: Annotated[Range, between(0, 1)] = (1.0, 1.0)

    def sample(self, rng: np.random.Generator) -> Params:
        return {
            "dot": pick(rng, self.dot),
            "inks": pick(rng, self.inks),
            "size": uniform(rng, self.size),
            "angles": [uniform(rng, self.angle) for _ in range(_INKS)],
            "strength": uniform(rng, self.strength),
        }

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return alike(x, params, ["dot", "inks"], lambda part, drawn: _PRINTS[drawn[0]["inks"]](part, drawn))


def _print_grey(x: Array, params: Sequence[Params]) -> Array:
    seen = luma(x, span="full") if x.shape[1] == 3 else x
    grey: Array = library(x).broadcast_to(_screened(seen, params), x.shape)
    return grey


def _print_value(x: Array, params: Sequence[Params]) -> Array:
    value, _ = extremes(x)
    brightest: Array = x / value.clip(1e-6, None)
    return brightest * _screened(value, params)


def _print_cmyk(x: Array, params: Sequence[Params]) -> Array:
    strength = column([drawn["strength"] for drawn in params], x)
    paper: Array = cmyk_to_rgb(strength * _screened(rgb_to_cmyk(x), params))
    return paper


def _screened(planes: Array, params: Sequence[Params]) -> Array:
    """1 where a sample passes the threshold of its screen, else 0."""
    height, width = planes.shape[2:]
    rows = backend.table(np.arange(height)[:, None] + 0.5, planes)
    columns = backend.table(np.arange(width) + 0.5, planes)
    along, aside = (backend.table(part, planes) for part in _tilts(params, planes.shape[1]))
    across, down = columns * along + rows * aside, rows * along - columns * aside
    thresholds = backend.table(_screen(params[0]["dot"]), planes)[_whole(down), _whole(across)]
    passed: Array = (planes > thresholds) * backend.table(1, planes)
    return passed


def _tilts(params: Sequence[Params], inks: int) -> tuple[Cell, Cell]:
    """Cosine and sine of each tilt, in samples of the screen per pixel, both (N, inks, 1, 1)."""
    angles = np.radians([drawn["angles"][:inks] for drawn in params])[..., None, None]
    density = _FINENESS / np.array([drawn["size"] for drawn in params]).reshape(-1, 1, 1, 1)
    return density * np.cos(angles), density * np.sin(angles)


@cache
def _screen(dot: Dot) -> Cell:
    """The thresholds of one period: the rank of each place by the order in which places turn white."""
    wave = np.cos(np.arange(_FINENESS) * (2 * np.pi / _FINENESS))
    order = np.argsort(
        -np.broadcast_to(_SPOTS[dot](wave[None], wave[:, None]), (_FINENESS, _FINENESS)),
        axis=None,
        kind="stable",
    )
    ranks = np.empty(order.size)
    ranks[order] = (np.arange(order.size) + 0.5) / order.size
    return ranks.reshape(_FINENESS, _FINENESS)


def _whole(places: Any) -> Any:
    """Places along the screen as numbers of its samples."""
    wrapped = library(places).floor(places) % _FINENESS
    return wrapped.long() if is_torch(places) else wrapped.astype(np.int64)


_PRINTS: dict[str, Callable[[Array, Sequence[Params]], Array]] = {
    "rgb": _screened,
    "cmyk": _print_cmyk,
    "grey": _print_grey,
    "value": _print_value,
}
