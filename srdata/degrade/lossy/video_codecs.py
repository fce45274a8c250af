"""What a video codec does to a still picture: encoded and decoded in this process, through PyAV.

The quality is set by a constant quantiser, not by a bit rate: the rate control of x264 and x265 follows a bit
rate within a frame, but that of MPEG-2, MPEG-4 and VP9 gives a still picture nearly the same size for any.

Source: the encoders of FFmpeg's libraries, as PyAV's wheels bring them: x264, x265, libvpx, and FFmpeg's own
MPEG-2 and MPEG-4 part 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import cv2

from srdata.degrade.lossy.still_codecs import in_rgb
from srdata.degrade.numerics.backend import Image
from srdata.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from av import Packet, VideoCodecContext, VideoFrame

VideoCodec = Literal["h264", "hevc", "mpeg2", "mpeg4", "vp9"]

_FRAMES_PER_SECOND = 25
_LEAST_SIDE = 16  # x265 takes no smaller picture


@dataclass(frozen=True)
class _Coder:
    encoder: str
    decoder: str
    quantiser: tuple[str, ...] = ("crf",)  # the options of the encoder that hold it
    options: dict[str, str] = field(default_factory=dict)


_CODERS: dict[VideoCodec, _Coder] = {
    "h264": _Coder("libx264", "h264"),
    "hevc": _Coder("libx265", "hevc", options={"x265-params": "pools=none:frame-threads=1:log-level=none"}),
    "mpeg2": _Coder("mpeg2video", "mpeg2video", ("qmin", "qmax")),
    "mpeg4": _Coder("mpeg4", "mpeg4", ("qmin", "qmax")),
    "vp9": _Coder("libvpx-vp9", "vp9", options={"deadline": "good", "cpu-used": "4", "b": "0"}),
}


def through_video(image: Image, codec: VideoCodec, quantiser: int, frames: int = 1) -> Image:
    """The picture (uint8 HWC) as the last of `frames` frames that show nothing else, in 8-bit 4:2:0.

    `quantiser`: the constant rate factor of h264 and hevc (0 … 51) and of vp9 (0 … 63), the quantiser scale
    of mpeg2 and mpeg4 (1 … 31). Edges are repeated to even sides of at least 16 and cut off again.

    Raises MissingExtraError without PyAV, UsageError where PyAV was built without the encoder.
    """
    return in_rgb(image, lambda rgb: _last_frame(_packets(rgb, codec, quantiser, frames), codec, rgb))


def _packets(rgb: Image, codec: VideoCodec, quantiser: int, frames: int) -> list[Packet]:
    coder = _CODERS[codec]
    context = _context(coder.encoder, "w")
    context.options = coder.options | dict.fromkeys(coder.quantiser, str(quantiser))
    still = _still(rgb)
    context.width, context.height, context.pix_fmt = still.width, still.height, still.format.name
    context.time_base, context.framerate = Fraction(1, _FRAMES_PER_SECOND), Fraction(_FRAMES_PER_SECOND)
    packets: list[Packet] = []
    for number in range(frames):
        still.pts = number
        packets += context.encode(still)
    packets += context.encode(None)
    return packets


def _still(rgb: Image) -> VideoFrame:
    from av import VideoFrame

    right, bottom = (max(side + side % 2, _LEAST_SIDE) - side for side in (rgb.shape[1], rgb.shape[0]))
    whole = cv2.copyMakeBorder(rgb, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return VideoFrame.from_ndarray(whole, format="rgb24").reformat(format="yuv420p")


def _last_frame(packets: list[Packet], codec: VideoCodec, like: Image) -> Image:
    context = _context(_CODERS[codec].decoder, "r")
    decoded = [frame for packet in [*packets, None] for frame in context.decode(packet)]
    whole: Image = decoded[-1].to_ndarray(format="rgb24")
    return whole[: like.shape[0], : like.shape[1]]


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    """A codec on one thread, so that it gives the same result each time."""
    try:
        import av
    except ImportError:
        raise MissingExtraError.of("av") from None
    try:
        context = cast("VideoCodecContext", av.CodecContext.create(name, mode))
    except av.codec.codec.UnknownCodecError as error:
        raise UsageError(f"this PyAV was built without {name}: install a wheel of it from PyPI") from error
    context.thread_count = 1
    return context
