"""Streams cut into groups by number and size: row groups, shards, commits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

T = TypeVar("T")


def chunked(
    items: Iterable[T],
    size: Callable[[T], int],
    *,
    most_bytes: int,
    most: int | None = None,
    beyond: bool = True,
) -> Iterator[Iterator[T]]:
    """The items in turn, in groups of at most `most` that end with the item that brings `most_bytes`.

    Where they may not go `beyond`, they end before the item that would bring more, unless it is their first.
    Nothing is held back: each group must be used up before the next.

    >>> [list(group) for group in chunked([4, 4, 4, 9, 1], int, most_bytes=8, most=3)]
    [[4, 4], [4, 9], [1]]
    >>> [list(group) for group in chunked([4, 4, 4, 9, 1], int, most_bytes=8, beyond=False)]
    [[4, 4], [4], [9], [1]]
    """
    for _, members in groupby(_numbered(items, size, most_bytes, most, beyond), itemgetter(0)):
        yield (item for _, item in members)


def _numbered(
    items: Iterable[T], size: Callable[[T], int], most_bytes: int, most: int | None, beyond: bool
) -> Iterator[tuple[int, T]]:
    group = held = count = 0
    for item in items:
        more = size(item)
        full = held >= most_bytes if beyond else count and held + more > most_bytes
        if full or count == most:
            group, held, count = group + 1, 0, 0
        yield group, item
        held, count = held + more, count + 1
