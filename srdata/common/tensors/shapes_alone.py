"""Going over tensors without contents at once: only their shapes matter.

torch computes shapes on its device "meta" too, but takes up to milliseconds for an operation, in Python, and
half a second or more for the first of some, which imports sympy. Here the commonest operations are told their
shape in a few microseconds; all others are left to torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from srdata.common.tensors.device_copies import META


class ShapesAlone(TorchFunctionMode):
    """Within it, in this thread, operations on tensors of "meta" are quick; types are not told exactly."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = function.__name__, kwargs or {}
        rule = _itself if name.endswith("_") and not name.endswith("__") else _RULES.get(name)
        found = rule(name, args, kwargs) if rule and args and _is_meta(args[name == "einsum"]) else None
        return function(*args, **kwargs) if found is None else found


def _is_meta(first: Any) -> bool:
    if isinstance(first, tuple | list):
        return all(_is_meta(one) for one in first)
    return isinstance(first, Tensor) and first.is_meta


def _itself(name: str, args: Any, kwargs: Any) -> Tensor:
    """What works in place, and is called `…_` then, or gives what is like its first argument."""
    first: Tensor = args[0]
    return first


def _pointwise(name: str, args: Any, kwargs: Any) -> Tensor:
    """Shapes are broadcast; of the types that of the most precise counts, and comparisons are of booleans."""
    tensors = [one for one in args if isinstance(one, Tensor)]
    dtype = torch.bool if name.strip("_") in _COMPARISONS else max((t.dtype for t in tensors), key=_precision)
    if name in _DIVISIONS and not dtype.is_floating_point:
        dtype = torch.float32
    return torch.empty(_broadcast([tuple(one.shape) for one in tensors]), dtype=dtype, device=META)


def _precision(dtype: torch.dtype) -> tuple[bool, int]:
    return dtype.is_floating_point, dtype.itemsize


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    longest = max(map(len, shapes))
    padded = [(1,) * (longest - len(shape)) + shape for shape in shapes]
    return tuple(next((side for side in sides if side != 1), 1) for sides in zip(*padded, strict=True))


def _interpolated(name: str, args: Any, kwargs: Any) -> Tensor | None:
    image, size = args[0], kwargs.get("size", args[1] if len(args) > 1 else None)
    if not isinstance(size, tuple | list):
        return None
    return torch.empty((*image.shape[:2], *size), dtype=image.dtype, device=META)


def _bordered(name: str, args: Any, kwargs: Any) -> Tensor:
    image, border = args[:2]
    shape = list(image.shape)
    for axis, (before, after) in enumerate(zip(border[::2], border[1::2], strict=True), 1):
        shape[-axis] += before + after
    return torch.empty(shape, dtype=image.dtype, device=META)


