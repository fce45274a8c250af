"""The deep image prior: the published noise and downscaling, and a small network that learns by them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from srdata import imresize
from srdata.data.single_image.deep_prior import DeepPrior, Downsampler
from srdata.errors import UsageError

LR = np.random.default_rng(4).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def published_kernel(factor: int) -> torch.Tensor:
    """The lanczos2 of the paper's code at phase 0.5: 4 · factor samples, the middle between two of them."""
    line = []
    for i in range(4 * factor):
        d = abs(i - (4 * factor - 1) / 2) / factor
        line.append(2 * math.sin(math.pi * d) * math.sin(math.pi * d / 2) / (math.pi * d) ** 2)
    kernel = torch.tensor(line, dtype=torch.float64)
    square = kernel[:, None] * kernel[None]
    return square / square.sum()


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_downsampler_is_the_published_one(scale: int) -> None:
    x = torch.rand(2, 3, 6 * scale, 5 * scale, dtype=torch.float64)
    margin = (4 * scale - scale) // 2
    padded = nn.functional.pad(x, (margin,) * 4, mode="replicate")
    kernel = published_kernel(scale)[None, None].expand(3, 1, -1, -1)
    wanted = nn.functional.conv2d(padded, kernel, stride=scale, groups=3)
    torch.testing.assert_close(Downsampler(scale)(x), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 8])
def test_the_downsampler_is_imresize(scale: int) -> None:
    x = torch.rand(2, 3, 7 * scale, 4 * scale)
    wanted = imresize(x, 1 / scale, kernel="lanczos2", border="replicate")
    torch.testing.assert_close(Downsampler(scale)(x), wanted, rtol=0, atol=2e-6)


def test_gradients_flow_and_nothing_is_learnt() -> None:
    down = Downsampler(2)
    x = torch.rand(1, 1, 8, 8, requires_grad=True)
    down(x).sum().backward()
    assert x.grad is not None
    assert x.grad.sum().item() == pytest.approx(16, rel=1e-5)  # each of 16 pixels has weights that sum to 1
    assert not list(down.parameters())
    assert not down.state_dict()


def test_noise_is_fixed_uniform_and_of_the_size_of_hr() -> None:
    prior = DeepPrior(LR, 4)
    assert prior.noise.shape == (1, 32, 48, 64)
    assert prior.noise.min() >= 0
    assert prior.noise.max() <= 0.1
    assert prior.noise.mean().item() == pytest.approx(0.05, abs=1e-3)
    assert torch.equal(prior.noise, DeepPrior(LR, 4).noise)
    assert not torch.equal(prior.noise, DeepPrior(LR, 4, seed=1).noise)


def test_each_step_perturbs_it_anew_by_its_address() -> None:
    prior = DeepPrior(LR, 4, jitter=0.05)
    before = prior.noise.clone()
    batches = list(itertools.islice(prior, 3))
    for step, batch in enumerate(batches):
        added = batch.noise - prior.noise
        assert added.std().item() == pytest.approx(0.05, rel=0.02)
        assert abs(added.mean().item()) < 1e-3
        assert torch.equal(batch.noise, DeepPrior(LR, 4, jitter=0.05).batch(step).noise)
        assert torch.equal(batch.lr, torch.from_numpy(LR.astype(np.float32) / 255).permute(2, 0, 1)[None])
    assert not torch.equal(batches[0].noise, batches[1].noise)
    assert torch.equal(prior.noise, before)
    assert prior.state_dict() == {"seed": 0, "step": 3}
    assert torch.equal(DeepPrior(LR, 4, jitter=0.0).batch(9).noise, before)
    assert batches[0].scale == 4


def test_a_network_learns_the_image() -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))
    smooth = np.indices((8, 8)).sum(axis=0)[..., None].repeat(3, axis=2).astype(np.uint8) * 16
    prior = DeepPrior(smooth, 2, channels=8)
    adam = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for batch in itertools.islice(prior, 60):
        loss = nn.functional.mse_loss(prior.downsampler(net(batch.noise)), batch.lr)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert net(prior.noise).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("scale", [1, 2.5, True])
def test_scales_that_are_not_whole(scale) -> None:
    with pytest.raises(UsageError, match=f"takes a whole scale of 2 or more, not {scale}"):
        DeepPrior(LR, scale)


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match="16x15 is no multiple of the scale 2: crop it before"):
        Downsampler(2)(torch.zeros(1, 1, 15, 16))
    with pytest.raises(UsageError, match="give one image"):
        DeepPrior(LR[..., 0], 2)
