"""Digests of what decides which item stands where in an epoch, by which a state knows where it belongs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from srdata.data.datasets.paired import PairedDataset
from srdata.data.datasets.stream_rows import StreamRows
from srdata.data.loading.epoch_plan import Plan
from srdata.data.sampling.schedule import every

_POSITIONS = 65536  # of the first epoch that are looked at


def order_digests(plan: Plan) -> dict[str, str]:
    """`data`: of the items, in their order; `order`: of how an epoch goes through them."""
    data = _digest(part for one in plan.data.sets for part in _items(one))
    return {"data": data, "order": _digest(_places(plan))}


def _items(data: PairedDataset | StreamRows) -> Iterable[bytes]:
    """The names of the images, and the region of each item; of a stream, its shards."""
    if isinstance(data, StreamRows):
        yield from data.identity()
        return
    regions = data.regions()
    yield "\n".join(data.source.keys(np.arange(len(regions.cells)))).encode()
    yield from (
        np.ascontiguousarray(part).tobytes() for part in (regions.images, regions.corners, regions.sizes)
    )


def _places(plan: Plan) -> Iterable[bytes]:
    """How long an epoch of each order is, and what stands at its first positions."""
    items = len(plan.data)
    for order in every(plan.order):
        length = order.length(items)
        places = order.places(plan.seed, 0, np.arange(min(length, _POSITIONS)), items)
        yield f"{length}".encode()
        yield from (np.ascontiguousarray(part, np.int64).tobytes() for part in places)


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.blake2b(digest_size=8)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()
