"""What the command `evaluate` is asked for: scales, SR images or a baseline, with HR or without."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srdata.cli.options import see_modules_here
from srdata.errors import UsageError
from srdata.images import ImagePolicy
from srdata.metrics.evaluation import evaluate, evaluate_alone, evaluate_bicubic
from srdata.metrics.pair_scores import ALL
from srdata.metrics.protocols import DEFAULT
from srdata.metrics.result import Evaluation
from srdata.scale import Scale


def evaluations(
    *,
    sr_dir: Path | None,
    set_: str | None,
    scales: Sequence[Scale],
    protocols: Sequence[str],
    all_protocols: bool,
    hr: Path | None,
    name: str | None,
    baseline: str | None,
    measures: Sequence[str],
    weights: Sequence[str],
    split: str | None,
    root: Path,
    from_dir: Path | None,
    images: ImagePolicy,
) -> list[Evaluation]:
    """An evaluation for each scale; raises UsageError for a request that does not make sense."""
    see_modules_here()
    files = dict(map(_role, weights))
    if (sr_dir is None) == (baseline is None):
        raise UsageError("give either SR_DIR, the folder of SR images, or --baseline bicubic")
    if sr_dir is not None and set_ is None and hr is None:
        if protocols or all_protocols:
            raise UsageError("a protocol compares SR with HR: give --set or --hr")
        return [evaluate_alone(sr_dir, measures, files, images)]
    if not scales:
        raise UsageError("give --scale, HR size over LR size, such as --scale 4")
    common: dict[str, Any] = {
        "set": set_ or hr,
        "protocol": ALL if all_protocols else protocols or DEFAULT,
        "hr": hr,
        "measures": measures,
        "weights": files,
        "root": root,
        "from_dir": from_dir,
        "split": split,
        "images": images,
    }
    if sr_dir is None:
        return [evaluate_bicubic(scale=scale, **common) for scale in scales]
    folders = [sr_dir] if len(scales) == 1 else [_of_scale(sr_dir, scale) for scale in scales]
    return [
        evaluate(folder, scale=scale, name=name, **common)
        for folder, scale in zip(folders, scales, strict=True)
    ]


def _of_scale(folder: Path, scale: Scale) -> Path:
    """The folder of one scale among several: X4 or x4."""
    names = (f"X{scale}", f"x{scale}")
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    raise UsageError(f"{folder} holds neither {' nor '.join(names)}: give one --scale, or a folder for each")


def _role(text: str) -> tuple[str, str]:
    role, equals, path = text.partition("=")
    if not equals or not path:
        raise UsageError(f"--weights {text}: give ROLE=FILE, such as alexnet=alexnet.pth")
    return role, path
