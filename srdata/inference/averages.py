"""Means and medians of tensors that several runs or several networks gave."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from srdata.common.wording.amounts import how_many
from srdata.errors import UnknownNameError, UsageError

Reduce = Literal["mean", "median"]


def averaged(tensors: Iterable[Tensor], reduce: Reduce) -> Tensor:
    """The mean or the median of tensors of one shape, taken in float32 or wider, in the type of the first.

    The mean holds one of them at a time, the median all; of an even number it is the mean of the middle two.
    """
    return mean(tensors) if reduce == "mean" else _median(list(tensors))


def mean(tensors: Iterable[Tensor], weights: Sequence[float] | None = None) -> Tensor:
    """The weighted mean of tensors of one shape, summed in float32 or wider, in the type of the first."""
    pairs = zip(tensors, repeat(1.0) if weights is None else weights, strict=False)
    first, weight = next(pairs)
    total = _wide(first) * weight
    for tensor, share in pairs:
        _check_alike(first, tensor)
        total = total + _wide(tensor) * share
        weight += share
    return _as(total / weight, first.dtype)


def _median(tensors: Sequence[Tensor]) -> Tensor:
    for tensor in tensors:
        _check_alike(tensors[0], tensor)
    ordered = torch.stack([_wide(tensor) for tensor in tensors]).sort(dim=0).values
    low, high = ordered[(len(tensors) - 1) // 2], ordered[len(tensors) // 2]
    return _as((low + high) / 2, tensors[0].dtype)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _as(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    whole = not (dtype.is_floating_point or dtype.is_complex)
    return (tensor.round() if whole else tensor).to(dtype)


def _check_alike(first: Tensor, other: Tensor) -> None:
    if first.shape != other.shape:
        raise UsageError(
            f"outputs of shapes {tuple(first.shape)} and {tuple(other.shape)} cannot be averaged: "
            "the size that a model gives must follow from the size of its input alone"
        )


def check_reduce(reduce: str) -> None:
    """Raise UnknownNameError for what is neither mean nor median."""
    if reduce not in get_args(Reduce):
        raise UnknownNameError.among("reduce", reduce, get_args(Reduce))


def checked_weights(weights: Sequence[float] | None, count: int, what: str) -> list[float]:
    """A weight for each of `count` things, 1 by default; raises UsageError for any that make no mean."""
    if not count:
        raise UsageError(f"there are no {what}s: give one at least")
    given = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(given) != count:
        raise UsageError(f"{how_many(len(given), 'weight')} for {how_many(count, what)}: give one for each")
    if not all(math.isfinite(weight) and weight >= 0 for weight in given) or not sum(given):
        raise UsageError(f"weights {given} must be 0 or more, and one of them above 0")
    return given


def one_tensor(output: Any) -> Tensor:
    """What a model gave, if that is a tensor; raises UsageError."""
    if not isinstance(output, Tensor):
        raise UsageError(
            f"the model gives a {type(output).__name__}, not a tensor: wrap it in a function that picks one"
        )
    return output


def as_batch(x: Tensor) -> Tensor:
    """An image (channels, height, width) as a batch of one, a batch as it is; raises UsageError."""
    if x.ndim not in (3, 4) or not x.numel():
        raise UsageError(
            f"give a batch (N, C, H, W) or an image (C, H, W), not a tensor of shape {tuple(x.shape)}"
        )
    return x if x.ndim == 4 else x[None]
