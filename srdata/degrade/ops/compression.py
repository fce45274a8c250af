"""Ops that pass images through lossy files: JPEG, WebP, AVIF, JPEG XL, and video codecs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast, get_args

import numpy as np
from pydantic import Field, model_validator

from srdata.degrade.lossy.still_codecs import (
    AvifSubsampling,
    JpegGradient,
    JpegSubsampling,
    through_avif,
    through_jpeg,
    through_jxl,
    through_webp,
)
from srdata.degrade.lossy.video_codecs import VideoCodec, through_video
from srdata.degrade.model.by_setting import alike
from srdata.degrade.model.distributions import integer, pick, uniform
from srdata.degrade.model.op import BytesOp, Params
from srdata.degrade.model.ranges import ODDS, IntRange, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image, is_torch

if TYPE_CHECKING:
    import torch

_VIDEO_CODECS: tuple[VideoCodec, ...] = get_args(VideoCodec)

Quality = Annotated[IntRange, between(1, 100)]


class Jpeg(BytesOp):
    """Save as JPEG and read again: libjpeg-turbo on the CPU, the same arithmetic in tensor code on a device.

    `gradient` is for tensors that need one, where the tensor code then runs on any device; see
    `srdata.degrade.jpeg`. Without, no gradient passes. With `variant` "diffjpeg" it is what Real-ESRGAN and
    its kin train with, in floats on either side: chroma is 4:2:0, and qualities need not be whole.
    """

    later: ClassVar[tuple[str, ...]] = ("variant",)
    applied: ClassVar[tuple[str, ...]] = ("gradient", "variant")

    op: Literal["jpeg"] = "jpeg"
    quality: Quality = (30, 95)
    subsampling: Annotated[dict[JpegSubsampling, float], *ODDS] = Field(default={"4:2:0": 1.0})
    gradient: JpegGradient = "none"
    variant: Literal["libjpeg", "diffjpeg"] = "libjpeg"

    @model_validator(mode="after")
    def _of_variant(self) -> Jpeg:
        if self.variant == "diffjpeg" and (self.gradient != "none" or set(self.subsampling) != {"4:2:0"}):
            raise ValueError("variant diffjpeg has 4:2:0 alone, and no gradient")
        return self

    @property
    def gives_levels(self) -> bool:
        return self.gradient == "none" and not self.in_floats

    @property
    def in_floats(self) -> bool:
        return self.variant == "diffjpeg"

    def sample(self, rng: np.random.Generator) -> Params:
        if self.in_floats:
            return {"quality": uniform(rng, self.quality)}
        return {"quality": integer(rng, self.quality), "subsampling": pick(rng, self.subsampling)}

    def on_bytes(self, image: Image, params: Params) -> Image:
        return through_jpeg(image, params["quality"], params["subsampling"])

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        if self.in_floats:
            return self._as_floats(x, params)
        if is_torch(x) and (x.device.type != "cpu" or self.gradient != "none"):
            return alike(x, params, ["subsampling"], self._as_tensors)
        return super().apply(x, params)

    def _as_tensors(self, x: Array, params: Sequence[Params]) -> Array:
        from srdata.degrade.lossy.jpeg import jpeg

        images, qualities = cast("torch.Tensor", x), [drawn["quality"] for drawn in params]
        return jpeg(images, qualities, params[0]["subsampling"], self.gradient)

    def _as_floats(self, x: Array, params: Sequence[Params]) -> Array:
        from srdata.degrade.lossy.diffjpeg import diffjpeg

        qualities = [drawn["quality"] for drawn in params]
        return backend.by_torch(x, lambda images: diffjpeg(images.clamp(0, 1), qualities))


class Webp(BytesOp):
    """Save as lossy WebP and read again.

    Source: libwebp, through OpenCV; it always subsamples chroma 4:2:0.
    """

    host_only: ClassVar[bool] = True

    op: Literal["webp"] = "webp"
    quality: Quality = (30, 95)

    def sample(self, rng: np.random.Generator) -> Params:
        return {"quality": integer(rng, self.quality)}

    def on_bytes(self, image: Image, params: Params) -> Image:
        return through_webp(image, params["quality"])


class Avif(BytesOp):
    """Save as AVIF and read again.

    Source: libavif, through Pillow.
    """

    host_only: ClassVar[bool] = True

    op: Literal["avif"] = "avif"
    quality: Quality = (30, 90)
    subsampling: Annotated[dict[AvifSubsampling, float], *ODDS] = Field(default={"4:2:0": 1.0})
    speed: Annotated[int, between(0, 10)] = 8  # 0 slow and thorough … 10 fast

    def sample(self, rng: np.random.Generator) -> Params:
        return {"quality": integer(rng, self.quality), "subsampling": pick(rng, self.subsampling)}

    def on_bytes(self, image: Image, params: Params) -> Image:
        return through_avif(image, params["quality"], params["subsampling"], self.speed)


class Jxl(BytesOp):
    """Save as lossy JPEG XL and read again; needs the extra `jxl`.

    Source: libjxl, through imagecodecs; `quality` as its JxlEncoderDistanceFromQuality reads it.
    """

    host_only: ClassVar[bool] = True

    op: Literal["jxl"] = "jxl"
    quality: Quality = (30, 95)
    effort: Annotated[int, between(1, 9)] = 5  # 1 fast … 9 small

    def sample(self, rng: np.random.Generator) -> Params:
        return {"quality": integer(rng, self.quality)}

    def on_bytes(self, image: Image, params: Params) -> Image:
        return through_jxl(image, params["quality"], self.effort)


class Video(BytesOp):
    """Pass through a video codec in 8-bit 4:2:0; needs the extra `video`.

    The image is a clip of `frames` equal frames, of which the last is kept: one frame is coded by itself,
    more are refined from one to the next as in a still scene.
    Source: FFmpeg's encoders, through PyAV; wtp_dataset_destroyer "compress" has the same codecs.
    """

    host_only: ClassVar[bool] = True

    op: Literal["video"] = "video"
    codec: Annotated[dict[VideoCodec, float], *ODDS] = Field(default=dict.fromkeys(_VIDEO_CODECS, 1.0))
    crf: Annotated[IntRange, between(0, 51)] = (20, 35)  # h264 and hevc: constant rate factor
    vp9_crf: Annotated[IntRange, between(0, 63)] = (30, 55)
    qscale: Annotated[IntRange, between(1, 31)] = (2, 12)  # mpeg2 and mpeg4: quantiser scale
    frames: Annotated[IntRange, between(1, 250)] = (1, 1)

    def sample(self, rng: np.random.Generator) -> Params:
        codec = pick(rng, self.codec)
        quantiser = integer(rng, self._quantisers(codec))
        return {"codec": codec, "quantiser": quantiser, "frames": integer(rng, self.frames)}

    def _quantisers(self, codec: VideoCodec) -> tuple[int, int]:
        if codec in ("mpeg2", "mpeg4"):
            return self.qscale
        return self.vp9_crf if codec == "vp9" else self.crf

    def on_bytes(self, image: Image, params: Params) -> Image:
        return through_video(image, params["codec"], params["quantiser"], params["frames"])
