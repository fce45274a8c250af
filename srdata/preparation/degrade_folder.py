"""`degrade_files`: HR images in, pairs out, with a line of JSON for each that says what was drawn."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from srdata.common.files import PART, write_file
from srdata.common.free_space import Need, check_room
from srdata.common.output_paths import check_folder, check_output, file_ids
from srdata.common.progress import progress
from srdata.common.wording.amounts import how_many
from srdata.degrade.chain import Chain, load_chain
from srdata.degrade.whole_images import Degraded, degrade, scale_of
from srdata.discovery.by_name.image_sizes import size_or_none
from srdata.discovery.found_parts import key_problem
from srdata.discovery.image_bytes import ImageFile, pixels_of
from srdata.discovery.known_forms import find_parts
from srdata.errors import ImageError, SourceError, UsageError, given_path
from srdata.images import ImagePolicy, write_png
from srdata.preparation.beforehand.disk_need import share_of
from srdata.preparation.existing_pairs import parts_at
from srdata.scale import Scale
from srdata.store.blocks import CHANNELS
from srdata.store.export_json import DELTAS_FILE


class HrFile(NamedTuple):
    """An HR image, and the key that names it in draws and results."""

    key: str
    source: ImageFile


def degrade_files(
    source: Path,
    target: Path,
    degradation: str | Path | dict[str, Any] | list[Any] | Chain = "bicubic",
    scale: Scale | float | str | None = None,
    seed: int = 0,
    policy: ImagePolicy | None = None,
) -> list[Path]:
    """Degrade an image file, or every HR image of a folder, to PNG files below the folder `target`.

    The LR of `source/a/b.jpg` becomes `target/lr/a/b.png`, and a line of `target/deltas.jsonl` holds its key,
    scale, seed and δ. Where the degradation alters HR (Real-ESRGAN sharpens it) or HR is cut to what LR
    covers, the HR of all images is written too, as `target/hr/a/b.png`. LR images that stand in `source` are
    not degraded. Gives the LR files. A bad image is named in an ImageError at the end, after the others are
    written. Raises UsageError before that where a file would be written over one that is there.
    """
    source, target = given_path(source), given_path(target)
    chain = load_chain(degradation)
    scale = scale_of(chain, None if scale is None else Scale(scale))
    jobs = _jobs(source, scale)
    with_hr = bool(chain.hr or chain.target) or any(map(_is_cut, jobs, [scale] * len(jobs)))
    _refuse_overwriting(target, jobs, with_hr)
    check_room(target, _need(jobs, scale, with_hr, policy), "OUT")
    _remove_halves(target, jobs)
    _note(target, [{"key": job.key} for job in jobs])  # by which a run that goes on knows its own
    drawn, paths, bad = [], [], []
    with progress("degrade", len(jobs), "images") as advance:
        for job in jobs:
            try:
                made = _made(job, chain, scale, seed, policy)
            except ImageError as error:
                bad.append(str(error))
            else:
                paths.append(_write(target, job, made, with_hr))
                drawn.append({"key": job.key, "scale": str(scale), "seed": seed, "delta": made.delta})
            advance(1)
    _note(target, drawn)
    if bad:
        raise ImageError("\n".join(bad))
    return paths


def taken_by(source: Path, target: Path, paths: Sequence[Path]) -> str:
    """What was written, and the command that prepares the pairs."""
    if (target / "hr").is_dir():
        return f"{target}: {how_many(len(paths), 'pair')} in hr and lr"
    if source.is_file():
        return f"{target}: {how_many(len(paths), 'file')} in lr"
    above = Path(os.path.commonpath([source.resolve(), target.resolve()]))
    hr, lr = (os.path.relpath(path.resolve(), above) for path in (source, target / "lr"))
    words = ("prepare", os.path.relpath(above), "--hr", hr if hr != "." else "./{key}", "--lr", lr)
    files = how_many(len(paths), "LR file")
    return f"{target}: {files} of the HR images in {source}: srdata {shlex.join(words)} takes both"


def _remove_halves(target: Path, jobs: Sequence[HrFile]) -> None:
    """Delete the files that a killed run was writing."""
    results = {_path(target, side, job.key) for side in ("hr", "lr") for job in jobs}
    for half in target.rglob(f"*{PART}*"):
        if half.with_name(half.name.rpartition(PART)[0]) in {*results, target / DELTAS_FILE}:
            half.unlink()


def _note(target: Path, facts: list[dict[str, Any]]) -> None:
    write_file(target / DELTAS_FILE, "".join(json.dumps(one) + "\n" for one in facts).encode())


def _jobs(source: Path, scale: Scale) -> list[HrFile]:
    """The HR images of a folder (or the one file) with keys; raises UsageError for none, and for twins."""
    if source.is_file() and source.suffix not in (".tar", ".h5", ".hdf5", ".parquet"):
        return [HrFile(source.stem, source)]
    jobs: list[HrFile] = []
    for part in parts_at(find_parts(source).parts, [scale]):
        if problem := key_problem(part.hr):
            raise SourceError(problem)
        jobs += [HrFile(key, file) for key, file in part.hr.images.items()]
    if not jobs:
        raise UsageError(f"{source}: has HR images of its own for each scale, and none for {scale.label}")
    first: dict[str, ImageFile] = {}
    for job in jobs:
        if (there := first.setdefault(job.key, job.source)) is not job.source:
            raise UsageError(f"{job.source} and {there} would get one name; rename one of them")
    return jobs


def _need(jobs: Sequence[HrFile], scale: Scale, with_hr: bool, policy: ImagePolicy | None) -> Need:
    """What the files take on disk."""
    sizes = [size for job in jobs if (size := size_or_none(job.source)) is not None]
    scales = (Scale(1), scale) if with_hr else (scale,)
    raw = CHANNELS * sum(one.lr(h) * one.lr(w) for h, w in sizes for one in scales)
    return Need(raw, partial(share_of, [job.source for job in jobs], policy))


def _is_cut(job: HrFile, scale: Scale) -> bool:
    """Whether LR does not cover all of an image."""
    size = size_or_none(job.source)
    return size is not None and any(side != scale.crop(side) for side in size)


def _refuse_overwriting(target: Path, jobs: Sequence[HrFile], with_hr: bool) -> None:
    """Raise UsageError where a result has the path of a file of the user's, or old HR would face new LR."""
    check_folder(target, "OUT")
    read = file_ids(job.source for job in jobs if isinstance(job.source, Path))
    known = _degraded(target / DELTAS_FILE)
    check_output(target / DELTAS_FILE, read, known is not None, "OUT")
    for job in jobs:
        hr, lr = (_path(target, side, job.key) for side in ("hr", "lr"))
        for path in (hr, lr) if with_hr else (lr,):
            check_output(path, read, job.key in (known or ()), "OUT")
        if not with_hr and job.key in (known or ()) and hr.exists() and not file_ids([hr]) & read:
            raise UsageError(
                f"{hr} is of an earlier run with another degradation: give another OUT, or delete it"
            )


def _degraded(deltas: Path) -> set[str] | None:
    """The keys of the images that were degraded to that folder before; None where its notes are no such."""
    try:
        return {json.loads(line)["key"] for line in deltas.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(target: Path, side: str, key: str) -> Path:
    return target / side / f"{key}.png"


def _made(job: HrFile, chain: Chain, scale: Scale, seed: int, policy: ImagePolicy | None) -> Degraded:
    image = pixels_of(job.source, policy)
    height, width = image.shape[:2]
    if not scale.crop(height) or not scale.crop(width):
        size = f"{width}x{height}"
        raise ImageError(f"{job.source}: {size} is smaller than an LR pixel at {scale.label}; leave it out")
    return degrade(image, chain, scale, seed, job.key)


def _write(target: Path, job: HrFile, made: Degraded, with_hr: bool) -> Path:
    path = _path(target, "lr", job.key)
    write_png(path, made.lr)
    if with_hr:
        write_png(_path(target, "hr", job.key), made.hr)
    return path
