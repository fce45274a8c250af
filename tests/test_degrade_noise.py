"""Noise by its statistics: spread, independence, correlation, Poisson's law, the camera's law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from emulated_cuda import Emulated
from emulated_cuda import value as held
from scipy import stats

from srdata.colour import srgb_to_linear
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.photon_counts import expanded_noise
from srdata.degrade.numerics.random_fields import normal_field, uniform_field
from srdata.degrade.ops.camera import CameraNoise
from srdata.degrade.ops.noise import GaussianNoise, SaltPepper, SpeckleNoise, UniformNoise
from srdata.degrade.ops.poisson_noise import PoissonNoise
from srdata.rng import generator, seed_of, words

SIDE = 128


def flat(value: float, count: int = 2, channels: int = 3) -> np.ndarray:
    return np.full((count, channels, SIDE, SIDE), value, np.float32)


def noisy(op: Any, x: np.ndarray, device: str | None, seed: int = 0) -> np.ndarray:
    params = [op.sample(generator(seed, place)) for place in range(len(x))]
    batch = x if device is None else torch.from_numpy(np.ascontiguousarray(x)).to(device)
    result = op.apply(batch, params)
    return np.asarray(result if device is None else result.cpu())


on_each = pytest.mark.parametrize("device", [None, "cpu", pytest.param("cuda", marks=pytest.mark.cuda)])


@on_each
def test_gaussian_noise_is_normal_with_its_sigma(device: str | None) -> None:
    noise = noisy(GaussianNoise(sigma=(10.0, 10.0)), flat(0.5), device) - 0.5
    assert stats.kstest(noise.ravel() * 25.5, "norm").pvalue > 1e-3
    images = noise.reshape(2, -1)
    assert abs(np.corrcoef(images)[0, 1]) < 0.02  # a field of its own for every image
    assert np.abs(np.corrcoef(noise[0].reshape(3, -1)) - np.eye(3)).max() < 0.03


@on_each
def test_grey_noise_is_one_field_for_all_channels(device: str | None) -> None:
    noise = noisy(GaussianNoise(sigma=(10.0, 10.0), kind={"gray": 1.0}), flat(0.5), device) - 0.5
    assert np.array_equal(noise[:, 0], noise[:, 1])
    assert noise.std() == pytest.approx(10 / 255, rel=0.03)
    assert not np.array_equal(noise[0], noise[1])


@on_each
def test_channels_may_have_their_own_sigma(device: str | None) -> None:
    op, x = GaussianNoise(sigma=(2.0, 30.0), kind={"channel": 1.0}), flat(0.5)
    params = [op.sample(generator(0, place)) for place in range(2)]
    spreads = (noisy(op, x, device) - 0.5).std(axis=(2, 3)) * 255
    assert spreads == pytest.approx(np.array([one["sigma"] for one in params]), rel=0.05)


@on_each
def test_correlated_noise_has_the_covariance_of_its_mixing(device: str | None) -> None:
    op, x = GaussianNoise(sigma=(2.0, 25.0), kind={"correlated": 1.0}), flat(0.5)
    for place, noise in enumerate(noisy(op, x, device) - 0.5):
        mixing = np.array(op.sample(generator(0, place))["mixing"])
        found = np.cov(noise.reshape(3, -1))
        assert found == pytest.approx(mixing.T @ mixing, abs=0.04 * (25 / 255) ** 2)
        assert (mixing.T @ mixing >= 0).all()  # the |·| of its law
        assert np.trace(mixing.T @ mixing) <= 3 * (25 / 255) ** 2


@on_each
def test_speckle_grows_with_the_image(device: str | None) -> None:
    op = SpeckleNoise(sigma=(20.0, 20.0))
    for value in (0.2, 0.6):
        assert (noisy(op, flat(value), device) - value).std() == pytest.approx(value * 20 / 255, rel=0.03)


@on_each
def test_uniform_noise_is_even_within_its_amplitude(device: str | None) -> None:
    noise = noisy(UniformNoise(amplitude=(20.0, 20.0)), flat(0.5), device) - 0.5
    spread = 20 / 255
    assert stats.kstest(noise.ravel(), "uniform", (-spread, 2 * spread)).pvalue > 1e-3


@on_each
def test_salt_and_pepper_hit_their_part(device: str | None) -> None:
    op = SaltPepper(amount=(0.1, 0.1), salt=(0.3, 0.3), gray=0.0)
    result = noisy(op, flat(0.5), device)
    assert (result == 1).mean() == pytest.approx(0.03, abs=0.004)
    assert (result == 0).mean() == pytest.approx(0.07, abs=0.004)
    whole = noisy(SaltPepper(amount=(0.1, 0.1)), flat(0.5), device)
    assert np.array_equal(whole[:, 0], whole[:, 2])


@on_each
def test_poisson_counts_photons(device: str | None) -> None:
    level = 102 / 255
    noise = noisy(PoissonNoise(exponent=(2.0, 2.0)), flat(level), device)
    counts = noise.ravel() * 100
    assert np.abs(counts - counts.round()).max() < 1e-3
    assert counts.mean() == pytest.approx(40, rel=0.01)
    assert counts.var() == pytest.approx(40, rel=0.03)
    observed = np.bincount(counts.round().astype(int), minlength=80)[20:61]
    expected = stats.poisson(40).pmf(np.arange(20, 61))
    expected *= observed.sum() / expected.sum()
    assert stats.chisquare(observed, expected).pvalue > 1e-3


@on_each
def test_poisson_takes_white_from_the_levels_of_the_image(device: str | None) -> None:
    # an image of 5 levels: white is 8 photons
    levels = np.linspace(0, 204, 5) / 255
    x = np.tile(levels.astype(np.float32).repeat(SIDE)[: 5 * SIDE], (1, 3, SIDE, 1))
    noise = noisy(PoissonNoise(scale=(0.5, 0.5)), x, device) - x
    part = noise[..., 2 * SIDE : 3 * SIDE]
    assert part.std() == pytest.approx(0.5 * np.sqrt(levels[2] / 8), rel=0.05)
    assert part.mean() == pytest.approx(0, abs=0.01)


@on_each
def test_camera_noise_follows_its_law_in_linear_light(device: str | None) -> None:
    op = CameraNoise(shot=(0.01, 0.01), read=(0.0004, 0.0004), red_gain=(1.0, 1.0), blue_gain=(1.0, 1.0))
    for value in (0.4, 0.7):
        light = float(srgb_to_linear(np.array([value]))[0])
        seen = srgb_to_linear(noisy(op, flat(value), device))
        green = seen[:, 1]
        taken = np.concatenate(
            [green[:, 0::2, 1::2].ravel(), green[:, 1::2, 0::2].ravel()]
        )  # not interpolated
        assert taken.var() == pytest.approx(0.01 * light + 0.0004, rel=0.05)
        assert green[:, 0::2, 0::2].var() < 0.4 * taken.var()  # the mean of four


def test_camera_without_noise_interpolates_only() -> None:
    op = CameraNoise(shot=(1e-12, 1e-12), read=(1e-12, 1e-12))
    assert np.abs(noisy(op, flat(0.5), None) - 0.5).max() < 1e-3
    ramp = np.tile(np.linspace(0.2, 0.8, SIDE, dtype=np.float32), (1, 3, SIDE, 1))
    assert np.abs(noisy(op, ramp, None) - ramp)[..., 2:-2].max() < 2 / 255


def test_whole_sigmas_are_whole_and_all_of_them() -> None:
    op = GaussianNoise(sigma=(2.0, 25.0), whole=True)
    drawn = [op.sample(generator(number))["sigma"][0] for number in range(2000)]
    assert set(drawn) == set(map(float, range(2, 26)))


def test_fields_depend_on_their_key_alone() -> None:
    like = flat(0.0, 1)
    for batch in (like, torch.from_numpy(like)):
        one, other = (np.asarray(normal_field(keys, (3, 8, 8), batch)) for keys in ([5, 6], [6]))
        assert np.array_equal(one[1], other[0])
        assert not np.array_equal(one[0], one[1])


@pytest.mark.parametrize("shape", [(3, 31, 37), (1, 1, 1), (3, 2, 5), (1, 520, 1021)])
@pytest.mark.parametrize("field", [normal_field, uniform_field])
def test_fields_are_the_same_bits_for_numpy_torch_and_devices(
    field: Any, shape: Any, device: Emulated
) -> None:
    keys, like = [0, 1, 5, 2**53 - 1], flat(0.0, 1)
    on_host = field(keys, shape, like)
    assert on_host.shape == (4, *shape)
    for batch in (
        torch.from_numpy(like),
        torch.from_numpy(like).to("cuda"),
        torch.from_numpy(like).to("mps"),
    ):
        assert np.array_equal(on_host, held(field(keys, shape, batch)).numpy())


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(
    "op",
    [
        GaussianNoise(sigma=(5.0, 30.0), kind={"color": 0.4, "gray": 0.4, "channel": 0.2}),
        SpeckleNoise(sigma=(5.0, 30.0), kind={"color": 0.5, "gray": 0.5}),
        SaltPepper(amount=(0.1, 0.2), gray=0.5),
        UniformNoise(amplitude=(5.0, 30.0), gray=0.5),
        PoissonNoise(scale=(0.5, 2.0), gray=0.5),
        PoissonNoise(scale=(0.5, 2.0), gray=0.5, exponent=(0.0, 6.0)),
    ],
    ids=lambda op: op.op,
)
def test_noise_is_the_same_bits_for_numpy_torch_and_devices(op: Any, channels: int, device: Emulated) -> None:
    bright = np.linspace(0.05, 1, 8, dtype=np.float32)  # so that they differ in their numbers of photons
    noise = np.random.default_rng(1).random((8, 21, 17, channels), np.float32)
    x = backend.to_batch(list(noise * bright[:, None, None, None]))
    params = [op.sample(generator(7, place)) for place in range(len(x))]
    on_host = op.apply(x, params)
    for place in ("cpu", "cuda"):
        assert np.array_equal(on_host, held(op.apply(torch.from_numpy(x.copy()).to(place), params)).numpy())


def test_fields_have_nothing_to_do_with_each_other() -> None:
    """Neither those of neighbouring keys, nor the planes, rows and samples of one, nor bits of a word."""
    fields = np.asarray(normal_field(range(64), (3, 64, 64), flat(0.0, 1))).reshape(64, 3, 4096)
    within = np.corrcoef(fields.reshape(-1, 4096)) - np.eye(192)
    assert np.abs(within).max() < 6 / 64
    flat_fields = fields.reshape(64, -1)
    for distance in (1, 2, 3, 4, 64, 4096):
        assert (
            abs(np.corrcoef(flat_fields[:, distance:].ravel(), flat_fields[:, :-distance].ravel())[0, 1])
            < 0.006
        )
    assert stats.kstest(flat_fields.ravel(), "norm").pvalue > 1e-3
    bits = words(seed_of(5), 1 << 17)
    bits = np.unpackbits(bits.view(np.uint8)).reshape(-1, 64)
    assert stats.binomtest(int(bits.sum()), bits.size).pvalue > 1e-3
    assert np.abs(np.corrcoef(bits.T) - np.eye(64)).max() < 6 / 362


@pytest.mark.parametrize(
    ("level", "photons"), [(1, 1000), (20, 100), (76, 100.5), (80, 100), (255, 31), (200, 5000)]
)
def test_counts_of_any_photons_follow_poissons_law(level: int, photons: float) -> None:
    """On both sides of the mean from which they are expanded; to what sixteen bits can tell."""
    every = np.arange(65536, dtype=np.uint16)[None, :, None]
    mean = level * photons / 255
    noise = expanded_noise(every, np.full(every.shape, level, np.uint8), photons).astype(np.float64)
    counts = (noise * photons + mean).round().astype(int)
    law = stats.poisson(mean)
    steps = np.arange(counts.max() + 1)
    found = np.bincount(counts.ravel()).cumsum() / 65536
    assert np.abs(found - law.cdf(steps)).max() < 2e-4
    assert counts.mean() == pytest.approx(mean, rel=2e-4)
    assert counts.var() == pytest.approx(mean, rel=2e-3)
