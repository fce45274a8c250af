"""Image files in, LR files out, with a line of JSON for each that says what was drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from srdata.common.files import write_file
from srdata.common.output_paths import check_folder, check_output, file_ids
from srdata.degrade.chain import Chain, load_chain
from srdata.degrade.whole_images import Degraded, degrade, scale_of
from srdata.errors import ImageError, UsageError
from srdata.images import ImagePolicy, list_images, read_image, write_png
from srdata.scale import Scale

DELTAS_FILE = "deltas.jsonl"


class Job(NamedTuple):
    """An image file, and the key that names it in draws and results: its path without the suffix."""

    key: str
    source: Path


def degrade_files(
    source: Path,
    target: Path,
    degradation: str | Path | dict[str, Any] | list[Any] | Chain = "bicubic",
    scale: Scale | float | None = None,
    seed: int = 0,
    policy: ImagePolicy | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Degrade an image file, or every image below a folder, to PNG files in the folder `target`.

    The LR of `source/a/b.jpg` becomes `target/a/b.png`, and a line of `target/deltas.jsonl` holds its key,
    scale, seed and δ. Where the degradation alters HR (Real-ESRGAN sharpens it), that HR is written beside it
    as `target/a/b-hr.png`. A bad image is named in an ImageError at the end, after the others are written.
    Raises UsageError before that where a file would be written over an image of `source`, or over another.
    """
    chain = load_chain(degradation)
    scale = scale_of(chain, scale)
    jobs = find_jobs(source)
    _refuse_overwriting(target, jobs, bool(chain.hr))
    lines, paths, bad = [], [], []
    for done, job in enumerate(jobs):
        progress(done, len(jobs))
        try:
            made = _made(job, chain, scale, seed, policy)
        except ImageError as error:
            bad.append(str(error))
            continue
        paths.append(_write(target, job, made, bool(chain.hr)))
        lines.append(json.dumps({"key": job.key, "scale": str(scale), "seed": seed, "delta": made.delta}))
    progress(len(jobs), len(jobs))
    write_file(target / DELTAS_FILE, "".join(f"{line}\n" for line in lines).encode())
    if bad:
        raise ImageError("\n".join(bad))
    return paths


def find_jobs(source: Path) -> list[Job]:
    """The image files of a folder (or the one file), with keys; UsageError if none, or if two keys agree."""
    if source.is_file():
        return [Job(source.stem, source)]
    jobs = [Job(path.relative_to(source).with_suffix("").as_posix(), path) for path in list_images(source)]
    if not jobs:
        raise UsageError(f"{source}: holds no images")
    first: dict[str, Path] = {}
    for job in jobs:
        if first.setdefault(job.key, job.source) != job.source:
            raise UsageError(f"{job.source} and {first[job.key]} would get one name; rename one of them")
    return jobs


def _refuse_overwriting(target: Path, jobs: list[Job], with_hr: bool) -> None:
    """Raise UsageError where two results have one path, or one that of a file of the user's."""
    check_folder(target, "OUT")
    read, known = file_ids(job.source for job in jobs), _degraded(target / DELTAS_FILE)
    check_output(target / DELTAS_FILE, read, known is not None, "OUT")
    results = {_lr_path(target, job) for job in jobs}
    for job in jobs:
        lr = _lr_path(target, job)
        hr = _hr_path(lr)
        for path in (lr, hr) if with_hr else (lr,):
            check_output(path, read, job.key in (known or ()), "OUT")
        if with_hr and hr in results:
            raise UsageError(f"{hr} would hold both an LR image and the HR of {job.source}; rename one")


def _degraded(deltas: Path) -> set[str] | None:
    """The keys of the images that were degraded to that folder before; None where its notes are no such."""
    try:
        return {json.loads(line)["key"] for line in deltas.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _lr_path(target: Path, job: Job) -> Path:
    return target / f"{job.key}.png"


def _hr_path(lr: Path) -> Path:
    return lr.with_name(f"{lr.stem}-hr.png")


def _made(job: Job, chain: Chain, scale: Scale, seed: int, policy: ImagePolicy | None) -> Degraded:
    image = read_image(job.source, policy)
    height, width = image.shape[:2]
    if not scale.crop(height) or not scale.crop(width):
        size = f"{width}x{height}"
        raise ImageError(f"{job.source}: {size} is smaller than an LR pixel at {scale.label}; leave it out")
    return degrade(image, chain, scale, seed, job.key)


def _write(target: Path, job: Job, made: Degraded, with_hr: bool) -> Path:
    path = _lr_path(target, job)
    write_png(path, made.lr)
    if with_hr:
        write_png(_hr_path(path), made.hr)
    return path
