"""Whole images on the host: HR in, LR out, with the δ that makes the LR again."""

from __future__ import annotations

from srdata.degrade.backend import Image
from srdata.degrade.chain import Chain, Delta
from srdata.rng import Address
from srdata.scale import Scale


def make_lr(hr: Image, chain: Chain, scale: Scale | float, *address: Address) -> tuple[Image, Delta]:
    """The LR of an HR image (both uint8 HWC) by what is drawn at `address`, and that δ.

    HR is cropped (bottom and right) to what the LR grid covers.
    """
    delta = chain.sample(*address)
    return replay(hr, chain, delta, scale), delta


def replay(hr: Image, chain: Chain, delta: Delta, scale: Scale | float) -> Image:
    """The LR of an HR image (both uint8 HWC) by a δ that was drawn before, bit for bit as it was then."""
    return chain.apply_image(covered_part(hr, scale), delta, scale)


def covered_part(hr: Image, scale: Scale | float) -> Image:
    """The part of an HR image that whole LR pixels cover."""
    scale = scale if isinstance(scale, Scale) else Scale(scale)
    return hr[: scale.crop(hr.shape[0]), : scale.crop(hr.shape[1])]
