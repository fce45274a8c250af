"""choice.parquet: what became of each image and tile that a set could have been made of.

A row for each image of the training split and each tile that was looked at: whether it was taken, the first
thing that it did not meet, and its scores.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from srdata.common.conditions import number_text
from srdata.errors import CorruptRecordError

CHOICE_FILE = "choice.parquet"
_WORDS = pa.dictionary(pa.int32(), pa.string())
FACTS = pa.schema(
    [
        ("key", pa.string()),  # of the image, or of the tile
        ("image", pa.string()),  # the key of the image that a tile is of; empty for an image itself
        ("kept", pa.bool_()),
        ("why", _WORDS),  # the part of the condition that is not met, or another reason; empty where kept
        ("like", pa.string()),  # what it shows the same as, where that is why; else empty
    ]
)


def choice_schema(scores: Iterable[str]) -> pa.Schema:
    """The columns of a table with these scores."""
    return pa.schema([*FACTS, *(pa.field(name, pa.float64()) for name in scores)])


def choice_scores(folder: Path) -> list[str] | None:
    """The scores in the table of the set in `folder`, None where it has none; raises CorruptRecordError."""
    path = folder / CHOICE_FILE
    if not path.is_file():
        return None
    with _damage(path):
        names: list[str] = pq.read_schema(path).names
    if names[: len(FACTS)] != FACTS.names:
        raise CorruptRecordError(f"{path} is damaged (it has other columns): prepare the set again")
    return names[len(FACTS) :]


def choice_rows(folder: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of the table of the set in `folder`, some at a time; raises CorruptRecordError."""
    if choice_scores(folder) is None:
        return
    with _damage(folder / CHOICE_FILE), pq.ParquetFile(folder / CHOICE_FILE) as file:
        for batch in file.iter_batches(columns=columns, use_threads=False):
            batch.validate(full=True)
            yield pa.Table.from_batches([batch])


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise CorruptRecordError(f"{path} is damaged ({error}): prepare the set again") from error


def counts_of(why: pa.ChunkedArray) -> Counter[str]:
    """How often each reason comes; "" of what was taken."""
    import pyarrow.compute as pc  # takes long, and most sets take all images

    pairs = pc.value_counts(why.cast(pa.string())).to_pylist()
    return Counter({pair["values"] or "": pair["counts"] for pair in pairs})


def not_taken(folder: Path) -> set[str]:
    """The images of its source that are not in the set in `folder` as they are: left out, or cut to tiles."""
    found: set[str] = set()
    for table in choice_rows(folder, ["key", "image", "kept"]):
        keys, images, kept = (table[name].to_pylist() for name in ("key", "image", "kept"))
        found |= {
            key for key, image, taken in zip(keys, images, kept, strict=True) if not image and not taken
        }
        found |= set(images)
    return found - {""}


def choice_of(folder: Path, key: str) -> list[dict[str, Any]]:
    """What became of an image and its tiles, or of a tile, of the set in `folder`; none where it took all.

    `line` says it in words, `cut` whether an image was taken as tiles.
    """
    if choice_scores(folder) is None:
        return []
    import pyarrow.compute as pc  # takes long, and most sets take all images

    rows: list[dict[str, Any]] = []
    for table in choice_rows(folder):
        mine = pc.or_(pc.equal(table["key"], key), pc.equal(table["image"], key))
        rows += table.filter(mine).to_pylist()
    cut = any(row["image"] for row in rows)
    return [_told(row, cut=cut and not row["image"]) for row in rows]


def bad_image(key: str, reason: str) -> dict[str, Any]:
    """The same of an image that could not be used."""
    line = f"{key}: left out: {reason}"
    return {"key": key, "kept": False, "cut": False, "why": reason, "scores": {}, "line": line}


def _told(row: dict[str, Any], cut: bool) -> dict[str, Any]:
    scores = scores_in(row)
    numbers = ", ".join(f"{name} {number_text(value)}" for name, value in scores.items())
    became = f"left out: {why_text(row)}" if row["why"] else "taken, as tiles" if cut else "taken"
    line = f"{row['key']}: {became}" + (f" ({numbers})" if numbers else "")
    told = {"key": row["key"], "kept": row["kept"], "cut": cut, "why": why_text(row)}
    return {**told, "scores": scores, "line": line}


def scores_in(row: dict[str, Any]) -> dict[str, float]:
    """The scores that a row has."""
    return {name: value for name, value in row.items() if name not in FACTS.names and value is not None}


def why_text(row: dict[str, Any]) -> str:
    """Why an image or tile was left out, with its scores: "blockiness 41.2, wanted blockiness < 30"."""
    why = row["why"]
    if not why:
        return ""
    named = set(re.findall(r"\w+", why))
    scores = [f"{name} {number_text(value)}" for name, value in scores_in(row).items() if name in named]
    if scores:
        return f"{', '.join(scores)}, wanted {why}"
    if not row["like"]:
        return str(why)
    return f"{why} of {row['like']}" if why == "duplicate" else f"{why}: it shows {row['like']}"
