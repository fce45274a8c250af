"""The two degradations of Real-ESRGAN as options, into a chain.

Sources: BasicSR basicsr/data/realesrgan_dataset.py and basicsr/models/realesrgan_model.py,
neosr neosr/models/otf.py, traiNNer-redux traiNNer/models/realesrgan_model.py. Where a second degradation has
options of its own, their names end in 2, and those of the last resize of traiNNer-redux in 3.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from srdata.option_files.option_section import Kind, Said, Section, among, numbers, share, weight

Tree = dict[str, Any]

SHAPES = ("iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso")
MODES = {
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "nearest-exact": "nearest",
    "lanczos": "lanczos",
    "area": "pixel_area",
}
# What the names of options in the data set have in them; the others are those of the model.
IN_DATA_SET = ("kernel", "sinc", "blur_sigma", "betag", "betap")
_AREA = ["pixel_area", "bilinear", "bicubic"]  # of BasicSR and neosr
_NARROW, _WIDE = [math.pi / 3, math.pi], [math.pi / 5, math.pi]
_DIRECTIONS = ("up", "down", "keep")
_EQUAL = [0.25] * 4
_MODES = ["bilinear", "bicubic", "nearest-exact", "lanczos"]
# traiNNer/utils/redux_options.py: what holds where its option files say nothing
REDUX: dict[str, Any] = {
    "kernel_list": list(SHAPES),
    "kernel_prob": [0.45, 0.25, 0.12, 0.03, 0.12, 0.03],
    "kernel_range": [5, 17],
    "sinc_prob": 0,
    "blur_sigma": [0.2, 2],
    "betag_range": [0.5, 4],
    "betap_range": [1, 2],
    "blur_sigma2": [0.2, 1],
    "final_sinc_prob": 0,
    "final_kernel_range": [5, 17],
    "blur_prob": 0,
    "resize_prob": [0.2, 0.7, 0.1],
    "resize_prob2": [0.3, 0.4, 0.3],
    "resize_range": [0.4, 1.5],
    "resize_range2": [0.6, 1.2],
    "resize_mode_list": _MODES,
    "resize_mode_prob": _EQUAL,
    "gaussian_noise_prob": 0,
    "noise_range": [0, 0],
    "poisson_scale_range": [0, 0],
    "gray_noise_prob": 0,
    "jpeg_prob": 1,
    "jpeg_range": [75, 95],
}


class Options:
    """The options on degradations, which stand in several places of a file; and what holds without them."""

    def __init__(self, sections: Sequence[Section], trainer: str) -> None:
        self._sections, self.redux, self._gathered = sections, trainer == "redux", trainer == "neosr"

    def take(self, name: str, kind: Kind[Any], number: str = "") -> Said:
        """The option of the first or second degradation, checked."""
        full = f"{name}{number}"
        for section in self._sections:
            if section.has(full):
                return section.take(full, kind)
        default = REDUX.get(full, REDUX.get(name)) if self.redux else None
        if default is None:
            return self._home(full).take(full, kind)
        return Said(default, f"the default of {full}")

    def _home(self, name: str) -> Section:
        """Where an option is, or is to be."""
        usual = 0 if any(word in name for word in IN_DATA_SET) or self._gathered else -1
        return next((one for one in self._sections if one.has(name)), self._sections[usual])

    def share_of(self, name: str, number: str = "") -> Said:
        return self.take(name, share, number)

    def range_of(self, name: str, number: str = "") -> Said:
        found = self.take(name, numbers(2), number)
        if found.value[0] > found.value[1]:
            self.refuse(
                f"{name}{number}", f"the range {found.value} is empty: write the smaller number first"
            )
        return found

    def weights(self, name: str, count: int, number: str = "") -> Said:
        found = self.take(name, numbers(count, weight), number)
        if not sum(found.value) > 0:
            self.refuse(f"{name}{number}", "needs a probability above 0")
        return found

    def refuse(self, name: str, what: str) -> None:
        self._home(name).refuse(name, what)


def second_order(options: Options, sharpened: Said | None) -> Tree:
    """The chain: two degradations, then back to the LR size with a last ringing before or after JPEG."""
    first = [*_blurred(options, ""), *_resized(options), *_noisy(options, ""), *_compressed(options, "")]
    second = [*_blurred(options, "2"), *_resized_to_lr(options), *_noisy(options, "2")]
    back = [{"op": "resize", "to": "lr", **_methods(options, "3")}, *_rung(options)]
    last = _compressed(options, "2")
    end = [{"op": "shuffled", "items": [back, last]}] if last else back
    mask = {"op": "unsharp_mask", "weight": 0.5, "threshold": 10, "kernel_size": 51}
    hr = {} if sharpened is None else {"hr": [{**mask, "op": Said("unsharp_mask", sharpened.origin)}]}
    return {**hr, "steps": [*first, *second, *end]}


def _blurred(options: Options, second: str) -> list[Tree]:
    if options.redux:
        chance = options.share_of("blur_prob", second)
    else:
        chance = options.share_of("second_blur_prob") if second else Said(1, "")
    sinc = options.share_of("sinc_prob", second)
    kinds = options.take("kernel_list", among(SHAPES), second)
    odds = options.weights("kernel_prob", len(kinds.value), second)
    shape = {"sinc": sinc.value} if sinc.value else {}
    for kind, odd in zip(kinds.value, odds.value, strict=True):
        part = (1 - sinc.value) * odd / sum(odds.value)
        shape[kind] = round(shape.get(kind, 0) + part, 12)
    size = options.range_of("kernel_range", second) if options.redux else [7, 21]
    blur = {
        "op": "blur",
        "shape": Said(shape, f"{sinc.origin}, {_last(kinds)}, {_last(odds)}"),
        "size": size,
        "sigma": options.range_of("blur_sigma", second),
        "beta_generalized": options.range_of("betag_range", second),
        "beta_plateau": options.range_of("betap_range", second),
        "cutoff": _NARROW,
        "cutoff_wide": _WIDE,
        "clip": False,
    }
    return _maybe(chance, [blur])


def _resized(options: Options) -> list[Tree]:
    odds, factor = options.weights("resize_prob", 3), options.range_of("resize_range")
    how = _methods(options, "")
    if _unchanged(odds, factor):
        return []
    place = {} if options.redux else {"alignment": "factor"}
    return [{"op": "resize", **_drawn(odds, factor, _DIRECTIONS), **how, **place}]


def _resized_to_lr(options: Options) -> list[Tree]:
    """The second resize; in traiNNer-redux "keep" keeps the size that the first one left."""
    odds, factor = options.weights("resize_prob", 3, "2"), options.range_of("resize_range", "2")
    how, keep = _methods(options, "2"), odds.value[2]
    if not options.redux or not keep:
        return [{"op": "resize", "to": "lr", **_drawn(odds, factor, _DIRECTIONS), **how}]
    if keep == sum(odds.value):
        return []
    resize = {"op": "resize", "to": "lr", **_drawn(odds, factor, _DIRECTIONS[:2]), **how}
    branches = [
        {"weight": Said(round(sum(odds.value[:2]), 12), odds.origin), "steps": [resize]},
        {"weight": Said(keep, odds.origin), "steps": []},
    ]
    return [{"op": "one_of", "branches": branches}]


def _drawn(odds: Said, factor: Said, directions: Sequence[str]) -> Tree:
    return {"factor": factor, "odds": Said(dict(zip(directions, odds.value, strict=False)), odds.origin)}


def _unchanged(odds: Said, factor: Said) -> bool:
    return bool(factor.value == [1, 1] or odds.value[2] == sum(odds.value))


def _methods(options: Options, which: str) -> Tree:
    if not options.redux:
        return {"method": _AREA, "clip": False}
    modes = options.take("resize_mode_list", among(tuple(MODES)), which)
    odds = options.weights("resize_mode_prob", len(modes.value), which)
    method = {MODES[mode]: weight for mode, weight in zip(modes.value, odds.value, strict=True)}
    return {"method": Said(method, f"{modes.origin}, {_last(odds)}"), "antialias": True}


def _noisy(options: Options, second: str) -> list[Tree]:
    normal, gray = (
        options.share_of("gaussian_noise_prob", second),
        options.share_of("gray_noise_prob", second),
    )
    sigma, scale = options.range_of("noise_range", second), options.range_of("poisson_scale_range", second)
    kind = Said({"color": round(1 - gray.value, 12), "gray": gray.value}, gray.origin)
    steps: tuple[Tree, Tree] = (
        {"op": "gaussian_noise", "sigma": sigma, "kind": kind},
        {"op": "poisson_noise", "scale": scale, "gray": gray},
    )
    weights = (normal.value, round(1 - normal.value, 12))
    does = [
        weight > 0 and max(drawn.value) > 0 for weight, drawn in zip(weights, (sigma, scale), strict=True)
    ]
    branches = [
        {"weight": Said(weight, normal.origin), "steps": [step] if done else []}
        for weight, step, done in zip(weights, steps, does, strict=True)
        if weight > 0
    ]
    return [{"op": "one_of", "branches": branches}] if any(does) else []


def _compressed(options: Options, second: str) -> list[Tree]:
    chance = options.share_of("jpeg_prob", second) if options.redux else Said(1, "")
    quality = options.range_of("jpeg_range", second)
    return _maybe(chance, [{"op": "jpeg", "quality": quality, "variant": "diffjpeg"}])


def _rung(options: Options) -> list[Tree]:
    chance = options.share_of("final_sinc_prob")
    size = options.range_of("final_kernel_range") if options.redux else [7, 21]
    return _maybe(chance, [{"op": "blur", "shape": "sinc", "size": size, "cutoff": _NARROW, "clip": False}])


def _maybe(chance: Said, steps: Iterable[Tree]) -> list[Tree]:
    if chance.value == 0:
        return []
    return list(steps) if chance.value == 1 else [{"op": "maybe", "p": chance, "steps": list(steps)}]


def _last(said: Said) -> str:
    """The name of an option without its place."""
    return said.origin.rpartition(".")[2]
