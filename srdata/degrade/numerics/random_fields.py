"""Fields of random numbers: a function of a key and a place alone, the same bits in numpy and on any device.

The bits are those of `srdata.rng.words`, sixteen for a sample of a normal field. Plane after plane is drawn,
so that the first plane of a field does not depend on how many there are.

On a device the fields of a whole batch can be drawn at once: `noted` keeps what is asked for while a batch is
gone through over tensors without contents, and within `drawn_at_once` it is there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Plane, is_torch
from srdata.degrade.numerics.noise_tables import normal_quantiles
from srdata.rng import GOLDEN, LAST_SHIFT, ROUNDS, seed_of, words

if TYPE_CHECKING:
    import torch

Shape = Sequence[int]  # planes, height, width
Planes = NDArray[Any]  # CHW


class Asked(NamedTuple):
    """Fields of so many words for each of some images."""

    seeds: NDArray[np.int64]  # (images, 1)
    words: int


class _Now(threading.local):
    """What this thread is doing."""

    noted: list[Asked] | None = None
    there: Iterator[torch.Tensor] | None = None


_NOW = _Now()
_KEPT = 1 << 17  # words, a megabyte: enough for three planes of 418 x 418


def normal_field(keys: Sequence[int], shape: Shape, like: Array) -> Array:
    """Standard normal noise, NCHW, of 65,536 equally likely numbers, a field for each key."""
    if not is_torch(like):
        return backend.to_batch([normal_image(key, shape) for key in keys])
    return normal_numbers(halves(keys, shape, like))


def uniform_field(keys: Sequence[int], shape: Shape, like: Array) -> Array:
    """Uniform noise in [0, 1), NCHW, in steps of 2**-24, a field for each key."""
    if not is_torch(like):
        planes = [_parts(key, shape, np.uint32) >> np.uint32(8) for key in keys]
        return backend.to_batch([interleaved(one.astype(np.float32) * np.float32(2**-24)) for one in planes])
    import torch

    numbers = _tensor_parts(keys, shape, like, torch.int32) >> 8
    return (numbers & 0xFFFFFF).float().mul_(2**-24)


def normal_planes(key: int, shape: Shape) -> Planes:
    """The field of one image, float32."""
    return _normal_numbers(half_planes(key, shape))


def normal_image(key: int, shape: Shape) -> Plane:
    """The same as HWC."""
    return _normal_numbers(interleaved(half_planes(key, shape)))


def _normal_numbers(raw: NDArray[np.uint16]) -> Planes:
    found: Planes = cv2.LUT(raw.reshape(1, -1), normal_quantiles())  # faster than numpy's take
    return found.reshape(raw.shape)


def half_planes(key: int, shape: Shape) -> Planes:
    """The random bits of one image, uint16."""
    return _parts(key, shape, np.uint16)


def halves(keys: Sequence[int], shape: Shape, like: torch.Tensor) -> torch.Tensor:
    """The same bits for each of a batch, int16 (N, C, H, W), which stand for 65,536 more where negative."""
    import torch

    return _tensor_parts(keys, shape, like, torch.int16)


def normal_numbers(raw: torch.Tensor) -> torch.Tensor:
    """The number of each `halves`."""
    import torch

    from srdata.degrade.numerics.device_constants import kept

    places = torch.add(raw, kept(_middle, raw.device))
    return looked_up(kept(_from_the_middle, raw.device), places)


def _middle() -> NDArray[np.int32]:
    """Added to bits with a sign it makes places of them."""
    return np.array([1 << 15], np.int32)


def _from_the_middle() -> NDArray[np.float32]:
    """The quantiles, in the order of bits with a sign."""
    return np.roll(normal_quantiles(), 1 << 15)


def looked_up(table: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """What stands in a table at these places, int32, of which indexing would make int64."""
    return table.index_select(0, places.flatten()).view(places.shape)


def interleaved(planes: Planes | list[Plane]) -> Planes:
    """CHW as HWC."""
    if len(planes) == 1:
        return planes[0][..., None]
    merged = backend.unaligned((*planes[0].shape, len(planes)), planes[0].dtype.type)
    cv2.merge(list(planes), merged)
    return merged


def in_all_channels(noise: Plane, channels: int) -> Plane:
    """Noise of one plane (HWC) as that of each channel, which is then added in a fifth of the time."""
    if noise.shape[2] == channels:
        return noise
    return interleaved([noise[..., 0]] * channels)


def _parts(key: int, shape: Shape, kind: type[np.unsignedinteger[Any]]) -> Planes:
    count, each = prod(shape), 8 // kind().itemsize
    parts: Any = words(seed_of(key), -(-count // each)).view(kind)
    planes: Planes = parts[:count].reshape(shape)
    return planes


def _tensor_parts(keys: Sequence[int], shape: Shape, like: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    count, each = prod(shape), 8 // kind.itemsize
    return _words(keys, -(-count // each), like).view(kind)[:, :count].view(len(keys), *shape)


def _words(keys: Sequence[int], count: int, like: torch.Tensor) -> torch.Tensor:
    """`words` for each key, int64 (N, count)."""
    import torch

    if _NOW.there is not None and like.device.type != "cpu":
        return next(_NOW.there)
    seeds = np.array([seed_of(key) for key in keys], np.uint64).view(np.int64)[:, None]
    if like.is_meta and _NOW.noted is not None:
        _NOW.noted.append(Asked(seeds, count))
        return torch.empty(len(keys), count, dtype=torch.int64, device=like.device)
    return _mixed(backend.index(seeds, like) + _steps(count, like.device))


def _mixed(states: torch.Tensor) -> torch.Tensor:
    for shift, factor in ROUNDS:
        states = _folded(states, shift).mul_(_signed(factor))
    return _folded(states, LAST_SHIFT)


@contextmanager
def noted() -> Iterator[list[Asked]]:
    """What fields this thread asks for on the device "meta" from here on, in its order."""
    _NOW.noted = []
    try:
        yield _NOW.noted
    finally:
        _NOW.noted = None


@contextmanager
def drawn_at_once(asked: Sequence[Asked], seeds: torch.Tensor) -> Iterator[None]:
    """Within it the fields that were noted are there; `seeds` are all of theirs, on the device."""
    import torch

    ends = [*accumulate(len(one.seeds) * one.words for one in asked)]
    states = torch.empty(ends[-1], dtype=torch.int64, device=seeds.device)
    rooms = [
        states[end - len(one.seeds) * one.words : end].view(-1, one.words)
        for one, end in zip(asked, ends, strict=True)
    ]
    first = 0
    for room in rooms:
        torch.add(seeds[first : first + len(room)], _steps(room.shape[1], room.device), out=room)
        first += len(room)
    drawn = _mixed(states)
    _NOW.there = iter([drawn.as_strided(room.shape, room.stride(), room.storage_offset()) for room in rooms])
    try:
        yield
    finally:
        _NOW.there = None


def _steps(count: int, device: torch.device) -> torch.Tensor:
    """What SplitMix64 has added to the seed at each place."""
    import torch

    from srdata.degrade.numerics.device_constants import kept

    if count <= _KEPT:
        return kept(_first_steps, device)[:count]
    return torch.arange(1, count + 1, device=device) * _signed(GOLDEN)


def _first_steps() -> NDArray[np.int64]:
    return (np.arange(1, _KEPT + 1, dtype=np.uint64) * np.uint64(GOLDEN)).view(np.int64)


def _folded(states: torch.Tensor, shift: int) -> torch.Tensor:
    """Each number xor itself shifted right, as if it had no sign."""
    return (states >> shift).bitwise_and_((1 << (64 - shift)) - 1).bitwise_xor_(states)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word
