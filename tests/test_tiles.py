"""Tiled inference: what the whole image gives, at every size and border, in bounded memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from srdata.errors import UsageError
from srdata.inference.tiling import Tiled, Tiling, tiled
from srdata.scale import Scale

REACH = 3  # pixels that the network below sees around a pixel


def image(height: int, width: int, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(height * width))


class Net(nn.Module):
    """Three convolutions and a pixel shuffle; zero padding changes what is near a border."""

    def __init__(self, scale: int = 2, gives: int = 3) -> None:
        super().__init__()
        torch.manual_seed(3)
        widths = [3, 8, 8, gives * scale**2]
        self.body = nn.Sequential(*(nn.Conv2d(a, b, 3, padding=1, bias=True) for a, b in pairwise(widths)))
        self.up = nn.PixelShuffle(scale)
        self.calls: list[tuple[int, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append(tuple(x.shape))
        made: Tensor = self.up(self.body(x))
        return made


@pytest.mark.parametrize("size", [(33, 47), (16, 16), (17, 16), (5, 61), (1, 40), (100, 23)])
@pytest.mark.parametrize(("tile", "overlap"), [(16, 6), (13, 6), (9, 8), (64, 6)])
def test_it_is_the_whole_result_if_the_overlap_holds_the_receptive_field(
    size, tile: int, overlap: int
) -> None:
    net, x = Net(), image(*size, count=2)
    whole = net(x).detach()
    net.calls.clear()
    made = tiled(net, x, tile=tile, overlap=overlap, scale=2, at_once=3)
    torch.testing.assert_close(made, whole, rtol=0, atol=1e-6)
    assert all(height <= tile and width <= tile and count <= 6 for count, _, height, width in net.calls)


def test_an_overlap_that_is_too_small_shows() -> None:
    """The test above can fail: with a pixel less on each side, seams appear, and nowhere else."""
    net, x = Net(), image(30, 16)
    difference = (tiled(net, x, tile=16, overlap=2 * REACH - 2, scale=2) - net(x).detach()).abs()
    rows = difference.amax(dim=(0, 1, 3)) > 1e-6
    assert rows.any()
    spans = Tiling(16, 4, Scale(2), 1, "reflect", 1).spans(30)
    seams = [2 * span.last for span in spans[:-1]]
    assert all(min(abs(row - seam) for seam in seams) <= 2 for row in torch.nonzero(rows).flatten().tolist())


@given(
    size=st.integers(1, 200),
    tile=st.integers(1, 40),
    overlap=st.integers(0, 39),
    unit=st.sampled_from([1, 4]),
)
def test_tiles_cover_an_axis_once_and_reach_half_the_overlap_beyond(
    size: int, tile: int, overlap: int, unit: int
) -> None:
    size, tile, overlap = size * unit, tile * unit, min(overlap, tile - 1) * unit
    spans = Tiling(tile, overlap, Scale(2), unit, "reflect", 1).spans(size)
    kept = [place for span in spans for place in range(span.first, span.last)]
    assert kept == list(range(size))
    assert {span.stop - span.start for span in spans} == {min(size, tile)}
    assert all(span.start % unit == 0 for span in spans)
    for span in spans:
        assert span.start == 0 or span.first - span.start >= overlap // 2
        assert span.stop == size or span.stop - span.last >= overlap // 2


def test_spans_by_hand() -> None:
    assert Tiling(6, 2, Scale(2), 1, "reflect", 1).spans(15) == [
        (0, 6, 0, 5),
        (4, 10, 5, 9),
        (8, 14, 9, 11),  # the last tile is moved inwards, so this one shares five pixels with it
        (9, 15, 11, 15),
    ]


@pytest.mark.parametrize("scale", ["1.5", 1.25])
def test_scales_that_are_not_whole_lie_on_their_grid(scale) -> None:
    """What an output pixel is depends on where it lies within a cell of the scale."""

    def model(x: Tensor) -> Tensor:
        return nn.functional.interpolate(x, scale_factor=float(scale), mode="bilinear")

    q = Scale(scale).denominator
    x = image(20 * q, 21 * q).double()
    made = tiled(model, x, tile=8 * q, overlap=2 * q, scale=scale)
    torch.testing.assert_close(made, model(x), rtol=0, atol=1e-6)
    assert tiled(model, x[..., 1:], tile=8 * q, overlap=2 * q, scale=scale).shape[3] == Scale(scale).hr(
        21 * q - 1
    )


def test_sizes_become_multiples_by_the_rules_of_swinir_and_hat() -> None:
    """Windows of 8: a 13x5 image is enlarged to 16x8, as torch's reflect pads and as a flipped copy would."""
    seen: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        seen.append(x)
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    x = image(13, 5)
    for pad in ("reflect", "symmetric", "edge"):
        made = tiled(model, x, tile=16, overlap=8, scale=2, multiple=8, pad=pad)
        assert torch.equal(made, x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    reflect, symmetric, edge = seen
    assert torch.equal(reflect, nn.functional.pad(x, (0, 3, 0, 3), mode="reflect"))
    flipped = torch.cat([x, x.flip(2)], 2)[:, :, :16]
    assert torch.equal(symmetric, torch.cat([flipped, flipped.flip(3)], 3)[:, :, :, :8])
    assert torch.equal(edge, nn.functional.pad(x, (0, 3, 0, 3), mode="replicate"))


def test_images_narrower_than_the_padding() -> None:
    made = tiled(lambda x: x, image(2, 1), tile=16, overlap=0, scale=1, multiple=16)
    assert torch.equal(made, image(2, 1))


def test_all_tiles_of_windowed_networks_are_whole_windows() -> None:
    net = Net()
    tiled(net, image(37, 90), tile=24, overlap=8, scale=2, multiple=8)
    assert {call[2:] for call in net.calls} == {(24, 24)}


def test_memory_is_bounded() -> None:
    """The largest tensor that the model makes does not grow with the image."""
    net = Net()
    for side in (40, 160):
        net.calls.clear()
        tiled(net, image(side, side), tile=20, overlap=6, scale=2, at_once=2)
        assert max(np.prod(call) for call in net.calls) == 2 * 3 * 20 * 20


def test_types_channels_and_single_images() -> None:
    net, x = Net(gives=1), image(20, 30)
    made = tiled(net, x[0], tile=12, overlap=6, scale=2)
    assert made.shape == (1, 40, 60)
    assert torch.equal(made, tiled(net, x, tile=12, overlap=6, scale=2)[0])
    assert tiled(lambda part: part.half(), x, tile=12, overlap=6, scale=1).dtype == torch.float16
    assert not made.requires_grad


def test_the_module_is_the_function() -> None:
    net, x = Net(), image(20, 30)
    module = Tiled(net, tile=16, overlap=8, scale=2, multiple=8, pad="symmetric", at_once=4)
    made = tiled(net, x, tile=16, overlap=8, scale=2, multiple=8, pad="symmetric", at_once=4)
    assert torch.equal(module(x), made)
    assert "model.body.0.weight" in module.state_dict()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tile": 8, "overlap": 8}, "overlap=8 must be 0 or more, and less than tile=8"),
        ({"tile": 0, "overlap": 0}, "overlap=0 must be 0 or more, and less than tile=0"),
        ({"tile": 20, "overlap": 8, "multiple": 8}, "tile=20 is no multiple of 8, .* take 16 or 24"),
        ({"tile": 24, "overlap": 6, "multiple": 8}, "overlap=6 is no multiple of 8, .* take 0 or 8"),
        ({"tile": 21, "overlap": 6, "scale": 1.5}, r"multiple of 2, which multiple=1 and scale=1\.5 need"),
        ({"tile": 8, "overlap": 2, "pad": "reflekt"}, "unknown pad 'reflekt', did you mean 'reflect'"),
        ({"tile": 8, "overlap": 2, "at_once": 0}, "multiple=1 and at_once=0: both must be 1 or more"),
        ({"tile": 8, "overlap": 2, "scale": 3}, r"makes \(1, 3, 16, 16\) of \(1, 3, 8, 8\), .* not scale 3"),
    ],
)
def test_settings_that_make_no_sense(settings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tiled(Net(), image(20, 20), **{"scale": 2, **settings})


@pytest.mark.cuda
def test_tiles_on_a_device_with_the_image_on_the_host() -> None:
    net, x = Net(), image(40, 30)
    wanted = net(x).detach()
    made = tiled(net.cuda(), x, tile=16, overlap=6, scale=2, device="cuda")
    assert not made.is_cuda
    torch.testing.assert_close(made, wanted, atol=1e-3, rtol=0)  # convolutions may run in TF32
