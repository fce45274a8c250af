"""The one place where numpy and torch differ.

Batches are float32 NCHW in 0–1. A numpy batch is shaped NCHW but lies in memory as NHWC (`to_batch`, `each`
and `through_bytes` return it so), because OpenCV reads images that way; nothing depends on it but speed.
Torch code never waits for the device: numbers travel with `column`, and nothing is read back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeIs

if TYPE_CHECKING:
    import torch

    Array = NDArray[np.float32] | torch.Tensor
else:
    Array = Any

PadRule = Literal["reflect", "replicate", "wrap"]
Image = NDArray[np.uint8]  # HWC
Plane = NDArray[np.float32]  # HWC or HW, 0–1

X = TypeVar("X", bound=Array)
Places = NDArray[np.int64]


def mirrored(place: Places, size: int) -> Places:
    """The places within an axis that those beyond its ends mirror, but for the ends themselves."""
    turn: Places = np.abs(place) % max(2 * size - 2, 1)
    return np.minimum(turn, 2 * size - 2 - turn)


_PLACES: dict[PadRule, Callable[[Places, int], Places]] = {
    "reflect": mirrored,
    "replicate": lambda place, size: np.clip(place, 0, size - 1),
    "wrap": lambda place, size: place % size,
}


@cache
def keep_memory() -> None:
    """Let glibc keep what images free for the next ones: fetching it anew costs a fifth of a chain or more.

    It keeps up to twice the largest block that it saw freed, if that had up to 32 MiB (mallopt(3),
    M_MMAP_THRESHOLD). This block is such a one; it is never written to, so it takes no memory.
    """
    np.empty(31 << 20, np.uint8)


def unaligned(shape: Sequence[int], kind: type[np.generic], by: int = 1) -> NDArray[Any]:
    """An array for `cv2.merge`, or several by 0, 1, 2 … samples for `cv2.split`, to write to.

    What is aligned, or alike, they write past the processor's cache, from where it is to be read next.
    """
    return np.empty(prod(shape) + by, kind)[by:].reshape(shape)


def own_settings(like: Array) -> AbstractContextManager[None]:
    """Within it tensors such as `like` are computed by the settings of this package, not by the caller's."""
    if not is_torch(like):
        return nullcontext()
    from srdata.common.tensors.torch_settings import own_settings as settings

    return settings(like.device)


