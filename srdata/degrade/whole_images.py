"""Whole images on the host: HR in, LR out, with the δ that makes the LR again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from srdata.degrade.chain import Chain, Delta, load_chain
from srdata.degrade.numerics.backend import Image
from srdata.errors import UsageError
from srdata.scale import Scale

EPOCH = 0  # what is made once and kept is drawn as if for the first epoch


class Degraded(NamedTuple):
    """An LR image, the HR image that belongs to it (sharpened, where the degradation does that), and δ."""

    lr: Image
    hr: Image
    delta: Delta


def degrade(
    image: Image,
    degradation: str | Path | dict[str, Any] | list[Any] | Chain = "bicubic",
    scale: Scale | float | None = None,
    seed: int = 0,
    key: str = "",
) -> Degraded:
    """Make the LR image of an HR image (uint8; HWC, or HW for grey) by a degradation.

    `degradation` is a name of the catalogue, a YAML file, or a chain as plain data. `scale` may be left out
    where the degradation is made for one scale only. HR is cropped (bottom and right) to what the LR grid
    covers. `seed` and `key` say what is drawn: equal ones give equal pixels, a `key` for each image sets the
    images of one seed apart, and a prepared set has the same LR by its seed and keys.

    Raises UsageError for an image of another type, an unknown name, a scale that the degradation is not for.
    """
    if not hasattr(image, "dtype"):
        raise UsageError(f"an image is an array, uint8, HWC or HW, not {type(image)}: read its file first")
    if image.dtype != "uint8" or image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,)):
        raise UsageError(
            f"an image is uint8, HWC or HW, not {image.dtype} of shape {image.shape}; C is 3, or 1 for grey"
        )
    chain = load_chain(degradation)
    scale = scale_of(chain, scale)
    hr = covered_part(image if image.ndim == 3 else image[..., None], scale)
    delta = chain.sample(seed, EPOCH, key)
    pair = chain.pair_image(hr, delta, scale)
    shape = image.shape[2:]
    return Degraded(
        pair.lr.reshape(*pair.lr.shape[:2], *shape), pair.hr.reshape(*hr.shape[:2], *shape), delta
    )


def scale_of(chain: Chain, scale: Scale | float | None) -> Scale:
    """The scale that is asked for, or else the only one that the degradation is made for."""
    if scale is not None:
        return scale if isinstance(scale, Scale) else Scale(scale)
    if len(chain.scales) != 1:
        raise UsageError(
            "say for which scale, by scale= or --scale: the degradation is not made for one alone"
        )
    return Scale(chain.scales[0])


def replay(hr: Image, chain: Chain, delta: Delta, scale: Scale | float, hr_done: bool = False) -> Image:
    """The LR of an HR image (both uint8 HWC) by a δ that was drawn before, bit for bit as it was then.

    With `hr_done`, `hr` is the image that came with that LR, to which the chain has done what it does to HR.
    Where LR was made on a device, noise is the same to the bit; samples may differ by a level, and by a few
    after a JPEG.
    """
    if hr_done and chain.target:
        raise UsageError(
            "the degradation altered HR once LR was made of it, so LR cannot be made again of what is kept: "
            "prepare a set of the source again"
        )
    if hr_done:
        chain, delta = chain.model_copy(update={"hr": ()}), delta[len(chain.hr) :]
    return chain.apply_image(covered_part(hr, scale), delta, scale)


def covered_part(hr: Image, scale: Scale | float) -> Image:
    """The part of an HR image that whole LR pixels cover; UsageError if there is none."""
    scale = scale if isinstance(scale, Scale) else Scale(scale)
    height, width = scale.crop(hr.shape[0]), scale.crop(hr.shape[1])
    if not height or not width:
        raise UsageError(
            f"an image of {hr.shape[1]}x{hr.shape[0]} is smaller than an LR pixel at {scale.label}"
        )
    return hr[:height, :width]
