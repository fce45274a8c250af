"""From the modes that image files have to RGB: the colour profile first, then alpha."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageCms

from srdata.errors import ImageError
from srdata.images.image_policy import ImagePolicy, remedy

_SPACES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # of profiles, and the mode that each is for
_PLAIN = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK", "YCbCr": "RGB"}  # the colours alone; else RGB
_FLAGS = {"L": ImageCms.Flags.NOOPTIMIZE}  # else dark greys are up to 10 levels off
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}  # where colours were multiplied by alpha


@dataclass(frozen=True)
class ToRgb:
    """Makes RGB of rows of one file: profile, then alpha, by a policy."""

    policy: ImagePolicy
    name: str  # of the file, in errors
    profile: bytes | None  # that of the file

    def __call__(self, rows: Image.Image) -> np.ndarray:
        """RGB uint8 (height, width, 3); raises ImageError."""
        if rows.mode in _STRAIGHT:
            rows = rows.convert(_STRAIGHT[rows.mode])
        alpha = rows.convert("RGBA").getchannel("A") if rows.has_transparency_data else None
        if self._managed:
            colours = self._to_srgb(rows.convert(_PLAIN.get(rows.mode, "RGB")))
        else:
            colours = rows.convert("RGB")
        if alpha is not None and alpha.getextrema() != (255, 255):
            colours = self._on_ground(colours, alpha)
        return np.asarray(colours)

    @property
    def _managed(self) -> bool:
        return self.profile is not None and self.policy.icc == "srgb"

    def _on_ground(self, colours: Image.Image, alpha: Image.Image) -> Image.Image:
        if self.policy.alpha == "drop":
            return colours
        if self.policy.alpha == "error":
            raise ImageError(
                f"{self.name}: has a transparent part: read it by {remedy('alpha', 'white')}, black or drop"
            )
        colours.putalpha(alpha)
        ground = Image.new("RGBA", colours.size, self.policy.alpha)
        return Image.alpha_composite(ground, colours).convert("RGB")

    def _to_srgb(self, colours: Image.Image) -> Image.Image:
        space, transform = self._transform
        if colours.mode == "L" and space == "RGB":
            colours = colours.convert("RGB")
        if colours.mode != space:
            raise ImageError(f"{self.name}: is {colours.mode} with a colour profile of {space}: {_WITHOUT}")
        return ImageCms.applyTransform(colours, transform) or colours

    @cached_property
    def _transform(self) -> tuple[str, ImageCms.ImageCmsTransform]:
        """The mode that the profile is for, and the way from there to sRGB."""
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(self.profile or b""))
            space = profile.profile.xcolor_space.strip()
            mode = _SPACES.get(space, space)
            srgb = ImageCms.createProfile("sRGB")
            return mode, ImageCms.buildTransform(
                profile, srgb, mode, "RGB", flags=_FLAGS.get(mode, ImageCms.Flags.NONE)
            )
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            raise ImageError(
                f"{self.name}: its colour profile cannot be used ({error}): {_WITHOUT}"
            ) from error


_WITHOUT = f"leave it out by {remedy('icc', 'ignore')}"
