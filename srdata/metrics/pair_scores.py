"""Numbers of pairs of images under protocols and measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from srdata.common.progress import counted
from srdata.errors import UsageError
from srdata.images import Pixels
from srdata.metrics.compared_planes import compared, corner
from srdata.metrics.measures.measure_table import WantedMeasure
from srdata.metrics.plane_scores import scores
from srdata.metrics.protocols import PROTOCOLS, Protocol, find_protocol
from srdata.metrics.result import Column, Definition, Evaluation
from srdata.scale import Scale

ALL = "all"
_DECIBELS, _SHARES = 4, 4  # digits

Protocols = str | Protocol | Sequence[str | Protocol]
Numbers = dict[tuple[str, str], list[float]]  # by definition and quantity


@dataclass(frozen=True)
class ComparedPair:
    """An SR image and its HR image, read when they are needed; a protocol may want them made its own way."""

    key: str
    sr_size: tuple[int, int]  # height, width
    hr_size: tuple[int, int]
    read: Callable[[Protocol | None], tuple[Pixels, Pixels]]


def score(
    title: str,
    pairs: Sequence[ComparedPair],
    scale: Scale,
    protocol: Protocols,
    measures: Sequence[WantedMeasure],
) -> Evaluation:
    """The numbers of all pairs; raises UsageError with every pair whose sizes do not fit."""
    protocols, notes = _fitting(pairs, scale, protocol)
    _refuse_twins([one.name for one in protocols] + [one.name for one in measures])
    numbers: Numbers = {}
    for pair in counted(pairs, f"evaluate {title}", len(pairs)):
        _score_pair(pair, scale, protocols, measures, numbers)
    columns = tuple(_column(by, quantity, values) for (by, quantity), values in numbers.items())
    told = [Definition(one.name, one.what, one.source) for one in protocols]
    told += [Definition(one.name, one.what, one.source) for one in measures]
    keys = tuple(pair.key for pair in pairs)
    return Evaluation(title, scale.label, keys, columns, tuple(told), tuple(notes))


def _score_pair(
    pair: ComparedPair,
    scale: Scale,
    protocols: Iterable[Protocol],
    measures: Sequence[WantedMeasure],
    numbers: Numbers,
) -> None:
    known: dict[Protocol, tuple[float, float | None]] = {}  # many protocols see one file in the same way
    for rules in protocols:
        same = replace(rules, name="", what="", source="", rounding="round")  # files have 8 bits already
        if same not in known:
            known[same] = _protocol_numbers(pair, rules, scale)
        for quantity, value in zip(("PSNR", "SSIM"), known[same], strict=True):
            if value is not None:
                numbers.setdefault((rules.name, quantity), []).append(value)
    if measures:
        sr, hr = map(_in_rgb, pair.read(None))
        for one in measures:
            value = one.task(sr, hr[: sr.shape[0], : sr.shape[1]], pair.key)
            numbers.setdefault((one.name, one.name), []).append(float(value))


def _in_rgb(image: Pixels) -> Pixels:
    return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)


def _protocol_numbers(pair: ComparedPair, rules: Protocol, scale: Scale) -> tuple[float, float | None]:
    planes = compared(*pair.read(rules), rules, scale)
    try:
        psnr, ssim = scores(planes, rules.ssim)
    except UsageError as error:  # too small for SSIM
        remedy = "leave that image out, or take a protocol without SSIM, such as edsr_y_diff"
        raise UsageError(f"{pair.key}: {error}: {remedy}") from error
    return float(psnr), float(ssim) if rules.ssim else None


def _column(by: str, quantity: str, values: Sequence[float]) -> Column:
    if quantity == "PSNR":
        return Column(by, quantity, "dB", _DECIBELS, tuple(values))
    return Column(by, quantity, "", _SHARES, tuple(values))


def _fitting(
    pairs: Sequence[ComparedPair], scale: Scale, wanted: Protocols
) -> tuple[list[Protocol], list[str]]:
    """The protocols to score under, and notes on those that "all" does not reach."""
    if wanted != ALL:
        several = wanted if isinstance(wanted, Sequence) and not isinstance(wanted, str) else [wanted]
        protocols = [one if isinstance(one, Protocol) else find_protocol(one) for one in several]
        problems = [problem for one in protocols for problem in _problems(pairs, one, scale)]
        if problems:
            raise UsageError(f"sizes do not fit: {'; '.join(dict.fromkeys(problems))}")
        return protocols, []
    fitting, notes = [], []
    for one in PROTOCOLS.values():
        if one.place == "centre" and any(pair.sr_size != pair.hr_size for pair in pairs):
            notes.append(f"{one.name} is left out: it crops HR in the centre, and SR here is smaller than HR")
        else:
            fitting.append(one)
    first = _problems(pairs, fitting[0], scale)
    if first:
        raise UsageError(f"sizes do not fit: {'; '.join(first)}")
    return fitting, notes


def _refuse_twins(names: Iterable[str]) -> None:
    twins = [name for name, count in Counter(names).items() if count > 1]
    if twins:
        raise UsageError(
            f"several numbers are called {', '.join(twins)}: name each protocol and measure once"
        )


def _problems(pairs: Iterable[ComparedPair], rules: Protocol, scale: Scale) -> list[str]:
    problems = []
    for pair in pairs:
        try:
            corner(pair.sr_size, pair.hr_size, rules, scale)
        except UsageError as error:
            problems.append(f"{pair.key}: {error}")
    return problems