def is_torch(x: Array) -> TypeIs[torch.Tensor]:
    """Whether `x` is a torch tensor; does not import torch to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def pad(x: X, left: int, right: int, top: int, bottom: int, rule: PadRule = "reflect") -> X:
    """`x` with a border: "reflect" mirrors but for the edge itself, "replicate" repeats it, "wrap" goes on.

    A border may be wider than the image, which torch's own padding refuses.
    """
    height, width = x.shape[2:]
    if (
        is_torch(x)
        and x.is_floating_point()
        and rule != "wrap"
        and _fits(left, right, width, top, bottom, height)
    ):
        from torch.nn.functional import pad as padded

        return cast(X, padded(x, (left, right, top, bottom), mode=rule))
    rows = index(_PLACES[rule](np.arange(-top, height + bottom), height), x)
    columns = index(_PLACES[rule](np.arange(-left, width + right), width), x)
    return cast(X, x[:, :, rows][:, :, :, columns])


def _fits(left: int, right: int, width: int, top: int, bottom: int, height: int) -> bool:
    """Whether each border is at least 0 and below the size of the image."""
    return min(left, right, top, bottom) >= 0 and max(left, right) < width and max(top, bottom) < height


def column(values: Sequence[float], like: Array) -> Array:
    """One number per image as an array (N, 1, 1, 1) where `like` is."""
    return table(values, like).reshape(-1, 1, 1, 1)


def table(values: Any, like: Array) -> Array:
    """Nested lists (or a numpy array) of numbers as float32 where `like` is; does not wait for a device."""
    return tensor(values, like) if is_torch(like) else np.asarray(values, np.float32)


def tensor(values: Any, like: torch.Tensor) -> torch.Tensor:
    """Nested lists (or a numpy array) of numbers as a float32 tensor where `like` is, not waiting for it.

    What takes a while to compute is given as a function, which is not called where its result is there.
    """
    from srdata.common.tensors.device_copies import sent_together

    def made() -> NDArray[np.float32]:
        return np.array(values() if callable(values) else values, np.float32)

    return sent_together(like.device, made)[0]


def index(places: Sequence[int] | NDArray[np.int64], like: Array) -> Any:
    """Places within a batch as something that indexes `like`; does not wait for the device."""
    if not is_torch(like):
        return np.asarray(places, np.int64)
    from srdata.common.tensors.device_copies import sent_together

    return sent_together(like.device, lambda: np.asarray(places, np.int64))[0]


def clip(x: X) -> X:
    """`x` held within 0–1."""
    return cast(X, x.clip(0, 1))


def held(x: X) -> X:
    """`x` held within 0–1; a numpy array in place, so only for one that was just made."""
    return cast(X, x.clip(0, 1) if is_torch(x) else x.clip(0, 1, out=x))


def rounded(x: Array) -> Array:
    """`x` in whole 8-bit levels, held within 0–1."""
    if is_torch(x):
        return levels_of(x).mul_(1 / 255)
    return to_batch([from_levels(to_levels(image)) for image in images(x)])


def levels_of(x: torch.Tensor) -> torch.Tensor:
    """The nearest levels 0 … 255 (half to even) of a tensor in 0–1, float32 and its own."""
    levels = x * 255
    if levels.device.type in ("cpu", "mps") or levels.requires_grad:
        return levels.round_().clamp_(0, 255)
    import torch

    return torch.fake_quantize_per_tensor_affine(levels, 1.0, 0, 0, 255)  # both by one launch


def stack(parts: Sequence[Array]) -> Array:
    """Batches of equal image size as one batch."""
    if len(parts) == 1:
        return parts[0]
    if is_torch(parts[0]):
        import torch

        return torch.cat(list(parts))  # type: ignore[arg-type]  # all parts are of the kind of the first
    return np.concatenate(parts)


def channels(planes: Sequence[Array]) -> Array:
    """Batches of one channel each as one batch of all these channels."""
    if is_torch(planes[0]):
        import torch

        return torch.cat(list(planes), dim=1)  # type: ignore[arg-type]  # all are of the kind of the first
    return to_batch(list(np.stack([plane[:, 0] for plane in planes], axis=-1)))


def by_groups(
    x: Array, groups: Sequence[Sequence[int]], work: Callable[[Array, Sequence[int]], Array]
) -> Array:
    """`work(part, its places in the batch)` on each group of the images of a batch, put together in place."""
    return in_place(one_by_one(x, groups, work), [place for group in groups for place in group])


def one_by_one(
    x: Array, groups: Sequence[Sequence[int]], work: Callable[[Array, Sequence[int]], Array]
) -> Array:
    """The same, but one group after another."""
    order = [place for group in groups for place in group]
    ends = [*accumulate(map(len, groups))]
    x = x if order == sorted(order) else x[index(order, x)]
    return stack([work(x[end - len(group) : end], group) for group, end in zip(groups, ends, strict=True)])


def in_place(x: Array, order: Sequence[int]) -> Array:
    """Images that lie in another order than their places, in that of their places."""
    return x if order == sorted(order) else x[index(np.argsort(order), x)]


def images(x: NDArray[np.float32]) -> list[Plane]:
    """The images of a numpy batch as contiguous HWC arrays, without copying where `x` lies as NHWC."""
    return [np.ascontiguousarray(image) for image in x.transpose(0, 2, 3, 1)]


def to_batch(planes: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Images (HWC, or HW for grey) of equal size as one numpy batch NCHW that lies in memory as NHWC."""
    whole = [plane if plane.ndim == 3 else plane[..., None] for plane in planes]
    return (np.stack(whole) if len(whole) > 1 else whole[0][None]).transpose(0, 3, 1, 2)


def each(
    x: NDArray[np.float32], params: Sequence[Any], work: Callable[[Plane, Any], Plane]
) -> NDArray[np.float32]:
    """`work(image HWC, parameters)` on each image of a numpy batch; `work` must not write to its image."""
    return to_batch([work(image, param) for image, param in zip(images(x), params, strict=True)])


def to_levels(x: NDArray[np.float32]) -> Image:
    """The 8-bit levels of floats in 0–1, rounded to the nearest (half to even), held within 0 … 255."""
    if not x.size:
        return x.astype(np.uint8)
    flat = np.ascontiguousarray(x).reshape(x.shape[0], -1)
    levels: Image = cv2.multiply(flat, 255.0, dtype=cv2.CV_8U).reshape(x.shape)
    return levels


def from_levels(image: Image) -> Plane:
    """The float32 image in 0–1 of 8-bit levels."""
    levels = image.astype(np.float32)
    levels *= np.float32(1 / 255)
    return levels


def through_bytes(x: Array, params: Sequence[Any], work: Callable[[Image, Any], Image]) -> Array:
    """`work(uint8 image HWC, parameters)` on each image of a batch; a tensor goes to the host and back."""
    host = x.detach().cpu().numpy() if is_torch(x) else x
    done = [work(to_levels(image), param) for image, param in zip(images(host), params, strict=True)]
    result = to_batch([from_levels(image) for image in done])
    if not is_torch(x):
        return result
    import torch

    return torch.from_numpy(np.ascontiguousarray(result)).to(x.device)


def by_torch(x: Array, work: Callable[[torch.Tensor], torch.Tensor]) -> Array:
    """`work` on a batch as a tensor: for what is only there in torch."""
    if is_torch(x):
        return work(x)
    import torch

    made = work(torch.from_numpy(np.ascontiguousarray(x)))
    return to_batch(list(made.permute(0, 2, 3, 1).numpy()))


def select(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where `condition` holds, else `no`."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, *(np.float32(v) if isinstance(v, float) else v for v in (yes, no)))
    import torch

    return torch.where(condition, yes, no)
