"""`evaluate`: a folder of SR images, or the bicubic baseline, against the HR images of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from srdata.colour import luma
from srdata.discovery.named_files import images_by_name
from srdata.errors import UsageError, given_path
from srdata.images import ImagePolicy, Pixels, check_same_way, probe
from srdata.metrics.measures.measure_table import Task, find_measures
from srdata.metrics.pair_scores import ComparedPair, Protocols, score
from srdata.metrics.protocols import DEFAULT, Protocol
from srdata.metrics.psnr_ssim import AnyScale
from srdata.metrics.references import References, find_references, read_as_stored
from srdata.metrics.result import Evaluation
from srdata.metrics.sr_names import match_sr
from srdata.resize import imresize
from srdata.scale import Scale

_LEVELS = {"y": (0, 255), "y_studio": (16, 235)}  # that an enlarged Y is clipped to


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
    images: ImagePolicy | None = None,
) -> Evaluation:
    """PSNR and SSIM of the SR images in `sr_dir` under one or more protocols, and their means.

    HR are the images of the folder `hr`; else of `set`, which is a prepared set, a folder (`HR/` in it is
    found), or the name of a data set, taken from `from_dir` or downloaded below `root`. `split` is by default
    test, else validation, else train. SR files are found by the names of HR files in theirs, or by `name`,
    such as "{key}_x4_SR". `protocol="all"` takes every protocol that the sizes allow. `images` says how SR
    and HR files that are not plain 8-bit RGB are read. `measures` are names of
    `srdata.metrics.measures`, whose `weights` are files of yours by role, or functions of SR, HR and key that
    give a number; pixels are (height, width, 3) uint8.

    Raises UsageError listing every image that is missing, not of this set or of a wrong size,
    UnknownNameError, MissingExtraError, SetError, SourceError; ImageError, which is one, for an SR file that
    fits its HR image only if the EXIF orientation of one of them is not applied.
    """
    exact = Scale(scale)
    sr_dir = given_path(sr_dir)  # before a data set is downloaded
    found = find_references(set, exact, hr=hr, root=root, from_dir=from_dir, split=split, images=images)
    paths = sr_files(sr_dir, found.keys, name)
    pairs = [_stored_pair(key, path, images, found) for key, path in paths.items()]
    return score(f"{sr_dir} of {found.name}", pairs, exact, protocol, find_measures(measures, weights))


def evaluate_bicubic(
    set: str | Path = "set5",
    scale: AnyScale = 4,
    protocol: Protocols = DEFAULT,
    *,
    hr: str | Path | None = None,
    measures: Sequence[str | Task] = (),
    weights: Mapping[str, str | Path] | None = None,
    root: str | Path = "data",
    from_dir: str | Path | None = None,
    split: str | None = None,
    images: ImagePolicy | None = None,
) -> Evaluation:
    """`evaluate` for LR enlarged by MATLAB's bicubic.

    LR is that of a prepared set, else MATLAB's bicubic of HR, with the border of the published LR where it is
    known. The default protocol is that of `evaluate`, so that the two can be compared. protocol="published"
    reproduces the bicubic rows of published tables: there both resizings are of the Y channel, LR is not
    rounded, and the result is clipped to 16–235.
    """
    exact = Scale(scale)
    found = find_references(set, exact, hr=hr, root=root, from_dir=from_dir, split=split, images=images)
    pairs = [_bicubic_pair(found, key, exact) for key in found.keys]
    return score(f"bicubic of {found.name}", pairs, exact, protocol, find_measures(measures, weights))


def evaluate_alone(
    sr_dir: str | Path,
    measures: Sequence[str | Task],
    weights: Mapping[str, str | Path] | None = None,
    images: ImagePolicy | None = None,
) -> Evaluation:
    """The images of a folder without any HR, by measures that need none, such as niqe; raises UsageError."""
    wanted = find_measures(measures, weights)
    needing = [one.name for one in wanted if one.needs_hr] if wanted else ["PSNR and SSIM"]
    if needing:
        raise UsageError(f"HR images are missing for {', '.join(needing)}: give --set or --hr")
    paths = images_by_name(given_path(sr_dir))
    pairs = [ComparedPair(key, (0, 0), (0, 0), partial(_alone, path, images)) for key, path in paths.items()]
    return score(str(sr_dir), pairs, Scale(1), (), wanted)


def sr_files(sr_dir: str | Path, keys: Sequence[str], name: str | None = None) -> dict[str, Path]:
    """The SR file of each key; raises UsageError that lists all that is missing or not of this set."""
    folder = given_path(sr_dir)
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the one with the SR images")
    files = images_by_name(folder)
    try:
        return {key: files[file] for key, file in match_sr(keys, files, name).items()}
    except UsageError as error:
        raise UsageError(f"{folder}: {error}") from error


def _stored_pair(key: str, path: Path, images: ImagePolicy | None, found: References) -> ComparedPair:
    """SR of a file with its HR; raises ImageError where the two fit only if one is not turned."""
    info, turn = probe(path), found.turn(key)
    read = partial(_stored, path, images, found, key)
    if info.orientation != turn:
        sr, hr = read(None)
        check_same_way(hr, sr, (turn, info.orientation), (f"HR image {key}", path))
    return ComparedPair(key, info.size, found.size(key), read)


def _stored(
    path: Path, images: ImagePolicy | None, found: References, key: str, rules: Protocol | None
) -> tuple[Pixels, Pixels]:
    return read_as_stored(path, images), found.read(key)


def _alone(path: Path, images: ImagePolicy | None, rules: Protocol | None) -> tuple[Pixels, Pixels]:
    pixels = read_as_stored(path, images)
    return pixels, pixels


def _bicubic_pair(found: References, key: str, scale: Scale) -> ComparedPair:
    height, width = map(scale.crop, found.size(key))
    return ComparedPair(key, (height, width), (height, width), partial(_bicubic, found, key, scale))


def _bicubic(found: References, key: str, scale: Scale, rules: Protocol | None) -> tuple[Pixels, Pixels]:
    hr = found.read(key)
    height, width = map(scale.crop, hr.shape[:2])
    hr = hr[:height, :width]
    if rules is None or rules.bicubic == "rgb":
        return found.resized(found.lr(key, hr, scale), height, width), hr
    y = luma(hr / 255, axis=-1) if hr.shape[2] == 3 else hr / 255
    levels = (y * 255).round()
    low = imresize(levels / 255, size=(scale.lr(height), scale.lr(width)))  # by no publisher of LR files
    high = imresize(low, size=(height, width)) * 255
    return high.clip(*_LEVELS[rules.bicubic]).round().astype(np.uint8), levels.astype(np.uint8)
