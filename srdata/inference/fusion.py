"""Several networks as one: by the mean of what they give, or of their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor

from srdata.discovery.pairing import listed
from srdata.errors import UsageError
from srdata.inference.averages import Reduce, averaged, check_reduce, checked_weights, mean, one_tensor
from srdata.inference.ensemble import Model


def model_ensemble(
    models: Sequence[Model],
    x: Tensor,
    weights: Sequence[float] | None = None,
    reduce: Reduce = "mean",
    *,
    grad: bool = False,
) -> Tensor:
    """The mean of what `models` make of `x`, by `weights` (equal ones by default), or the median.

    Weights are divided by their sum; a model with weight 0 does not run. The mean is taken in float32
    (float64 of float64) and given back in the type of the first output. No gradients are kept, unless `grad`.

    Raises UsageError for weights that make no mean, and where outputs are no tensors or differ in size.

    >>> model_ensemble([torch.sin, torch.zeros_like], torch.ones(1, 3, 8, 8), [3, 1]).shape
    torch.Size([1, 3, 8, 8])
    """
    check_reduce(reduce)
    shares = checked_weights(weights, len(models), "model")
    if reduce == "median" and weights is not None:
        raise UsageError("a median has no weights: leave weights= out, or take reduce='mean'")
    used = [(model, share) for model, share in zip(models, shares, strict=True) if share]
    with nullcontext() if grad else torch.no_grad():
        outputs = (one_tensor(model(x)) for model, _ in used)
        return averaged(outputs, reduce) if weights is None else mean(outputs, [share for _, share in used])


def fuse_weights(
    state_dicts: Sequence[Mapping[str, Tensor]], weights: Sequence[float] | None = None
) -> dict[str, Tensor]:
    """The state dict whose every tensor is the mean of those of networks of one architecture, by `weights`.

    Weights are divided by their sum, equal by default. Types and devices are those of the first state dict;
    its tensors are copied. Whole numbers, such as the tables of window attention, have no mean and must be
    equal; of counts (no axes: `num_batches_tracked`) the largest is kept.

    Source: SwinFIR (Zhang et al., arXiv 2208.11247), which calls this feature ensemble; ESRGAN (Wang et al.,
    ECCVW 2018, section 3.4), which calls it network interpolation.

    Raises UsageError for weights that make no mean, and where keys or shapes differ.

    >>> fuse_weights([{"bias": torch.tensor([1.0])}, {"bias": torch.tensor([5.0])}], [3, 1])
    {'bias': tensor([2.])}
    """
    shares = checked_weights(weights, len(state_dicts), "state dict")
    for number, state in enumerate(state_dicts):
        _check_tensors(number, state)
        _check_like(number, state, state_dicts[0])
    return {name: _fused(name, [state[name] for state in state_dicts], shares) for name in state_dicts[0]}


def _fused(name: str, tensors: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    there = [tensor.detach().to(tensors[0].device) for tensor in tensors]
    if there[0].is_floating_point() or there[0].is_complex():
        used = [number for number, share in enumerate(shares) if share]
        return mean([there[i] for i in used], [shares[i] for i in used]).to(there[0].dtype)
    if not there[0].ndim:
        return torch.stack(there).amax(dim=0)
    if not all(torch.equal(there[0], other) for other in there):
        raise UsageError(f"{name} holds whole numbers that differ: these are not of one architecture")
    return there[0].clone()


def _check_tensors(number: int, state: Mapping[str, Tensor]) -> None:
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise UsageError(
                f"state dict {number}: {name!r} is a {type(value).__name__}, not a tensor; "
                "of a checkpoint give the part that load_state_dict takes, such as checkpoint['params']"
            )


def _check_like(number: int, state: Mapping[str, Tensor], first: Mapping[str, Tensor]) -> None:
    missing, extra = (
        [name for name in first if name not in state],
        [name for name in state if name not in first],
    )
    if missing or extra:
        told = [f"lacks {listed(missing)}"] * bool(missing) + [f"also has {listed(extra)}"] * bool(extra)
        raise UsageError(f"state dict {number} {' and '.join(told)}, unlike state dict 0")
    for name, tensor in state.items():
        if tensor.shape != first[name].shape:
            raise UsageError(
                f"{name} is {tuple(first[name].shape)} in the first state dict and "
                f"{tuple(tensor.shape)} in state dict {number}: "
                "only networks of one architecture have a mean"
            )
