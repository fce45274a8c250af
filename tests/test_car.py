"""The Content Adaptive Resampler: the numbers of the authors' network and kernel, and right gradients."""

from __future__ import annotations

import importlib.util
import math
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import checkout
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from srdata.degrade.learned.car import any_size, gather
from srdata.degrade.learned.car.any_size import downscale, downscale_large
from srdata.degrade.learned.car.gather import adaptive_gather, reflect
from srdata.degrade.learned.car.network import (
    SCALES,
    KernelNetwork,
    PixelTaps,
    empty_network,
    kernel_size,
    shapes,
    tap_count,
)
from srdata.errors import UsageError
from srdata.images import read_image


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_network(scale: int, width: int = 8, seed: int = 0) -> KernelNetwork:
    """Random weights under which kernels differ from pixel to pixel and displacements fill -1 to 1."""
    network = empty_network(scale, width).to_empty(device="cpu")
    generator = seeded(seed)
    for value in network.state_dict().values():
        value.normal_(0, 1.2 / math.sqrt(value[0].numel()) if value.ndim == 4 else 0.1, generator=generator)
    return network


def random_taps(scale: int, shape: tuple[int, int, int], seed: int, reach: float = 1.0) -> PixelTaps:
    batch, height, width = shape
    weights, across, down = torch.rand(3, batch, tap_count(scale), height, width, generator=seeded(seed))
    return PixelTaps(weights / weights.sum(1, keepdim=True), reach * (2 * across - 1), reach * (2 * down - 1))


