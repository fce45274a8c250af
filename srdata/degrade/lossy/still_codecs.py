"""What lossy image files do to an 8-bit picture: encoded and decoded in memory by the real codecs.

Pictures are uint8 HWC, RGB or grey. The same picture and settings give the same result: each codec runs on
one thread.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

from srdata.degrade.numerics.backend import Image
from srdata.errors import MissingExtraError, UsageError

JpegSubsampling = Literal["4:4:4", "4:2:2", "4:2:0", "4:1:1"]
JpegGradient = Literal["none", "straight-through", "cubic"]  # see srdata.degrade.lossy.jpeg
AvifSubsampling = Literal["4:4:4", "4:2:2", "4:2:0"]

_JPEG_FACTORS: dict[JpegSubsampling, int] = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "4:1:1": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}
_LONGEST = {"JPEG": 65500, "WebP": 16383}  # pixels; libjpeg and libwebp refuse more


def through_jpeg(image: Image, quality: int, subsampling: JpegSubsampling) -> Image:
    """The picture after libjpeg-turbo; grey pictures become grey JPEGs."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if image.shape[2] == 3:
        settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _JPEG_FACTORS[subsampling]]
    return _through_opencv(image, "JPEG", ".jpg", settings)


def through_webp(image: Image, quality: int) -> Image:
    """The picture after libwebp's lossy mode, which always subsamples chroma 4:2:0."""
    return in_rgb(
        image, lambda rgb: _through_opencv(rgb, "WebP", ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])
    )


def through_avif(image: Image, quality: int, subsampling: AvifSubsampling, speed: int) -> Image:
    """The picture after libavif: `speed` 0 (slow) … 10 (fast)."""
    from PIL import Image as Pillow  # takes long, and only this needs it
    from PIL import features

    if not features.check("avif"):
        raise UsageError("this Pillow was built without AVIF: install a wheel of it from PyPI")

    def work(rgb: Image) -> Image:
        file = io.BytesIO()
        settings = {"quality": quality, "subsampling": subsampling, "speed": speed, "max_threads": 1}
        Pillow.fromarray(rgb).save(file, format="AVIF", **settings)
        return np.asarray(Pillow.open(file).convert("RGB"))

    return in_rgb(image, work)


def through_jxl(image: Image, quality: int, effort: int) -> Image:
    """The picture after libjxl's lossy mode: `effort` 1 (fast) … 9 (small)."""
    try:
        import imagecodecs
    except ImportError:
        raise MissingExtraError.of("imagecodecs") from None
    distance = butteraugli_distance(quality)
    data = imagecodecs.jpegxl_encode(image, distance=distance, effort=effort, lossless=False, numthreads=1)
    decoded: Image = imagecodecs.jpegxl_decode(data, numthreads=1)
    return decoded.reshape(image.shape)


def butteraugli_distance(quality: int) -> float:
    """The distance by which libjxl reads a quality of 1 … 100.

    Source: JxlEncoderDistanceFromQuality, libjxl, lib/jxl/encode.cc.
    """
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25


def in_rgb(image: Image, work: Callable[[Image], Image]) -> Image:
    """`work` on a picture that may be grey, by a codec that knows only RGB."""
    if image.shape[2] == 3:
        return work(image)
    coloured: Image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    grey: Image = cv2.cvtColor(work(coloured), cv2.COLOR_RGB2GRAY)
    return grey[..., None]


def _through_opencv(image: Image, name: str, suffix: str, settings: list[int]) -> Image:
    height, width, channels = image.shape
    if max(height, width) > _LONGEST[name]:
        raise UsageError(f"{name} holds at most {_LONGEST[name]} pixels a side, this is {width} x {height}")
    if channels == 1:
        _, data = cv2.imencode(suffix, image, settings)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)[..., None]
    _, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
