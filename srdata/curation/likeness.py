"""Images that show the same as others: by the perceptual hash, or by embeddings of a network of yours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from srdata.curation.score_store import SKETCH
from srdata.curation.scored_files import ScoredImages
from srdata.duplicates.copies import copies
from srdata.duplicates.known_images import KnownImages, find_known
from srdata.duplicates.perceptual_hash import Groups, Sketch, Sketches
from srdata.errors import UsageError

Vectors = NDArray[np.float32]
Pair = tuple[int, int]

_SIDE = 32  # of a sketch
_ROWS = 1024  # of sketches and embeddings that are read or compared at a time


class StoredSketches:
    """The sketches of images as they are kept in a table, read when they are asked for."""

    def __init__(self, images: ScoredImages, numbers: Sequence[int]) -> None:
        self._images = images
        self._numbers = np.array(numbers, np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Sketch]:
        for some in _batches(len(self)):
            yield from self[some]

    def __getitem__(self, numbers: list[int], /) -> Sketch:
        found = self._images.take(self._numbers[numbers], [SKETCH])[SKETCH]
        return np.frombuffer(b"".join(found.to_pylist()), np.uint8).reshape(-1, _SIDE, _SIDE)


def vectors_in(images: ScoredImages, numbers: Sequence[int], column: str) -> Vectors:
    """The embeddings of some images, (n, length); raises UsageError where lengths differ."""
    parts: list[Vectors] = []
    for some in _batches(len(numbers)):
        found = images.take(np.array(numbers, np.int64)[some], [column])[column].to_pylist()
        if len({len(one) for one in found} | {part.shape[1] * 4 for part in parts}) > 1:
            raise UsageError(
                "the embeddings of two images have different lengths: let the function give one length"
            )
        parts.append(np.frombuffer(b"".join(found), np.float32).reshape(len(found), -1))
    return np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)


def _batches(count: int) -> Iterator[list[int]]:
    return (list(range(at, min(at + _ROWS, count))) for at in range(0, count, _ROWS))


def same_sketches(sketches: Sketches, apart_from: Groups | None = None) -> Iterator[Pair]:
    """The pairs that show the same by their perceptual hashes, whichever way they lie; see `copies`."""
    return ((pair.one, pair.other) for pair in copies(sketches, apart_from=apart_from))


def same_vectors(vectors: Vectors, at_least: float) -> Iterator[Pair]:
    """The pairs of images whose embeddings, of length 1, have at least that cosine."""
    for start in range(0, len(vectors), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors[start:].T
        for row, column in np.argwhere(cosines >= np.float32(at_least)).tolist():
            if row < column:
                yield start + row, start + column


def leaked(images: ScoredImages, known: KnownImages) -> dict[int, str]:
    """Which images show a known one: the name of that."""
    sketches = StoredSketches(images, range(len(images.keys)))
    return {
        some[number]: name
        for some in _batches(len(sketches))
        for number, name in find_known(sketches[some], known).items()
    }


def best_first(columns: Mapping[str, NDArray[np.float64]], prefer: Sequence[str], count: int) -> list[int]:
    """The places of images, those with the most of the first score first, then of the next, then in order."""
    keys = [np.arange(count), *(-np.nan_to_num(columns[name], nan=-np.inf) for name in reversed(prefer))]
    order: list[int] = np.lexsort(keys).tolist()
    return order


def duplicates(
    pairs: Iterable[Pair], order: Sequence[int], same: Sequence[int] | None = None
) -> dict[int, int]:
    """Each image that shows the same as a better one, which is kept, by place: the place of that.

    In the order of `order`, an image is kept unless it shows the same as one that is kept already: so of each
    group the best one stays, and none goes for one that goes itself. `same` has a number for each place, one
    for all that are the same without being among the pairs.
    """
    near: dict[int, list[int]] = {}
    for one, other in pairs:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    rank = {place: number for number, place in enumerate(order)}
    found: dict[int, int] = {}
    kept: dict[int, int] = {}  # of each number in `same`
    for place in order:
        group = place if same is None else same[place]
        better = [one for one in near.get(place, ()) if rank[one] < rank[place] and one not in found]
        better += [kept[group]] if group in kept else []
        if better:
            found[place] = min(better, key=lambda one: rank[one])
        else:
            kept[group] = place
    return found
