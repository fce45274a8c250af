"""`evaluate`: a folder of SR images, or the bicubic baseline, against the HR images of a set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from srdata.colour import luma
from srdata.errors import UsageError
from srdata.images import Pixels, probe
from srdata.metrics.measures import Task, Wanted, find_measures
from srdata.metrics.names import match_sr
from srdata.metrics.planes import compared, corner
from srdata.metrics.protocols import DEFAULT, PROTOCOLS, PUBLISHED_BICUBIC, Protocol, find_protocol
from srdata.metrics.references import References, find_references, read_as_stored, size_of
from srdata.metrics.result import Column, Definition, Evaluation
from srdata.metrics.score import AnyScale, peak_ratio
from srdata.metrics.structure import structural_similarity
from srdata.progress import progress
from srdata.scale import Scale
from srdata.train.folders import images_by_name

ALL = "all"
_DECIBELS, _SHARES = 4, 4  # digits

Protocols = str | Protocol | Sequence[str | Protocol]
Numbers = dict[tuple[str, str], list[float]]  # by definition and quantity


@dataclass(frozen=True)
class Pair:
    """An SR image and its HR image, read when they are needed; a protocol may want them made its own way."""

    key: str
    sr_size: tuple[int, int]  # height, width
    hr_size: tuple[int, int]
    read: Callable[[Protocol | None], tuple[Pixels, Pixels]]


def evaluate(
    sr_dir: str | Path,
    set: str | Path = "set5",
    scale: AnyScale = 4,
    protocol: Protocols = DEFAULT,
    *,
    hr: str | Path | None = None,
    name: str | None = None,
    measures: Sequence[str | Task] = (),
    weights: Mapping[str, str | Path] | None = None,
    root: str | Path = "data",
    from_dir: str | Path | None = None,
    split: str | None = None,
) -> Evaluation:
    """PSNR and SSIM of the SR images in `sr_dir` under one or more protocols, and their means.

    HR are the images of the folder `hr`; else of `set`, which is a prepared set, a folder (`HR/` in it is
    found), or the name of a data set, taken from `from_dir` or downloaded below `root`. `split` is by default
    test, else validation, else train. SR files are found by the names of HR files in theirs, or by `name`,
    such as "{key}_x4_SR". `protocol="all"` takes every protocol that the sizes allow. `measures` are names of
    `srdata.metrics.measures`, whose `weights` are files of yours by role, or functions of SR, HR and key that
    give a number; pixels are (height, width, 3) uint8.

    Raises UsageError listing every image that is missing, not of this set or of a wrong size,
    UnknownNameError, MissingExtraError, SetError, SourceError.
    """
    exact = Scale(scale)
    found = find_references(set, exact, hr=hr, root=root, from_dir=from_dir, split=split)
    paths = sr_files(sr_dir, found.keys, name)
    pairs = [
        Pair(key, size_of(probe(path)), found.size(key), partial(_stored, path, found, key))
        for key, path in paths.items()
    ]
    return score(f"{sr_dir} of {found.name}", pairs, exact, protocol, find_measures(measures, weights))


def evaluate_bicubic(
    set: str | Path = "set5",
    scale: AnyScale = 4,
    protocol: Protocols = PUBLISHED_BICUBIC,
    *,
    hr: str | Path | None = None,
    measures: Sequence[str | Task] = (),
    weights: Mapping[str, str | Path] | None = None,
    root: str | Path = "data",
    from_dir: str | Path | None = None,
    split: str | None = None,
) -> Evaluation:
    """`evaluate` for LR enlarged by MATLAB's bicubic.

    LR is that of a prepared set, else MATLAB's bicubic of HR, with the border of the published LR where it is
    known. The default protocol reproduces the bicubic rows of published tables: there both resizings are of
    the Y channel, and LR is not rounded.
    """
    exact = Scale(scale)
    found = find_references(set, exact, hr=hr, root=root, from_dir=from_dir, split=split)
    pairs = [_bicubic_pair(found, key, exact) for key in found.keys]
    return score(f"bicubic of {found.name}", pairs, exact, protocol, find_measures(measures, weights))


def evaluate_alone(
    sr_dir: str | Path,
    measures: Sequence[str | Task],
    weights: Mapping[str, str | Path] | None = None,
) -> Evaluation:
    """The images of a folder without any HR, by measures that need none, such as niqe; raises UsageError."""
    wanted = find_measures(measures, weights)
    needing = [one.name for one in wanted if one.needs_hr] if wanted else ["PSNR and SSIM"]
    if needing:
        raise UsageError(f"HR images are missing for {', '.join(needing)}: give --set or --hr")
    paths = images_by_name(Path(sr_dir))
    pairs = [Pair(key, (0, 0), (0, 0), partial(_alone, path)) for key, path in paths.items()]
    return score(str(sr_dir), pairs, Scale(1), (), wanted)


def sr_files(sr_dir: str | Path, keys: Sequence[str], name: str | None = None) -> dict[str, Path]:
    """The SR file of each key; raises UsageError that lists all that is missing or not of this set."""
    folder = Path(sr_dir)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the one with the SR images")
    files = images_by_name(folder)
    try:
        return {key: files[file] for key, file in match_sr(keys, files, name).items()}
    except UsageError as error:
        raise UsageError(f"{folder}: {error}") from error


def score(
    title: str, pairs: Sequence[Pair], scale: Scale, protocol: Protocols, measures: Sequence[Wanted]
) -> Evaluation:
    """The numbers of all pairs; raises UsageError with every pair whose sizes do not fit."""
    protocols, notes = _fitting(pairs, scale, protocol)
    numbers: Numbers = {}
    with progress(f"evaluate {title}", len(pairs), "images") as advance:
        for pair in pairs:
            _score_pair(pair, scale, protocols, measures, numbers)
            advance(1)
    columns = tuple(_column(by, quantity, values) for (by, quantity), values in numbers.items())
    told = [Definition(one.name, one.what, one.source) for one in protocols]
    told += [Definition(one.name, one.what, one.source) for one in measures]
    keys = tuple(pair.key for pair in pairs)
    return Evaluation(title, scale.label, keys, columns, tuple(told), tuple(notes))


def _score_pair(
    pair: Pair, scale: Scale, protocols: Iterable[Protocol], measures: Sequence[Wanted], numbers: Numbers
) -> None:
    known: dict[Protocol, tuple[float, float | None]] = {}  # many protocols see one file in the same way
    for rules in protocols:
        same = replace(rules, name="", what="", source="", rounding="round")  # files have 8 bits already
        if same not in known:
            known[same] = _protocol_numbers(*pair.read(rules), rules, scale)
        for quantity, value in zip(("PSNR", "SSIM"), known[same], strict=True):
            if value is not None:
                numbers.setdefault((rules.name, quantity), []).append(value)
    if measures:
        sr, hr = (np.broadcast_to(image, (*image.shape[:2], 3)) for image in pair.read(None))
        for one in measures:
            value = one.task(sr, hr[: sr.shape[0], : sr.shape[1]], pair.key)
            numbers.setdefault((one.name, one.name), []).append(float(value))


def _protocol_numbers(sr: Pixels, hr: Pixels, rules: Protocol, scale: Scale) -> tuple[float, float | None]:
    planes = compared(sr, hr, rules, scale)
    return float(peak_ratio(*planes, rules)), float(structural_similarity(*planes)) if rules.ssim else None


def _column(by: str, quantity: str, values: Sequence[float]) -> Column:
    if quantity == "PSNR":
        return Column(by, quantity, "dB", _DECIBELS, tuple(values))
    return Column(by, quantity, "", _SHARES, tuple(values))


def _fitting(pairs: Sequence[Pair], scale: Scale, wanted: Protocols) -> tuple[list[Protocol], list[str]]:
    """The protocols to score under, and notes on those that "all" does not reach."""
    if wanted != ALL:
        several = [wanted] if isinstance(wanted, str | Protocol) else wanted
        protocols = [find_protocol(one) if isinstance(one, str) else one for one in several]
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


def _problems(pairs: Iterable[Pair], rules: Protocol, scale: Scale) -> list[str]:
    problems = []
    for pair in pairs:
        try:
            corner(pair.sr_size, pair.hr_size, rules, scale)
        except UsageError as error:
            problems.append(f"{pair.key}: {error}")
    return problems


def _stored(path: Path, found: References, key: str, rules: Protocol | None) -> tuple[Pixels, Pixels]:
    return read_as_stored(path), found.read(key)


def _alone(path: Path, rules: Protocol | None) -> tuple[Pixels, Pixels]:
    pixels = read_as_stored(path)
    return pixels, pixels


def _bicubic_pair(found: References, key: str, scale: Scale) -> Pair:
    height, width = map(scale.crop, found.size(key))
    return Pair(key, (height, width), (height, width), partial(_bicubic, found, key, scale))


def _bicubic(found: References, key: str, scale: Scale, rules: Protocol | None) -> tuple[Pixels, Pixels]:
    hr = found.read(key)
    height, width = map(scale.crop, hr.shape[:2])
    hr = hr[:height, :width]
    if rules is None or rules.bicubic == "rgb":
        return found.resized(found.lr(key, hr, scale), height, width), hr
    y = luma(hr / 255, axis=-1) if hr.shape[2] == 3 else hr / 255
    levels = (y * 255).round()
    low = found.resized(levels / 255, scale.lr(height), scale.lr(width))
    high = found.resized(low, height, width)
    return (high.clip(0, 1) * 255).round().astype(np.uint8), levels.astype(np.uint8)