def plain_loops(padded: Tensor, taps: PixelTaps, unit: int, padding: int) -> Tensor:
    """What the authors' CUDA kernel computes, one output sample and one tap after the other, in float32."""
    image, weights, across, down = (np.asarray(value.detach(), np.float32) for value in (padded, *taps))
    size = math.isqrt(weights.shape[1])
    batch, channels, high, wide = image.shape
    result = np.zeros((batch, channels, *weights.shape[2:]), np.float32)
    for n, c, i, j in np.ndindex(*result.shape):
        for tap in range(size * size):
            x = position(j, weights.shape[3], wide - 2 * padding, tap % size, across[n, tap, i, j] * unit)
            y = position(i, weights.shape[2], high - 2 * padding, tap // size, down[n, tap, i, j] * unit)
            result[n, c, i, j] += weights[n, tap, i, j] * bilinear(image[n, c], y, x)
    return torch.from_numpy(result)


def position(cell: int, cells: int, length: int, tap: int, shift: np.float32) -> np.float32:
    """(cell + 1/2) / cells * length + tap + shift - 1/2, each step in float32 as on the device."""
    middle = np.float32(cell + 0.5) / np.float32(cells) * np.float32(length)
    return np.float32(middle + np.float32(tap) + shift - np.float32(0.5))


def bilinear(plane: NDArray[np.float32], y: np.float32, x: np.float32) -> np.float32:
    bottom, right = plane.shape[0] - 1, plane.shape[1] - 1
    row, column = math.floor(y), math.floor(x)
    beta, alpha = y - np.float32(row), x - np.float32(column)
    top, left = max(min(row, bottom), 0), max(min(column, right), 0)
    below, beside = max(min(top + 1, bottom), 0), max(min(left + 1, right), 0)
    above = (1 - alpha) * plane[top, left] + alpha * plane[top, beside]
    under = (1 - alpha) * plane[below, left] + alpha * plane[below, beside]
    return np.float32((1 - beta) * above + beta * under)


def official_pad(image: Tensor, scale: int) -> Tensor:
    side = kernel_size(scale) // 2
    return torch.nn.functional.pad(image, (side, side, side, side), mode="reflect")


@pytest.mark.parametrize(("scale", "size"), [(2, (16, 24)), (4, (32, 24)), (4, (24, 40)), (8, (40, 24))])
def test_same_as_the_network_with_the_cuda_kernel_as_plain_loops(
    scale: int, size: tuple[int, int], photographs: Path
) -> None:
    photograph = read_image(photographs / "astronaut.png")[60 : 60 + size[0], 200 : 200 + size[1]]
    image = torch.from_numpy(photograph.copy()).permute(2, 0, 1)[None] / 255
    network = random_network(scale)
    with torch.no_grad():
        taps = network(image)
        ours = downscale(network, image)
    theirs = plain_loops(official_pad(image, scale), taps, scale, kernel_size(scale) // 2)
    assert max(abs(taps.across).max(), abs(taps.down).max()) > 0.9  # or no sample leaves the padded image
    assert (ours - theirs).abs().max() <= 1e-4
    same = (ours.mul(255).round() == theirs.clamp(0, 1).mul(255).round()).float().mean()
    assert same >= 0.999


def test_gather_matches_plain_loops_on_noise_far_off_the_border() -> None:
    image = torch.rand(2, 1, 16, 8, generator=seeded(1))
    taps = random_taps(4, (2, 4, 2), 2, reach=2.0)
    theirs = plain_loops(official_pad(image, 4), taps, 4, 6)
    torch.testing.assert_close(adaptive_gather(image, taps, 4), theirs, rtol=0, atol=1e-4)


def test_gather_without_displacement_is_a_weighted_mean_by_hand() -> None:
    image = torch.arange(4.0).expand(1, 1, 4, 4).contiguous()
    weights = torch.zeros(1, tap_count(2), 2, 2)
    weights[:, 3 * 7 + 3] = 1  # the middle tap: halfway between the two HR columns of an LR column
    none = torch.zeros_like(weights)
    expected = torch.tensor([[0.5, 2.5], [0.5, 2.5]])
    assert torch.equal(adaptive_gather(image, PixelTaps(weights, none, none), 2)[0, 0], expected)
    shifted = PixelTaps(weights, none + 0.25, none - 1)  # half a pixel to the right; rows are alike
    assert torch.equal(adaptive_gather(image, shifted, 2)[0, 0], expected + 0.5)


@pytest.mark.parametrize(("scale", "size"), [(2, (4, 6)), (2, (6, 2)), (4, (4, 8))])
def test_gradients_of_the_gather_are_right_on_images_that_are_not_square(
    scale: int, size: tuple[int, int]
) -> None:
    image = torch.rand(1, 2, *size, dtype=torch.float64, generator=seeded(3), requires_grad=True)
    cells = (1, size[0] // scale, size[1] // scale)
    taps = [field.double().requires_grad_() for field in random_taps(scale, cells, 4)]

    def call(image: Tensor, *fields: Tensor) -> Tensor:
        return adaptive_gather(image, PixelTaps(*fields), scale)

    assert torch.autograd.gradcheck(call, (image, *taps), fast_mode=scale == 4)


def test_the_gradient_check_would_see_the_fault_of_the_released_backward() -> None:
    """The release compares columns with the height, so no gradient arrives beyond it: that is refused."""
    image = torch.rand(1, 1, 2, 8, dtype=torch.float64, generator=seeded(5))
    taps = PixelTaps(*(field.double() for field in random_taps(2, (1, 1, 4), 6)))

    def faulty(weights: Tensor) -> Tensor:
        reached = torch.cat([weights[..., :1], weights[..., 1:].detach()], -1)
        return adaptive_gather(image, taps._replace(weights=reached), 2)

    weights = taps.weights.clone().requires_grad_()
    with pytest.raises(GradcheckError):
        torch.autograd.gradcheck(faulty, (weights,))


def test_the_resampler_is_differentiable_to_the_image_and_every_weight() -> None:
    network = random_network(2, width=2).double().requires_grad_()
    image = torch.rand(1, 3, 10, 14, dtype=torch.float64, generator=seeded(7), requires_grad=True)
    downscale(network, image).square().sum().backward()
    for value in (image, *network.parameters()):
        assert value.grad is not None
        assert value.grad.abs().sum() > 0


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image, taps = torch.rand(2, 3, 16, 24, generator=seeded(8)), random_taps(4, (2, 4, 6), 9)
    whole = adaptive_gather(image, taps, 4)
    monkeypatch.setattr(gather, "CHUNK_SAMPLES", 1)
    torch.testing.assert_close(adaptive_gather(image, taps, 4), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("size", [(8, 8), (9, 41), (33, 16), (17, 23)])
def test_any_size_gives_the_size_that_the_scale_promises(scale: int, size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size, generator=seeded(10))
    with torch.no_grad():
        lr = downscale(random_network(scale), image)
    assert lr.shape == (2, 3, size[0] // scale, size[1] // scale)
    assert lr.min() >= image.min()  # a kernel is a mean
    assert lr.max() <= image.max()


def test_alone_is_as_within_a_batch_and_the_input_stays() -> None:
    images = torch.rand(3, 3, 20, 28, generator=seeded(11))
    before, network = images.clone(), random_network(4)
    with torch.no_grad():
        together = downscale(network, images)
        alone = torch.cat([downscale(network, image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    assert torch.equal(images, before)


def test_odd_sizes_are_cropped_at_the_bottom_and_right() -> None:
    image, network = torch.rand(1, 3, 27, 38, generator=seeded(12)), random_network(4)
    with torch.no_grad():
        assert torch.equal(downscale(network, image), downscale(network, image[..., :24, :36]))


@pytest.mark.parametrize("scale", SCALES)
def test_tiles_show_no_seams(scale: int) -> None:
    image, network = torch.rand(1, 3, 24, 301, generator=seeded(13)), random_network(scale, width=4)
    with torch.no_grad():
        whole = downscale(network, image)
    tiled = downscale_large(network, image, tile=80)
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


def test_tiles_that_see_too_little_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    image, network = torch.rand(1, 3, 24, 301, generator=seeded(13)), random_network(4, width=4)
    whole = downscale(network, image).detach()
    monkeypatch.setattr(any_size, "REACH", 24)
    assert (downscale_large(network, image, tile=80) - whole).abs().max() > 1e-4


@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (1, 3, 3, 16), (1, 4, 16, 16)])
def test_images_that_are_too_small_or_not_coloured_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"colour images of at least 4x4 pixels"):
        downscale(random_network(4), torch.zeros(shape))


def test_reflect_is_as_torchs_own_and_goes_further() -> None:
    image = torch.rand(1, 2, 5, 7, generator=seeded(14))
    assert torch.equal(reflect(image, 4, 4), torch.nn.functional.pad(image, (4, 4, 4, 4), mode="reflect"))
    far = reflect(torch.tensor([[1.0, 2.0, 3.0]] * 2), 0, 6)
    assert far[0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2, 1]
    assert reflect(torch.ones(1, 1), 3, 3).shape == (7, 7)


def test_an_empty_network_takes_no_random_numbers() -> None:
    state = torch.get_rng_state()
    empty_network(4, 4)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.cuda
@pytest.mark.parametrize("scale", SCALES)
def test_cuda_gives_the_image_of_the_cpu(scale: int) -> None:
    image, network = torch.rand(2, 3, 40, 57, generator=seeded(16)), random_network(scale)
    with torch.no_grad():
        host = downscale(network, image)
        device = downscale(network.cuda(), image.cuda()).cpu()
    assert (host - device).abs().max() < 1 / 255


# --- beside the authors' release ---


@pytest.fixture(scope="module")
def release() -> Iterator[dict[str, types.ModuleType]]:
    """The authors' Python modules; their CUDA extension is replaced by the plain loops above."""
    folder = checkout("CAR")
    cuda = types.ModuleType("car_release.adaptive_gridsampler_cuda")

    def forward(image: Tensor, *arguments: Tensor | int) -> None:
        weights, across, down, unit, padding, output = arguments
        output.copy_(plain_loops(image, PixelTaps(weights, across, down), unit, padding))  # type: ignore[union-attr, arg-type]

    cuda.forward = forward  # type: ignore[attr-defined]
    package = types.ModuleType("car_release")
    package.__path__ = []
    sys.modules.update({"car_release": package, cuda.__name__: cuda})
    files = {"modules": "modules.py", "gridsampler": "adaptive_gridsampler/gridsampler.py"}
    yield {name: load(f"car_release.{name}", folder / file) for name, file in files.items()}
    for name in [name for name in sys.modules if name.startswith("car_release")]:
        del sys.modules[name]


def load(name: str, path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.peers
@pytest.mark.parametrize("scale", [2, 4])
def test_the_release_has_the_same_names_shapes_and_numbers(
    scale: int, release: dict[str, types.ModuleType]
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(scale)
        theirs = release["modules"].DSN(k_size=kernel_size(scale), scale=scale)
    state = theirs.state_dict()
    assert {name: value.shape for name, value in state.items()} == shapes(scale, 64)
    ours = empty_network(scale)
    ours.load_state_dict(state, assign=True)
    image = torch.rand(2, 3, 40, 24, generator=seeded(15))
    with torch.no_grad():
        for mine, other in zip(ours(image), theirs(image), strict=True):
            torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize("scale", [2, 4])
def test_the_release_with_its_kernel_as_loops_gives_the_same_image(
    scale: int, release: dict[str, types.ModuleType], photographs: Path
) -> None:
    network = random_network(scale, 64, seed=20 + scale)
    theirs = release["modules"].DSN(k_size=kernel_size(scale), scale=scale)
    theirs.load_state_dict(network.state_dict())
    sampler = release["gridsampler"].Downsampler(scale, kernel_size(scale))
    pixels = read_image(photographs / "coffee.png")[100:132, 300:340].copy()
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        expected = sampler(image, *theirs(image), scale)
        found = downscale(network, image)
    assert (found - expected).abs().max() <= 1e-4
    same = (found.mul(255).round() == expected.clamp(0, 1).mul(255).round()).float().mean()
    assert same >= 0.999
