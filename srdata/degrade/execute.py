"""Applying drawn steps: to one image on the host, in 8 bits where the ops work in them, or to a batch."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from srdata.degrade.model.composite import Choice, Way, lead_groups, leaves, sized
from srdata.degrade.model.op import BytesOp, Op, Params
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image, is_torch

Size = list[int]  # [height, width], as δ has it
State = Image | NDArray[np.float32]  # uint8 HWC, or float32 NCHW with N = 1: whatever the latest op gave


def walk(way: Way, image: State, lr_size: Size) -> Iterator[tuple[Op, Params, State]]:
    """Lead one image along a way, and yield each op with its parameters and what it made of the image."""
    for op, params in leaves(way, lr_size):
        if isinstance(op, BytesOp) and not op.in_floats:
            image = op.on_bytes(as_bytes(image), params)
        else:
            image = op.apply(as_batch(image), [params])  # type: ignore[assignment]  # numpy in, numpy out
        yield op, params, image


def last(way: Way, image: State, lr_size: Size) -> State:
    """What a way makes of one image."""
    backend.keep_memory()
    for _, _, state in walk(way, image, lr_size):
        image = state
    return image


def as_bytes(image: State) -> Image:
    """The image as uint8 HWC."""
    return image if image.dtype == np.uint8 else backend.to_levels(backend.images(image)[0])  # type: ignore[arg-type, return-value]  # mypy does not narrow by dtype


def as_batch(image: State) -> NDArray[np.float32]:
    """The image as a float32 batch of one."""
    return backend.to_batch([backend.from_levels(image)]) if image.dtype == np.uint8 else image  # type: ignore[arg-type, return-value]  # mypy does not narrow by dtype


def run_batch(ways: Sequence[Way], x: Array, lr_size: Size) -> Array:
    """Lead a batch along ways through the same ops; tensors whose draws agree on sizes go together.

    Numpy images go one by one: nothing is gathered, and one image stays in the processor's cache.
    """
    if not is_torch(x):
        done = [as_batch(last(way, x[k : k + 1], lr_size)) for k, way in enumerate(ways)]
        return backend.stack(done)
    told = [[(op, sized(op, params, lr_size)) for op, params in way] for way in ways]
    groups: dict[Hashable, list[int]] = {}
    for place, way in enumerate(told):
        groups.setdefault(_size_key(way), []).append(place)
    return backend.in_place(*lead_groups(told, list(groups.values()), x))


def _size_key(way: Way) -> Hashable:
    """Equal for ways along which the sizes of an image are the same."""
    return tuple(
        (tuple(id(inner) for inner, _ in op.way(params)), _size_key(op.way(params)))
        if isinstance(op, Choice)
        else json.dumps(params)
        for op, params in way
        if op.sets_size
    )
