"""Scores of windows: a number for each window of a set, in a file for each kind of score.

    scores/psnr-x4-480-240-0.parquet    psnr at x4, of windows of 480 pixels every 240, threshold 0

A kind has a file of its own, so that adding one never changes a file that set.json names already.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from srdata.errors import CorruptRecordError, UnknownNameError, UsageError
from srdata.scale import Scale
from srdata.store.set_json import SetFile, add_file, read_set
from srdata.store.tables.parquet_file import write_tables
from srdata.store.windows import Windows
from srdata.vocabulary import Score

SCORES = get_args(Score)
SCORES_FOLDER = "scores"
_FILE = re.compile(rf"{SCORES_FOLDER}/({'|'.join(SCORES)})-x([\d.]+)-(\d+)-(\d+)-(\d+)\.parquet")

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreKind:
    """What was scored and how; raises UnknownNameError for a score that there is not.

    >>> ScoreKind("edges", Scale(4), Windows(size=128, step=64, threshold=48)).file
    'scores/edges-x4-128-64-48.parquet'
    """

    by: str
    scale: Scale
    windows: Windows

    def __post_init__(self) -> None:
        if self.by not in SCORES:
            raise UnknownNameError.among("score", self.by, SCORES)

    @property
    def file(self) -> str:
        """The path of the scores in a set's folder."""
        windows = self.windows
        name = f"{self.by}-{self.scale.label}-{windows.size}-{windows.step}-{windows.threshold}"
        return f"{SCORES_FOLDER}/{name}.parquet"

    @property
    def schema(self) -> pa.Schema:
        """The columns: which window it is, in the order of the index, and its score."""
        return pa.schema(
            [
                ("key", pa.string()),
                ("split", pa.dictionary(pa.int32(), pa.string())),
                ("order", pa.int32()),  # of the window in its image, from 0
                ("top", pa.int32()),  # in HR pixels
                ("left", pa.int32()),
                (self.by, pa.float64()),
            ]
        )


def write_scores(folder: Path, kind: ScoreKind, table: pa.Table) -> None:
    """Add the scores of all windows (of `kind.schema`) to the set in `folder`."""
    write_tables(folder / kind.file, [table], kind.schema)
    add_file(folder, kind.file)


def kinds_of(content: SetFile) -> list[ScoreKind]:
    """The kinds of score that a set has, in the order of SCORES and then of their files."""
    return kinds_in(content.named)


def kinds_in(names: Iterable[str]) -> list[ScoreKind]:
    """The kinds of score among the names of files."""
    found = [match.groups() for name in sorted(names) if (match := _FILE.fullmatch(name))]
    kinds = [
        ScoreKind(by, Scale(scale), Windows(size=int(size), step=int(step), threshold=int(threshold)))
        for by, scale, size, step, threshold in found
    ]
    return sorted(kinds, key=lambda kind: SCORES.index(kind.by))


def read_scores(folder: Path, kind: ScoreKind, split: str) -> Scores:
    """The scores of a split's windows, image by image, row by row.

    Raises UsageError that says how to make them when there are none.
    """
    scores: Scores = read_table(folder, kind, split).column(kind.by).to_numpy()
    return scores


def read_table(folder: Path, kind: ScoreKind, split: str | None = None) -> pa.Table:
    """The windows of a split, or of all, with their scores; raises as `read_scores`."""
    content = read_set(folder)
    if str(kind.scale) not in content.scales:
        raise UsageError(f"{folder} has no scale {kind.scale} to score at: take {', '.join(content.scales)}")
    if kind.file not in content.named:
        raise UsageError(f"{folder} has no {kind.file}: run `{_command(folder, kind)}`")
    try:
        chosen = None if split is None else [("split", "=", split)]
        return pq.read_table(folder / kind.file, filters=chosen, use_threads=False).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        remedy = f"run `{_command(folder, kind)}`"
        raise CorruptRecordError(f"{folder / kind.file} is damaged ({error}): {remedy}") from error


def _command(folder: Path, kind: ScoreKind) -> str:
    windows = kind.windows
    sizes = f"{windows.size} {windows.step} {windows.threshold}"
    where = shlex.quote(str(folder))
    return f"srdata classify {where} --by {kind.by} --scale {kind.scale} --windows {sizes}"
