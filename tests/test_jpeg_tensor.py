"""The tensor JPEG against libjpeg-turbo itself, as OpenCV and Pillow run it: not one sample may differ."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from srdata.degrade.lossy import jpeg_chroma, jpeg_dct
from srdata.degrade.lossy.jpeg import jpeg
from srdata.degrade.lossy.jpeg_dct import Rounding
from srdata.errors import UnknownNameError, UsageError

QUALITIES = (10, 30, 50, 75, 90, 95, 100)
FACTORS = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111, "4:1:1": 0x411111}
SUBSAMPLINGS = tuple(FACTORS)
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "rocket.jpg")
SIZES = (
    (1, 1),
    (3, 5),
    (7, 9),
    (17, 15),
    (2, 2),
    (1, 9),
    (9, 1),
    (5, 4),
    (4, 6),
    (16, 16),
    (31, 33),
    (33, 31),
)

Picture = NDArray[np.uint8]


def photograph(folder: Path, name: str) -> Picture:
    return np.asarray(Image.open(folder / name).convert("RGB"))


def noise(height: int, width: int, channels: int = 3) -> Picture:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, channels), np.uint8)


def opencv(picture: Picture, quality: int, subsampling: str) -> Picture:
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, FACTORS[subsampling]]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)[1]
    return cv2.cvtColor(cv2.imdecode(encoded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def pillow(picture: Picture, quality: int, subsampling: str) -> Picture:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


def batch(*pictures: Picture) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())


def differences(got: torch.Tensor, expected: list[Picture]) -> int:
    return int((got != batch(*expected)).sum())


@pytest.fixture
def patch(photographs: Path) -> torch.Tensor:
    return batch(photograph(photographs, "coffee.png")[120:171, 150:203])


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("name", NAMES)
def test_whole_photographs_come_out_as_from_opencv(photographs: Path, name: str, subsampling: str) -> None:
    picture = photograph(photographs, name)
    for quality in QUALITIES:
        assert (
            differences(jpeg(batch(picture), quality, subsampling), [opencv(picture, quality, subsampling)])
            == 0
        )


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("name", NAMES)
def test_odd_sizes_and_a_quality_for_each_image(photographs: Path, name: str, subsampling: str) -> None:
    picture = photograph(photographs, name)[-163:, -211:]
    got = jpeg(batch(*[picture] * len(QUALITIES)), QUALITIES, subsampling)
    assert differences(got, [opencv(picture, quality, subsampling) for quality in QUALITIES]) == 0


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("size", SIZES)
def test_tiny_pictures(size: tuple[int, int], subsampling: str) -> None:
    picture = noise(*size)
    got = jpeg(batch(picture, picture, picture), [1, 50, 100], subsampling)
    assert differences(got, [opencv(picture, quality, subsampling) for quality in (1, 50, 100)]) == 0


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_every_quality_on_a_picture_of_extremes(subsampling: str) -> None:
    picture = (noise(37, 41) // 128 * 255).astype(np.uint8)
    got = jpeg(batch(*[picture] * 100), range(1, 101), subsampling)
    assert differences(got, [opencv(picture, quality, subsampling) for quality in range(1, 101)]) == 0


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_as_from_pillow(photographs: Path, subsampling: str) -> None:
    picture = photograph(photographs, "astronaut.png")[:211, :163]
    got = jpeg(batch(*[picture] * len(QUALITIES)), QUALITIES, subsampling)
    assert differences(got, [pillow(picture, quality, subsampling) for quality in QUALITIES]) == 0


def test_grey_pictures_are_grey_files(photographs: Path) -> None:
    picture = photograph(photographs, "rocket.jpg")[:99, :101, 1]
    got = jpeg(batch(*[picture[..., None]] * len(QUALITIES)), QUALITIES)
    expected = [
        cv2.imdecode(
            cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE
        )
        for quality in QUALITIES
    ]
    assert differences(got, [grey[..., None] for grey in expected]) == 0


def test_a_rounding_bias_left_out_would_be_noticed(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = photograph(photographs, "chelsea.png")[:64, :64]
    monkeypatch.setitem(jpeg_chroma._SHRINK_BIAS, (2, 2), (2, 2))
    assert differences(jpeg(batch(picture), 90), [opencv(picture, 90, "4:2:0")]) > 0


@pytest.mark.parametrize("step", [1, 16, 100, 255])
def test_transforms_are_exact_up_to_the_extremes(step: int) -> None:
    """Against the same products in 64-bit integers, on blocks of black and white and of noise."""
    rng = np.random.default_rng(step)
    samples = np.where(rng.random((8, 4000, 8)) < 0.5, -128, 127)
    samples[:, :1000] = rng.integers(-128, 128, (8, 1000, 8))
    basis = np.array(jpeg_dct.BASIS)
    rows = samples @ basis.T + (1 << 10) >> 11
    coefficients = np.einsum("ij,jmk->imk", basis, rows) + (1 << 14) >> 15
    rounding = Rounding(torch.floor_, torch.round_, torch.round_)

    def exact(blocks: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(blocks).float()[:, None]

    assert np.array_equal(jpeg_dct.forward_dct(exact(samples), rounding)[:, 0].numpy(), coefficients)
    quantised = np.sign(coefficients) * ((np.abs(coefficients) + 4 * step) // (8 * step)) * step
    quantised[0, :, 0] += jpeg_dct.MIDDLE_COEFFICIENT
    columns = np.einsum("ji,jmk->imk", basis, quantised) + (1 << 10) >> 11
    again = (columns @ basis + (1 << 17) >> 18).clip(0, 255)
    assert np.abs(columns).max() < 12_400
    assert np.array_equal(jpeg_dct.inverse_dct(exact(quantised), rounding)[:, 0].clamp(0, 255).numpy(), again)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_floats_are_rounded_to_levels_first(patch: torch.Tensor, dtype: torch.dtype) -> None:
    got = jpeg((patch / 255).to(dtype), 40)
    assert got.dtype == dtype
    assert torch.equal((got.double() * 255).round().byte(), jpeg(patch, 40))


def test_floats_beyond_the_range_are_held_within_it(patch: torch.Tensor) -> None:
    bright = patch.float() / 100 - 0.5
    assert torch.equal(jpeg(bright, 60), jpeg(bright.clamp(0, 1), 60))


def test_neither_neighbours_nor_strides_matter_and_the_input_stays(patch: torch.Tensor) -> None:
    both = torch.cat([patch, patch.flip(2)]).contiguous(memory_format=torch.channels_last)
    kept = both.clone()
    assert torch.equal(jpeg(both, [20, 80])[1:], jpeg(patch.flip(2).contiguous(), 80))
    assert torch.equal(both, kept)
    assert jpeg(both[:0], []).shape == (0, *both.shape[1:])


def test_qualities_as_a_tensor_are_held_within_1_and_100(patch: torch.Tensor) -> None:
    three = torch.cat([patch] * 3)
    assert torch.equal(jpeg(three, torch.tensor([-5, 60, 400])), jpeg(three, [1, 60, 100]))


def test_neither_autocast_nor_inference_mode_changes_a_sample(patch: torch.Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        cast = jpeg(patch, 75)
    with torch.inference_mode():
        inferred = jpeg(patch, 75)
    assert torch.equal(cast, jpeg(patch, 75))
    assert torch.equal(inferred, jpeg(patch, 75))


def test_wrong_settings_are_refused(patch: torch.Tensor) -> None:
    for quality in (0, 101, [50, 50]):
        with pytest.raises(UsageError, match="qualit"):
            jpeg(patch, quality)
    with pytest.raises(UsageError, match="1 or 3"):
        jpeg(patch[:, :2], 50)
    with pytest.raises(UnknownNameError, match="did you mean '4:2:"):
        jpeg(patch, 50, "4:2:")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(UnknownNameError, match="did you mean 'cubic'"):
        jpeg(patch, 50, gradient="cubical")  # type: ignore[arg-type]  # the point of the test


def gradient_of(patch: torch.Tensor, kind: str, subsampling: str, quality: int = 50) -> torch.Tensor:
    image = (patch.double() / 255).requires_grad_()
    jpeg(image, quality, subsampling, kind).sum().backward()
    assert image.grad is not None
    return image.grad


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("kind", ["straight-through", "cubic"])
@pytest.mark.parametrize("quality", [1, 10, 100])
def test_gradients_are_finite(patch: torch.Tensor, kind: str, subsampling: str, quality: int) -> None:
    gradient = gradient_of(patch, kind, subsampling, quality)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_the_straight_through_variant_has_the_same_values(patch: torch.Tensor, subsampling: str) -> None:
    image = (patch.float() / 255).requires_grad_()
    assert torch.equal(jpeg(image, 30, subsampling, "straight-through"), jpeg(image, 30, subsampling))
    assert not jpeg(image, 30, subsampling).requires_grad


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:0"])
def test_without_rounding_a_jpeg_is_nearly_the_identity(subsampling: str) -> None:
    """On flat mid-grey nothing is clipped, so that each sample of whole blocks has a weight of 1."""
    flat = torch.full((1, 3, 32, 48), 120, dtype=torch.uint8)
    torch.testing.assert_close(
        gradient_of(flat, "straight-through", subsampling),
        torch.ones(1, 3, 32, 48).double(),
        atol=2e-3,
        rtol=0,
    )


def test_the_cubic_variant_stays_near_the_real_one(patch: torch.Tensor) -> None:
    image = patch.float() / 255
    assert (jpeg(image, 75, gradient="cubic") - jpeg(image, 75)).abs().mean() * 255 < 1.5


@pytest.mark.cuda
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_a_device_gives_the_same_samples_and_is_not_waited_for(photographs: Path, subsampling: str) -> None:
    picture = photograph(photographs, "coffee.png")
    images = batch(*[picture] * len(QUALITIES))
    on_device = images.cuda()
    jpeg(on_device, QUALITIES, subsampling)  # constants travel on the first call
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = jpeg(on_device, QUALITIES, subsampling)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(got.cpu(), jpeg(images, QUALITIES, subsampling))
