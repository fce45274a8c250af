"""`split`: a prepared set of some images of another, and one of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdata.common.wording.amounts import how_many
from srdata.common.wording.only_choice import pick
from srdata.errors import UnknownNameError, UsageError
from srdata.scale import OneScale, Scale
from srdata.set_changes.new_places import new_target
from srdata.set_changes.new_sets import (
    Member,
    Packed,
    Shard,
    Whole,
    is_made,
    recipe_of,
    write_new_set,
)
from srdata.store.window_scores import kinds_of, read_table

Chosen = NDArray[np.bool_]  # of the rows of the index


def split(
    path: str | Path,
    name: str,
    *,
    keys: Sequence[str] = (),
    listed: str | Path | None = None,
    score: str | None = None,
    above: float | None = None,
    below: float | None = None,
    scale: OneScale | None = None,
    rest: str | None = None,
    root: str | Path = "data",
) -> list[Path | str]:
    """Make the set `name` below `root` of some images of the set at `path`, and `rest` of all others.

    Images are chosen by one of
        keys      patterns of their keys, as "city/*"; * stands for anything
        listed    a text file with a key in each line
        score     what `srdata classify` gave their windows (at `scale`, where it did at several), on the
                  mean: `above` a number, `below` one, or both

    Shards of which all images are chosen are linked; the images of others are copied, as they are stored,
    into new ones. The same choice gives the same bytes. Columns that were added stay. `path` and `root` may
    be addresses, see `join`.

    Raises UsageError where nothing is chosen or left, UnknownNameError for keys that are not there, SetError,
    DownloadError and CorruptRecordError.
    """
    targets = [new_target(root, one) for one in (name, rest) if one is not None]
    if len(set(targets)) < len(targets):
        raise UsageError(f"the chosen images and the rest are both to be called {name}: give two names")
    member = Member.opened(path)
    if sum([bool(keys), listed is not None, score is not None]) != 1:
        raise UsageError("say by one of keys, list and score which images to take")
    if score is None and (above, below) != (None, None):
        raise UsageError("above and below are of a score: say which, as psnr")
    if score is not None:
        chosen, how = _by_score(member, score, above, below, scale)
    elif listed is not None:
        chosen, how = _by_list(member, Path(listed)), "a list of keys"
    else:
        chosen, how = _by_patterns(member, keys), f"keys {', '.join(keys)}"
    if not chosen.any():
        raise UsageError(f"{how} chooses nothing of {path} ({how_many(len(chosen), 'image')}): choose others")
    if rest is not None and chosen.all():
        raise UsageError(
            f"{how} chooses all of {path} ({how_many(len(chosen), 'image')}): leave the rest out"
        )
    parts = []
    for target, one, which, told in zip(
        targets, (name, rest), (chosen, ~chosen), (how, f"not {how}"), strict=False
    ):
        shards: list[tuple[Member, Shard]] = [(member, shard) for shard in _shards(member, which)]
        parts.append((target, shards, recipe_of(one or "", [member], f"split: {told}")))
        is_made(*parts[-1])  # before any is written
    for part in parts:
        write_new_set(*part, member.left_out)
    return targets


def _by_patterns(member: Member, patterns: Sequence[str]) -> Chosen:
    found = {pattern: [fnmatchcase(key, pattern) for key in member.keys] for pattern in patterns}
    for pattern, which in found.items():
        if not any(which):
            raise UnknownNameError(
                f"no key of {member.place} is like {pattern}: its keys look like {member.keys[0]}"
            )
    chosen: Chosen = np.any(list(found.values()), axis=0)
    return chosen


def _by_list(member: Member, file: Path) -> Chosen:
    try:
        wanted = {line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: give a text file with a key in each line") from error
    if unknown := sorted(wanted - set(member.keys)):
        raise UnknownNameError.among("key", unknown[0], member.keys[:20])
    return np.array([key in wanted for key in member.keys], bool)


def _by_score(
    member: Member, score: str, above: float | None, below: float | None, scale: OneScale | None
) -> tuple[Chosen, str]:
    bounds = [
        f"{word} {bound:g}" for word, bound in (("above", above), ("below", below)) if bound is not None
    ]
    if not bounds:
        raise UsageError(f"say which {score} to take: above a number, below one, or both")
    means = _means(member, score, None if scale is None else str(Scale(scale)))
    low, high = (-np.inf if above is None else above), (np.inf if below is None else below)
    return (means > low) & (means < high), f"{score} {' and '.join(bounds)}"


def _means(member: Member, score: str, scale: str | None) -> NDArray[np.float64]:
    """The mean score of the windows of each image; of several kinds of windows, those of the set."""
    kinds = [kind for kind in kinds_of(member.content) if kind.by == score]
    if not kinds and isinstance(member.place, str):
        raise UsageError(f"{member.place} has no scores {score}: choose by keys or a list")
    if not kinds:
        raise UsageError(
            f"{member.place} has no scores {score}: run `srdata classify {member.place} --by {score}` first"
        )
    chosen = pick("scale", scale, sorted({str(kind.scale) for kind in kinds}), member.place)
    kinds = [kind for kind in kinds if str(kind.scale) == chosen]
    kind = next((kind for kind in kinds if kind.windows == member.content.windows), kinds[0])
    table = read_table(member.reader.path, kind)
    place = {key: row for row, key in enumerate(member.keys)}
    rows = np.array([place[key] for key in table["key"].to_pylist()], np.int64)
    count = len(place)
    return np.bincount(rows, table[score].to_numpy(), count) / np.maximum(
        1, np.bincount(rows, minlength=count)
    )


def _shards(member: Member, chosen: Chosen) -> Iterator[Shard]:
    """Whole shards first, then others of as many images as the largest has."""
    numbers = member.reader.index.shards
    rest: list[int] = []
    sizes = np.bincount(numbers)
    for number in np.unique(numbers).tolist():
        rows = np.flatnonzero((numbers == number) & chosen).tolist()
        if len(rows) == sizes[number]:
            yield Whole(number, rows)
        else:
            rest += rows
    most = int(sizes.max())
    yield from (Packed(rest[start : start + most]) for start in range(0, len(rest), most))
