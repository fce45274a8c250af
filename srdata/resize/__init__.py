"""MATLAB-compatible resizing, sample for sample as the published super-resolution benchmarks were made.

fast_uint8             uint8 rows by float32 matrix products, equal in every sample
interpolation_kernels  box, triangle, cubic, lanczos
on_arrays              both passes over a numpy image
on_tensors             both passes over a torch batch
output_sizes           what is asked for, checked
pillow_weights         Pillow's resize in whole numbers
reference              the definition in float64
taps                   which input pixels make an output pixel
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from numpy.typing import NDArray

from srdata.resize import on_arrays
from srdata.resize.output_sizes import Number, check_names, passes
from srdata.resize.taps import Taps, taps

if TYPE_CHECKING:
    from torch import Tensor
    from typing_extensions import TypeIs

__all__ = ["imresize"]


@overload
def imresize(
    image: NDArray[Any],
    scale: Number | tuple[Number, Number] | None = None,
    size: tuple[int, int] | None = None,
    *,
    kernel: str = "bicubic",
    antialias: bool = True,
    border: str = "symmetric",
    rounding: str = "each-pass",
) -> NDArray[Any]: ...


@overload
def imresize(
    image: Tensor,
    scale: Number | tuple[Number, Number] | None = None,
    size: tuple[int, int] | None = None,
    *,
    kernel: str = "bicubic",
    antialias: bool = True,
    border: str = "symmetric",
    rounding: str = "each-pass",
) -> Tensor: ...


def imresize(
    image: NDArray[Any] | Tensor,
    scale: Number | tuple[Number, Number] | None = None,
    size: tuple[int, int] | None = None,
    *,
    kernel: str = "bicubic",
    antialias: bool = True,
    border: str = "symmetric",
    rounding: str = "each-pass",
) -> NDArray[Any] | Tensor:
    """Resize an image by `scale` = output/input, or to `size` = (height, width), as MATLAB's imresize does.

    `image` is a numpy array (H, W) or (H, W, C), or a torch batch (N, C, H, W) on any device; it is not
    written to. uint8 and uint16 give the same type. Floats give float64 (numpy) or their own type (torch),
    neither rounded nor clamped, and gradients flow. The output has ceil(input * scale) rows and columns;
    `scale` may be a pair (rows, columns).

    `kernel` is bicubic (a = -0.5), bilinear, lanczos2, lanczos3, box or nearest. `antialias` stretches the
    kernel (all but nearest) when an image is reduced. `border` symmetric mirrors the image at its edges;
    replicate repeats the edge, as older MATLAB did. `rounding` each-pass is what MATLAB does to integers:
    half up after the rows and again after the columns. once is what comes of a double image that is rounded
    when it is saved. The axis that shrinks most goes first, the rows where both shrink alike.

    Raises UsageError for arguments that make no sense and for an image of another type or shape, and
    UnknownNameError (a UsageError) for an unknown kernel, border or rounding.

    >>> import numpy as np
    >>> imresize(np.arange(64, dtype=np.uint8).reshape(8, 8), 1 / 4)
    array([[12, 17],
           [46, 51]], dtype=uint8)
    """
    check_names(kernel, border, rounding)
    if _is_tensor(image):
        from srdata.resize import on_tensors

        on_tensors.check_batch(image)
        passes = _passes(image.shape[2:], scale, size, kernel, antialias)
        return on_tensors.resize(image, passes, border, rounding)
    on_arrays.check_array(image)
    passes = _passes(image.shape[:2], scale, size, kernel, antialias)
    return on_arrays.resize(image, passes, border, rounding)


def imresize_levels(
    levels: Tensor, size: tuple[int, int], *, kernel: str, antialias: bool, border: str, rounding: str
) -> Tensor:
    """`imresize` of the levels of 8-bit images (N, C, H, W) on CUDA, which are float32 and stay so."""
    from srdata.resize import on_tensors

    passes = _passes(levels.shape[2:], None, size, kernel, antialias)
    return on_tensors.resized_levels(levels, passes, border, rounding)


def _is_tensor(image: object) -> TypeIs[Tensor]:
    """Whether this is a torch tensor; where torch was never imported nothing is, and it stays so."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def _passes(
    shape: Sequence[int], scale: object, size: object, kernel: str, antialias: bool
) -> list[tuple[int, Taps]]:
    return [
        (axis.number, taps(shape[axis.number], axis.size, axis.ratio, kernel, bool(antialias)))
        for axis in passes(shape[0], shape[1], scale, size)
    ]
