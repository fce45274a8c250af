"""Poisson noise of 8-bit levels, from sixteen random bits for a sample, the same bits on every device.

For TABLED_PHOTONS the counts come out of tables. For other numbers of photons, means below SPARSE take the
count that the bits reach in the cumulative law; the others take the expansion of Poisson's quantiles in those
of the normal distribution (Giles, "Algorithm 955: approximation of the inverse Poisson cumulative
distribution function", ACM TOMS 42 (1), 2016), in steps of one product or sum each, which
every device rounds alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Image, Plane
from srdata.degrade.numerics.noise_tables import (
    TABLED_PHOTONS,
    Floats,
    normal_quantiles,
    poisson_law,
    poisson_tables,
)
from srdata.degrade.numerics.random_fields import looked_up, normal_numbers

if TYPE_CHECKING:
    import torch

Bits = NDArray[np.uint16]
SPARSE = 30  # photons
COUNTS = 64  # of which a mean below SPARSE gets more less often than once in 65,536 draws
_PART = 1 << 17  # samples that the processor's cache holds


class Law(NamedTuple):
    """What is known of the counts of each level for one number of photons."""

    cumulative: NDArray[
        np.int64
    ]  # level · 65536 + 65536 · P(N ≤ n), for each n below COUNTS of sparse levels
    sparse: int  # levels below it are sparse
    terms: Floats  # (256, 4), of the expansion in powers of the normal quantile
    means: Floats  # (256,)


def law_of(photons: float) -> Law:
    """The law where white is so many photons."""
    means = np.arange(256) * (photons / 255)
    sparse = int((means < SPARSE).sum())
    law = poisson_law(np.arange(COUNTS)[None], means[:sparse, None]).cumsum(axis=1)
    cumulative = np.rint(law * 65536).astype(np.int64).clip(None, 65536)
    sigma = np.sqrt(np.maximum(means, 1))
    terms = [means + 1 / 3, sigma - 1 / (36 * sigma), np.full(256, 1 / 6), -1 / (72 * sigma)]
    return Law(
        (cumulative + np.arange(sparse)[:, None] * 65536).ravel(),
        sparse,
        np.stack(terms, axis=1).astype(np.float32),
        means.astype(np.float32),
    )


def photons_of(levels: Image) -> int:
    """The number of distinct levels, up to a power of two: what Real-ESRGAN takes for white."""
    seen = _distinct(levels[::8])
    if seen <= 128:  # else every power of two that is left is 256
        seen = _distinct(levels)
    return 1 << (seen - 1).bit_length()


def _distinct(levels: Image) -> int:
    counts = cv2.calcHist([levels.reshape(len(levels), -1)], [0], None, [256], [0, 256])
    return int(np.count_nonzero(counts))


def tabled_noise(bits: Bits, levels: Image, photons: int) -> Plane:
    """Counts with the means `levels` · `photons` / 255, less these, over `photons`, one of TABLED_PHOTONS."""
    flat, raw = levels.reshape(1, -1), bits.reshape(1, -1)
    entries, noise = _entries(photons)
    drawn = np.empty(flat.shape, np.float32)
    for start in range(0, levels.size, _PART):
        part = slice(start, start + _PART)
        cv2.LUT(_places(raw[:, part], flat[:, part], entries), noise, drawn[:, part])
    return drawn.reshape(levels.shape)


@cache
def _entries(photons: int) -> tuple[Bits, Floats]:
    """In the upper half of each place what is `kept`, below it what makes it its alias by xor; the noise."""
    tables = poisson_tables(photons)
    change = tables.alias ^ np.arange(65536).astype(np.uint8)
    return (tables.kept.astype(np.uint16) << 8 | change).astype(np.uint16), tables.noise


def _places(raw: Bits, levels: NDArray[np.uint8], entries: Bits) -> Bits:
    """Where in the tables each sample ends: the level in the upper eight bits, the count in the lower."""
    places = levels.astype(np.uint16)
    places <<= 8
    places |= raw >> 8
    found: Any = cv2.LUT(places, entries)
    low = raw << 8
    low |= 255
    found &= cv2.compare(low, found, cv2.CMP_GE)  # 255 where the alias is taken, else 0
    places ^= found
    return places


def expanded_noise(bits: Bits, levels: Image, photons: float) -> Plane:
    """The same for any number of photons."""
    law = law_of(photons)
    flat = levels.reshape(1, -1)
    normal = cv2.LUT(bits.reshape(1, -1), normal_quantiles())
    counts = cv2.LUT(flat, law.terms[:, 3])
    for power in (2, 1, 0):
        counts *= normal
        counts += cv2.LUT(flat, np.ascontiguousarray(law.terms[:, power]))
    np.floor(counts, out=counts)
    few = flat < law.sparse
    chosen = flat[few].astype(np.int64)
    below = np.searchsorted(law.cumulative, chosen << 16 | bits.reshape(1, -1)[few], "right")
    counts[few] = below - chosen * COUNTS
    counts -= cv2.LUT(flat, law.means)
    counts *= np.float32(1 / photons)
    noise: Plane = counts.reshape(levels.shape)
    return noise


def tabled_noise_of_batch(bits: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """`tabled_noise` for a batch of levels (float32), each with the photons that `photons_of` gives it."""
    import torch

    from srdata.degrade.numerics.device_constants import kept

    device = levels.device
    seen = torch.zeros(len(levels), 256, dtype=torch.int64, device=device)
    seen.scatter_(1, levels.long().flatten(1), 1)
    starts = kept(_starts, device)[seen.sum(1)][:, None, None, None]
    low, high = bits.view(torch.uint8).view(*bits.shape, 2).unbind(-1)
    places = torch.add(starts, levels.int(), alpha=256).add_(high)
    replaced = low >= looked_up(kept(_all_kept, device), places)
    return looked_up(kept(_all_noise, device), torch.add(replaced, places, alpha=2))


def _starts() -> NDArray[np.int32]:
    """Where the tables begin for an image with so many distinct levels."""
    return np.array([65536 * (max(seen - 1, 0)).bit_length() for seen in range(257)], np.int32)


def _all_kept() -> NDArray[np.uint8]:
    return np.concatenate([poisson_tables(photons).kept for photons in TABLED_PHOTONS])


def _all_noise() -> Floats:
    """The noise of each count, and of its alias."""
    return np.concatenate([_both(photons) for photons in TABLED_PHOTONS])


def _both(photons: int) -> Floats:
    _, alias, noise = poisson_tables(photons)
    aliases = np.arange(65536) // 256 * 256 + alias
    return np.stack([noise, noise[aliases]], axis=1).ravel()


def laws_of(photons: Sequence[float]) -> list[Callable[[], NDArray[Any]]]:
    """What a device needs of the laws of a batch, to be computed where it is not there yet.

    All that is cumulative; the first row of each law in the terms, and its start in what is cumulative; the
    terms and means; below which levels they are sparse.
    """
    laws = cache(lambda: [law_of(number) for number in photons])

    def columns() -> NDArray[np.int64]:
        starts = [*accumulate((len(law.cumulative) for law in laws()), initial=0)][:-1]
        return np.stack([np.arange(len(starts)) << 8, starts])

    return [
        lambda: np.concatenate([law.cumulative + (n << 24) for n, law in enumerate(laws())]),
        columns,
        lambda: np.concatenate([np.c_[law.terms, law.means] for law in laws()]),
        lambda: np.array([[[[law.sparse]]] for law in laws()], np.float32),
    ]


def expanded_noise_of_batch(
    bits: torch.Tensor, levels: torch.Tensor, photons: Sequence[float]
) -> torch.Tensor:
    """`expanded_noise` for a batch of levels (float32), each image with photons of its own."""
    import torch

    from srdata.common.tensors.device_copies import sent_together

    whole, columns, terms, sparse = sent_together(levels.device, *laws_of(photons))
    firsts, starts = columns[..., None, None, None]
    chosen = levels.long()
    places = chosen + firsts
    *factors, means = terms[places].unbind(-1)
    normal = normal_numbers(bits)
    counts = factors[3]
    for factor in factors[2::-1]:
        counts = counts * normal + factor
    keys = torch.add(bits.long() & 0xFFFF, places, alpha=1 << 16)
    below = torch.searchsorted(whole, keys, right=True).sub_(starts).sub_(chosen, alpha=COUNTS)
    few: Any = levels < sparse
    counts = torch.where(few, below, counts.floor_())
    units: Any = backend.column([1 / number for number in photons], levels)
    noise: torch.Tensor = (counts - means) * units
    return noise