def _pooled(name: str, args: Any, kwargs: Any) -> Tensor | None:
    """Means of cells that do not overlap."""
    if len(args) != 2 or kwargs:
        return None
    image, cell = args
    down, across = (cell, cell) if isinstance(cell, int) else cell
    shape = (*image.shape[:-2], image.shape[-2] // down, image.shape[-1] // across)
    return torch.empty(shape, dtype=image.dtype, device=META)


def _summed(name: str, args: Any, kwargs: Any) -> Tensor | None:
    """Along one axis, from the left, which goes."""
    if len(args) != 2 or kwargs or not isinstance(args[1], int) or args[1] < 0:
        return None
    whole, axis = args
    dtype = whole.dtype if whole.dtype.is_floating_point else torch.int64
    return torch.empty((*whole.shape[:axis], *whole.shape[axis + 1 :]), dtype=dtype, device=META)


def _product(name: str, args: Any, kwargs: Any) -> Tensor | None:
    """Matrices of the last two axes, one after the other."""
    one, other = reversed(args) if name == "__rmatmul__" else args
    if min(one.ndim, other.ndim) < 2:
        return None
    batch = _broadcast([tuple(one.shape[:-2]), tuple(other.shape[:-2])])
    return torch.empty((*batch, one.shape[-2], other.shape[-1]), dtype=one.dtype, device=META)


def _by_letters(name: str, args: Any, kwargs: Any) -> Tensor | None:
    equation, *tensors = args
    given, arrow, wanted = equation.replace(" ", "").partition("->")
    if "." in equation or not arrow:
        return None
    sides: dict[str, int] = {}
    for letters, tensor in zip(given.split(","), tensors, strict=True):
        sides.update(zip(letters, tensor.shape, strict=True))
    return torch.empty([sides[letter] for letter in wanted], dtype=tensors[0].dtype, device=META)


def _added_product(name: str, args: Any, kwargs: Any) -> Tensor | None:
    return _product(name, args[1:3], kwargs)


def _convolved(name: str, args: Any, kwargs: Any) -> Tensor | None:
    """Plain or grouped; with a stride or a border it is left to torch."""
    image, kernels = args[:2]
    if len(args) > 2 or set(kwargs) - {"groups"}:
        return None
    sides = (side - kernel + 1 for side, kernel in zip(image.shape[2:], kernels.shape[2:], strict=True))
    return torch.empty((len(image), len(kernels), *sides), dtype=image.dtype, device=META)


def _indexed(name: str, args: Any, kwargs: Any) -> Tensor | None:
    """Places along one axis; others are left to torch."""
    whole, key = args
    *before, places = key if isinstance(key, tuple) else (key,)
    one_axis = isinstance(places, Tensor) and places.dtype == torch.int64
    if not one_axis or any(not isinstance(other, slice) or other != slice(None) for other in before):
        return None
    axis = len(before)
    shape = (*whole.shape[:axis], *places.shape, *whole.shape[axis + 1 :])
    return torch.empty(shape, dtype=whole.dtype, device=META)


def _selected(name: str, args: Any, kwargs: Any) -> Tensor:
    whole, axis, places = args
    shape = (*whole.shape[:axis], len(places), *whole.shape[axis + 1 :])
    return torch.empty(shape, dtype=whole.dtype, device=META)


def _searched(name: str, args: Any, kwargs: Any) -> Tensor:
    return torch.empty(args[1].shape, dtype=torch.int64, device=META)


def _median(name: str, args: Any, kwargs: Any) -> Any:
    """Along the last axis; torch refuses it on "meta" too where the caller asks for what is deterministic."""
    if len(args) > 1 or kwargs.get("dim") != -1:
        return None
    values = torch.empty(args[0].shape[:-1], dtype=args[0].dtype, device=META)
    return torch.return_types.median((values, values))


def _joined(name: str, args: Any, kwargs: Any) -> Tensor:
    parts, axis = args[0], kwargs.get("dim", args[1] if len(args) > 1 else 0)
    first = list(parts[0].shape)
    if name == "stack":
        first.insert(axis % (len(first) + 1), len(parts))
    else:
        first[axis] = sum(part.shape[axis] for part in parts)
    return torch.empty(first, dtype=parts[0].dtype, device=META)


_COMPARISONS = {"gt", "ge", "lt", "le", "eq", "ne"}
_DIVISIONS = {"div", "true_divide", "__truediv__", "__rtruediv__", "__div__"}
_MATHS = (  # noqa: SIM905  # a screen of quotes otherwise
    "add sub mul div pow mod remainder floor_divide and or xor lshift rshift bitwise_and bitwise_or "
    "bitwise_xor abs neg clip clamp round floor ceil trunc frac sqrt exp exp2 log log2 sin cos sigmoid erf "
    "erfinv minimum maximum where reciprocal square addcmul lerp fake_quantize_per_tensor_affine"
).split()

Rule = Callable[[str, Any, Any], Tensor | None]
_RULES: dict[str, Rule] = {
    form.format(name): _pointwise
    for name in [*_MATHS, *_COMPARISONS, "truediv", "floordiv", "true_divide"]
    for form in ("{}", "__{}__", "__r{}__", "__i{}__")
} | {
    "index_copy": _itself,
    "einsum": _by_letters,
    "matmul": _product,
    "__matmul__": _product,
    "__rmatmul__": _product,
    "addmm": _added_product,
    "baddbmm": _added_product,
    "conv2d": _convolved,
    "interpolate": _interpolated,
    "upsample_bilinear2d": _interpolated,
    "upsample_bicubic2d": _interpolated,
    "pad": _bordered,
    "avg_pool2d": _pooled,
    "sum": _summed,
    "searchsorted": _searched,
    "empty_like": _itself,
    "__getitem__": _indexed,
    "index_select": _selected,
    "cat": _joined,
    "concatenate": _joined,
    "stack": _joined,
    "median": _median,
}
