"""What the header of an image file says, and whether that lets it be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from srdata.errors import ImageError
from srdata.images.image_policy import MOST_PIXELS, ImagePolicy, remedy

Channels = Literal[1, 3]  # of a file: grey or colours, where alpha does not count


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image file says; height and width are those after orientation."""

    format: str
    mode: str
    height: int
    width: int
    frames: int
    maxval: int | None  # the largest sample; None where samples are not whole numbers from 0 on
    grey: bool
    alpha: bool
    orientation: int  # EXIF: 1 is upright
    icc: bool
    unread: str | None = None  # why no setting lets it be read

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def channels(self) -> Channels:
        """1 for grey, of any depth; else 3, for a palette of greys too."""
        return 1 if self.grey else 3

    @property
    def deep(self) -> bool:
        """Whether it has more than 8 bits a sample."""
        return self.maxval is None or self.maxval > 255


def damaged(name: str, why: object) -> ImageError:
    """The error for an image file that cannot be read."""
    return ImageError(f"{name}: damaged image ({why}): get the file again, or leave it out")


def admit(info: ImageInfo, policy: ImagePolicy, name: str) -> None:
    """Raise ImageError for what the header already shows to be inadmissible."""
    size, pixels = f"{info.width}x{info.height}", info.height * info.width
    if pixels < 1:
        raise ImageError(f"{name}: an image of {size} pixels")
    if pixels > MOST_PIXELS:
        raise ImageError(f"{name}: {size} is more than the {MOST_PIXELS} pixels that can be read: cut it up")
    if pixels > policy.max_pixels:
        raise ImageError(
            f"{name}: {size} is more than {policy.max_pixels} pixels: "
            f"read it by {remedy('max_pixels', pixels)}"
        )
    if info.frames > 1 and policy.frames == "error":
        raise ImageError(f"{name}: has {info.frames} frames: take one by {remedy('frames', 'first')}")
    if info.unread is not None:
        raise ImageError(f"{name}: {info.unread}: convert it to 8-bit RGB yourself")
    if info.deep and policy.depth16 == "error":
        bits = (info.maxval or 0).bit_length()
        raise ImageError(f"{name}: has {bits} bits a sample: take 8 of them by {remedy('depth16', 'round')}")
    if info.mode == "CMYK" and policy.cmyk == "error":
        raise ImageError(f"{name}: is CMYK: read it by {remedy('cmyk', 'convert')}, or convert it yourself")
