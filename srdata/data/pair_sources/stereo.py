"""Stereo: two views of each scene, read at the same place as one image of six channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from srdata.common.wording.amounts import how_many
from srdata.data.pair_sources.sources import PairSource
from srdata.discovery.pairing import SHOWN, listed
from srdata.errors import UsageError
from srdata.images import Pixels
from srdata.store.blocks import CHANNELS
from srdata.store.windows import Integers


class ViewsSource:
    """The scenes of another source, which has an image of each view: 0001_L and 0001_R.

    A pixel has the three samples of the left view, then those of the right. `views` are the marks in the
    names of images, such as ("_L", "_R"), that tell the two apart; without its mark the name is that of the
    scene. Raises UsageError where an image has no partner, or one of another size.
    """

    channels = 2 * CHANNELS

    def __init__(self, source: PairSource, views: tuple[str, str]) -> None:
        if not views[0] or views[0] == views[1]:
            raise UsageError(f"views {views} must be two marks that differ, the first with a letter at least")
        keys = source.keys(np.arange(len(source.sizes)))
        self.scale = source.scale
        self.decodes = source.decodes
        self._source = source
        self._left = views[0]
        self._views = _paired(keys, views)
        self.sizes = source.sizes[self._views[0]]
        differing = np.flatnonzero((self.sizes != source.sizes[self._views[1]]).any(axis=1))
        if len(differing):
            names = self.keys(differing[:SHOWN])
            raise UsageError(f"the views differ in size: {listed(names, len(differing))}")

    def keys(self, images: Integers) -> list[str]:
        return [_changed(key, self._left, "") for key in self._source.keys(self._views[0][images])]

    def read_pairs(self, images: Integers, corners: Integers, lr: Pixels, hr: Pixels) -> None:
        for place, view in enumerate(self._views):
            here = slice(place * CHANNELS, (place + 1) * CHANNELS)
            parts = [np.empty((*side.shape[:3], CHANNELS), np.uint8) for side in (lr, hr)]
            self._source.read_pairs(view[images], corners, *parts)
            for side, part in zip((lr, hr), parts, strict=True):
                side[..., here] = part


def _paired(keys: Sequence[str], views: tuple[str, str]) -> tuple[Integers, Integers]:
    """The numbers of the left and of the right images, scene by scene."""
    left, right = views
    places = {key: place for place, key in enumerate(keys)}
    pairs = [
        (place, places[other])
        for key, place in places.items()
        if left in key and (other := _changed(key, left, right)) in places
    ]
    alone = sorted(set(places.values()) - {place for pair in pairs for place in pair})
    if alone or not pairs:
        names = listed([keys[place] for place in alone[:SHOWN]], len(alone))
        raise UsageError(
            f"{how_many(len(alone), 'image has', 'images have')} no other view, by {left} and {right} in the "
            f"names: {names}"
        )
    lefts, rights = np.array(pairs, np.int64).T
    return lefts, rights


def _changed(key: str, mark: str, other: str) -> str:
    """A name with the last `mark` in it replaced."""
    return other.join(key.rsplit(mark, 1))
