"""Images that show the same as others: by the perceptual hash, or by embeddings of a network of yours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srdata.curation.source_scores import Seen
from srdata.curation.wanted_scores import WantedScore
from srdata.duplicates.copies import copies
from srdata.duplicates.perceptual_hash import Sketch
from srdata.errors import UsageError

Vectors = NDArray[np.float32]
Pair = tuple[int, int]

EMBEDDING = "embedding:"  # begins the columns of embeddings
_SIDE = 32  # of a sketch
_ROWS = 1024  # of embeddings that are compared at a time


@dataclass(frozen=True)
class Embedding:
    """A function of the user's that gives a vector for an image."""

    score: WantedScore

    @property
    def column(self) -> str:
        """Its column in the tables of scores."""
        return f"{EMBEDDING}{self.score.version}"

    def of(self, seen: Seen) -> bytes:
        """The vector of an image, of length 1, as float32; raises UsageError for what is none."""
        given = self.score.call(seen)
        try:
            vector = np.asarray(given, np.float32).ravel()
            length = float(np.linalg.norm(vector))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self.score.function} gave {given!r}, not a vector of numbers") from error
        if not length > 0 or not np.isfinite(length):
            raise UsageError(f"{self.score.function} gave a vector of length {length}: it says nothing")
        return (vector / np.float32(length)).tobytes()


def sketches_in(column: Sequence[bytes]) -> Sketch:
    """Sketches as they are kept in a table, (n, 32, 32)."""
    return np.frombuffer(b"".join(column), np.uint8).reshape(-1, _SIDE, _SIDE)


def vectors_in(column: Sequence[bytes]) -> Vectors:
    """Embeddings as they are kept in a table, (n, length); raises UsageError where lengths differ."""
    if len({len(one) for one in column}) > 1:
        raise UsageError(
            "the embeddings of two images have different lengths: let the function give one length"
        )
    return np.frombuffer(b"".join(column), np.float32).reshape(len(column), -1)


def same_sketches(sketches: Sketch) -> Iterator[Pair]:
    """The pairs of images that show the same by their perceptual hashes, whichever way they lie."""
    return ((pair.one, pair.other) for pair in copies(sketches))


def same_vectors(vectors: Vectors, at_least: float) -> Iterator[Pair]:
    """The pairs of images whose embeddings, of length 1, have at least that cosine."""
    for start in range(0, len(vectors), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors[start:].T
        for row, column in np.argwhere(cosines >= np.float32(at_least)).tolist():
            if row < column:
                yield start + row, start + column


def best_first(columns: Mapping[str, NDArray[np.float64]], prefer: Sequence[str], count: int) -> list[int]:
    """The places of images, those with the most of the first score first, then of the next, then in order."""
    keys = [np.arange(count), *(-np.nan_to_num(columns[name], nan=-np.inf) for name in reversed(prefer))]
    order: list[int] = np.lexsort(keys).tolist()
    return order


def duplicates(pairs: Iterable[Pair], order: Sequence[int]) -> dict[int, int]:
    """Each image that shows the same as a better one, which is kept, by place: the place of that.

    In the order of `order`, an image is kept unless it shows the same as one that is kept already: so of each
    group the best one stays, and none goes for one that goes itself.
    """
    near: dict[int, list[int]] = {}
    for one, other in pairs:
        near.setdefault(one, []).append(other)
        near.setdefault(other, []).append(one)
    rank = {place: number for number, place in enumerate(order)}
    found: dict[int, int] = {}
    for place in order:
        better = [one for one in near.get(place, ()) if rank[one] < rank[place] and one not in found]
        if better:
            found[place] = min(better, key=lambda one: rank[one])
    return found
