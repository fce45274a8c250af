"""`classify`: score every window of a prepared set and keep the scores in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from srdata.common.files import PART
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.common.processes.parallel import in_order
from srdata.common.progress import progress
from srdata.difficulty.scorers import MEASURES
from srdata.errors import UsageError, given_path
from srdata.images import Pixels
from srdata.prepared.set_images import PreparedImages
from srdata.scale import Scale
from srdata.store.blocks import HR
from srdata.store.index import Index
from srdata.store.set_json import SET_FILE, has_file
from srdata.store.window_scores import SCORES_FOLDER, ScoreKind, Scores, write_scores
from srdata.store.windows import Integers, Regions, WindowItems, Windows
from srdata.vocabulary import Backend

_TASK = 4  # images: enough for the index, which each task opens, to cost little


@dataclass(frozen=True)
class WindowsTask:
    """Some images of a set whose windows are to be scored."""

    folder: Path
    kind: ScoreKind
    first: int  # row of the index
    last: int  # the row behind the last


def classify(
    path: str | Path,
    by: str = "psnr",
    *,
    windows: Windows | tuple[int, int, int] | None = None,
    scales: Sequence[Scale | int | float | str] = (),
    jobs: int = -1,
    backend: Backend = "loky",
) -> list[ScoreKind]:
    """Score the windows of the prepared set at `path` and keep the scores in it, for `PairedDataset.scores`.

    `by` is one of
        psnr       PSNR of bicubic against HR, in dB, RGB (what ClassSR sorts by, there of a network)
        psnr-y     the same on the Y channel
        edges      mean absolute Laplacian of LR (ARM)
        gradients  mean and deviation of the gradients of LR (WBSR)
        deviation  standard deviation of the grey HR window; 0 is flat
    defined in `srdata.difficulty.scorers`. `windows` (or size, step and threshold) are by default those that
    the set was prepared with, `scales` all that it has; an image that is smaller than a window is one.

    Scores that are there already are left as they are. They are the same, to the byte, for any number of
    `jobs`; the set is whole at every moment, and a run that was interrupted begins anew.

    Raises UsageError when there are no windows or they do not fit a scale, SetError, CorruptRecordError,
    StoreError.
    """
    folder = given_path(path)
    images = PreparedImages(folder)
    kinds = [ScoreKind(by, scale, _windows(images, windows)) for scale in images.chosen(scales)]
    for kind in kinds:
        kind.windows.check(kind.scale)
    with only_one_at(folder.absolute()):
        _remove_parts(folder)
        for kind in kinds:
            images = PreparedImages(folder)
            if not has_file(folder, images.content, kind.file):
                scores = np.concatenate(list(_scored(folder, kind, len(images.index), jobs, backend)))
                write_scores(folder, kind, _table(images.index, kind, scores))
    return kinds


def _windows(images: PreparedImages, windows: Windows | tuple[int, int, int] | None) -> Windows:
    if isinstance(windows, tuple):
        size, step, threshold = windows
        return Windows(size=size, step=step, threshold=threshold)
    chosen = windows or images.content.windows
    if chosen is None:
        raise UsageError(f"{images.folder} was prepared without windows: give some, as --windows 480 240 0")
    return chosen


def _scored(folder: Path, kind: ScoreKind, images: int, jobs: int, backend: Backend) -> Iterator[Scores]:
    tasks = [
        WindowsTask(folder, kind, first, min(first + _TASK, images)) for first in range(0, images, _TASK)
    ]
    with progress(f"{kind.by} at {kind.scale.label}", images, "images") as advance:
        results = in_order(score_images, tasks, jobs=jobs, backend=backend)
        for task, scores in zip(tasks, results, strict=True):
            yield scores
            advance(task.last - task.first)


def score_images(task: WindowsTask) -> Scores:
    """The scores of all windows of some images, in order; raises CorruptRecordError or ImageError."""
    images = PreparedImages(task.folder)
    regions = _regions(images.index, task.kind, slice(task.first, task.last))
    bounds = np.searchsorted(regions.images, np.arange(task.last - task.first + 1))
    scores: list[float] = []
    for number, row in enumerate(range(task.first, task.last)):
        here = slice(bounds[number], bounds[number + 1])
        pair = images.read(row, task.kind.scale.label), images.read(row, HR)
        scores += _score(task.kind, pair, regions.corners[here], regions.sizes[here])
    return np.array(scores, np.float64)


def _score(
    kind: ScoreKind, pair: tuple[Pixels, Pixels], corners: Integers, sizes: Integers
) -> Iterator[float]:
    """The score of every window of one image, LR and HR."""
    cells = kind.scale.denominator, kind.scale.numerator
    for (top, left), (height, width) in zip(corners.tolist(), sizes.tolist(), strict=True):
        lr, hr = (
            image[top * cell : (top + height) * cell, left * cell : (left + width) * cell]
            for image, cell in zip(pair, cells, strict=True)
        )
        yield MEASURES[kind.by].score(lr, hr, kind.scale)


def _regions(index: Index, kind: ScoreKind, rows: slice) -> Regions:
    """The windows of some images, in cells, as the items of a data set."""
    sizes = np.stack([index.heights[rows], index.widths[rows]], axis=-1).astype(np.int64)
    items = WindowItems(kind.windows, sizes, kind.scale)
    return items.regions(np.arange(len(items)))


def _table(index: Index, kind: ScoreKind, scores: Scores) -> pa.Table:
    regions = _regions(index, kind, slice(None))
    codes = np.empty(len(index), np.int32)
    for code, split in enumerate(index.splits):
        codes[index.rows(split)] = code
    tops, lefts = (regions.corners * kind.scale.numerator).T.astype(np.int32)
    split = pa.DictionaryArray.from_arrays(codes[regions.images], list(index.splits))
    orders = np.asarray(regions.orders, np.int32)
    return pa.table([index.keys.take(regions.images), split, orders, tops, lefts, scores], schema=kind.schema)


def _remove_parts(folder: Path) -> None:
    """Delete what a killed run left half written."""
    for pattern in (f"{SCORES_FOLDER}/*{PART}*", f"{SET_FILE}{PART}*"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
