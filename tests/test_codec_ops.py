"""The ops that save and read again: the real codecs, by their settings, on photographs of odd size."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from srdata.degrade.lossy import video_codecs
from srdata.degrade.lossy.still_codecs import butteraugli_distance, through_jxl, through_webp
from srdata.degrade.lossy.video_codecs import through_video
from srdata.degrade.model.op import BytesOp
from srdata.degrade.numerics import backend
from srdata.degrade.ops.compression import Avif, Jpeg, Jxl, Video, Webp
from srdata.errors import MissingExtraError, UsageError
from srdata.rng import generator

Picture = NDArray[np.uint8]

OPS: dict[str, BytesOp] = {
    "jpeg": Jpeg(subsampling=["4:4:4", "4:2:2", "4:2:0", "4:1:1"]),
    "webp": Webp(),
    "avif": Avif(subsampling=["4:4:4", "4:2:0"]),
    "jxl": Jxl(),
    "video": Video(),
}
WORSE_AND_WORSE: dict[str, list[dict[str, Any]]] = {
    "jpeg": [{"quality": quality, "subsampling": "4:2:0"} for quality in (95, 50, 5)],
    "webp": [{"quality": quality} for quality in (95, 50, 5)],
    "avif": [{"quality": quality, "subsampling": "4:2:0"} for quality in (95, 50, 5)],
    "jxl": [{"quality": quality} for quality in (95, 50, 5)],
}
QUANTISERS = {
    "h264": (2, 20, 40),
    "hevc": (2, 20, 40),
    "vp9": (5, 30, 60),
    "mpeg2": (1, 6, 30),
    "mpeg4": (1, 6, 30),
}


@pytest.fixture(scope="module")
def picture() -> Picture:
    """An odd-sized piece of a photograph."""
    file = Path(__file__).parents[1] / "manifests" / "sample" / "coffee.png"
    whole: Picture = np.asarray(Image.open(file).convert("RGB"))
    return np.ascontiguousarray(whole[120:241, 150:285])


def psnr(a: Picture, b: Picture) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def drawn(op: BytesOp, count: int) -> list[dict[str, Any]]:
    return [op.sample(generator(image, op.op)) for image in range(count)]


@pytest.mark.parametrize("name", WORSE_AND_WORSE)
def test_lower_quality_is_further_from_the_picture(name: str, picture: Picture) -> None:
    for image in (picture, picture[..., 1:2]):
        results = [OPS[name].on_bytes(image, params) for params in WORSE_AND_WORSE[name]]
        assert {result.shape for result in results} == {image.shape}
        worst_last = [psnr(result, image) for result in results]
        assert worst_last == sorted(worst_last, reverse=True)
        assert worst_last[0] > max(33, worst_last[-1] + 5)


@pytest.mark.parametrize("codec", QUANTISERS)
@pytest.mark.parametrize("frames", [1, 3])
def test_a_coarser_quantiser_is_further_from_the_picture(codec: Any, frames: int, picture: Picture) -> None:
    results = [through_video(picture, codec, quantiser, frames) for quantiser in QUANTISERS[codec]]
    worst_last = [psnr(result, picture) for result in results]
    assert worst_last == sorted(worst_last, reverse=True)
    assert worst_last[0] > max(33, worst_last[-1] + 5)


@pytest.mark.parametrize("codec", QUANTISERS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 15)])
def test_video_codecs_take_pictures_of_any_size_and_grey_ones(codec: Any, size: tuple[int, int]) -> None:
    flat = np.full((*size, 3), (90, 130, 60), np.uint8)
    assert np.abs(through_video(flat, codec, 4).astype(int) - flat).max() <= 4
    grey = np.full((*size, 1), 99, np.uint8)
    assert np.abs(through_video(grey, codec, 4).astype(int) - grey).max() <= 3


def test_padding_does_not_show(picture: Picture) -> None:
    """The last column of an odd picture comes out as well as the others do, so no dark edge was coded."""
    result = through_video(picture, "h264", 20)
    assert psnr(result[:, -1:], picture[:, -1:]) > psnr(result, picture) - 4


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_the_tensor_code_gives_what_libjpeg_gives(subsampling: str, picture: Picture) -> None:
    params = [{"quality": quality, "subsampling": subsampling} for quality in (10, 50, 100)]
    x = backend.to_batch([backend.from_levels(picture)] * 3)
    by_libjpeg = Jpeg().apply(x, params)
    by_tensors = Jpeg(gradient="straight-through").apply(torch.from_numpy(x.copy()), params)
    assert np.array_equal(by_tensors.numpy(), by_libjpeg)


def test_tensors_of_one_batch_may_have_different_subsamplings_and_carry_a_gradient(picture: Picture) -> None:
    op = Jpeg(subsampling=["4:4:4", "4:2:2", "4:2:0", "4:1:1"], gradient="cubic")
    params = drawn(op, 6)
    assert len({param["subsampling"] for param in params}) > 2
    x = torch.from_numpy(backend.to_batch([backend.from_levels(picture)] * 6).copy()).requires_grad_()
    together = op.apply(x, params)
    for place in range(6):
        assert torch.equal(op.apply(x[place : place + 1], params[place : place + 1])[0], together[place])
    together.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_webp_is_what_pillow_writes(picture: Picture) -> None:
    for quality in (1, 40, 100):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, format="WEBP", quality=quality)
        assert np.array_equal(through_webp(picture, quality), np.asarray(Image.open(file)))


def test_jpeg_xl_reads_a_quality_as_libjxl_does(picture: Picture) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    for quality in (1, 29, 30, 75, 99):
        data = imagecodecs.jpegxl_encode(picture, level=quality, effort=5, lossless=False, numthreads=1)
        assert np.array_equal(through_jxl(picture, quality, 5), imagecodecs.jpegxl_decode(data))
    assert butteraugli_distance(90) == pytest.approx(1.0)


def test_avif_keeps_colour_edges_only_in_444(picture: Picture) -> None:
    stripes = picture.copy()
    stripes[:, ::2], stripes[:, 1::2] = (200, 40, 40), (40, 40, 200)
    full, half = (
        psnr(Avif().on_bytes(stripes, {"quality": 90, "subsampling": kind}), stripes)
        for kind in ("4:4:4", "4:2:0")
    )
    assert full > half + 15


def test_draws_cover_their_ranges() -> None:
    op = Video(crf=(20, 22), vp9_crf=(40, 41), qscale=(3, 4), frames=(1, 2))
    params = drawn(op, 400)
    assert {(param["codec"], param["quantiser"]) for param in params} == {
        *((codec, crf) for codec in ("h264", "hevc") for crf in (20, 21, 22)),
        *((codec, scale) for codec in ("mpeg2", "mpeg4") for scale in (3, 4)),
        ("vp9", 40),
        ("vp9", 41),
    }
    assert {param["frames"] for param in params} == {1, 2}
    assert {param["quality"] for param in drawn(Jpeg(quality=(30, 33)), 100)} == {30, 31, 32, 33}


def test_a_missing_extra_is_named(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingExtraError, match="needs av: run `pip install av`"):
        through_video(picture, "h264", 20)
    with pytest.raises(MissingExtraError, match="needs imagecodecs: run `pip install imagecodecs`"):
        through_jxl(picture, 50, 5)


def test_an_encoder_that_was_not_built_is_named(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    coder = replace(video_codecs._CODERS["h264"], encoder="libnothing")
    monkeypatch.setitem(video_codecs._CODERS, "h264", coder)
    with pytest.raises(UsageError, match="built without libnothing"):
        through_video(picture, "h264", 20)


def test_a_pillow_without_avif_is_named(picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.features.check", lambda feature: feature != "avif")
    with pytest.raises(UsageError, match="Pillow was built without AVIF"):
        Avif().on_bytes(picture, {"quality": 50, "subsampling": "4:2:0"})


def test_a_picture_too_long_for_the_format_is_refused() -> None:
    with pytest.raises(UsageError, match="WebP holds at most 16383 pixels a side, this is 16384 x 2"):
        Webp().on_bytes(np.zeros((2, 16384, 3), np.uint8), {"quality": 50})
    longest = Webp().on_bytes(np.zeros((2, 16383, 3), np.uint8), {"quality": 50})
    assert longest.shape == (2, 16383, 3)
    with pytest.raises(UsageError, match="JPEG holds at most 65500"):
        Jpeg().on_bytes(np.zeros((65501, 1, 1), np.uint8), {"quality": 50, "subsampling": "4:2:0"})


def test_video_edges_agree_with_opencv_reading_the_colours(picture: Picture) -> None:
    """At the finest quantiser only the 4:2:0 conversion is left, which OpenCV makes within a few levels."""
    even = picture[:120, :134]
    yuv = cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)
    reference = cv2.cvtColor(yuv, cv2.COLOR_YUV2RGB_I420)
    assert psnr(through_video(even, "h264", 0), reference) > 30
