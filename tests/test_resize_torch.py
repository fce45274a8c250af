"""imresize on torch batches: the same samples as on numpy images, and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srdata.errors import UsageError
from srdata.resize import imresize

BATCH = torch.from_numpy(np.random.default_rng(7).integers(0, 256, (2, 3, 41, 30), dtype=np.uint8))
OPTIONS = [
    {},
    {"rounding": "once"},
    {"border": "replicate"},
    {"kernel": "lanczos3"},
    {"kernel": "bilinear", "antialias": False},
]
SCALES = [1 / 4, 1 / 3, (1 / 2, 1 / 4), 0.7, 2, 1 / 50]


def each_image(batch, scale, **options):
    """The batch resized as numpy images, one after the other."""
    images = [imresize(image.permute(1, 2, 0).numpy(), scale, **options) for image in batch]
    return torch.stack([torch.from_numpy(image).permute(2, 0, 1) for image in images])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("options", OPTIONS)
def test_bytes_are_those_of_numpy(scale, options):
    resized = imresize(BATCH, scale, **options)
    assert resized.dtype == torch.uint8
    assert resized.is_contiguous()
    assert torch.equal(resized, each_image(BATCH, scale, **options))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("options", OPTIONS)
def test_floats_are_those_of_numpy(scale, options):
    batch = BATCH.double() / 255
    assert torch.equal(imresize(batch, scale, **options), each_image(batch, scale, **options))
    for dtype, tolerance in [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)]:
        resized = imresize(batch.to(dtype), scale, **options)
        assert resized.dtype == dtype
        torch.testing.assert_close(
            resized.double(), imresize(batch, scale, **options), rtol=0, atol=tolerance
        )


def test_the_way_of_another_device_gives_the_same_bytes(monkeypatch):
    """What a CUDA device runs is run here on the CPU: float64 sums in the same order."""
    for options in OPTIONS:
        for scale in SCALES:
            wanted = imresize(BATCH, scale, **options)
            monkeypatch.setattr(torch.Tensor, "is_cuda", True)
            again = imresize(BATCH, scale, **options)
            monkeypatch.undo()
            assert torch.equal(again, wanted)


@pytest.mark.cuda
def test_a_cuda_device_gives_the_same_samples():
    for options in OPTIONS:
        for scale in SCALES:
            assert torch.equal(
                imresize(BATCH.cuda(), scale, **options).cpu(), imresize(BATCH, scale, **options)
            )
            exact = BATCH.double()
            there = imresize(exact.cuda(), scale, **options).cpu()
            torch.testing.assert_close(there, imresize(exact, scale, **options), rtol=0, atol=1e-10)


def test_gradients_flow():
    batch = torch.rand(1, 2, 9, 7, dtype=torch.double, requires_grad=True)
    for scale in (1 / 2, 0.7, 2):
        assert torch.autograd.gradcheck(lambda x, scale=scale: imresize(x, scale), batch)


def test_channels_last_and_views_do_not_matter():
    wanted = imresize(BATCH, 1 / 4)
    assert torch.equal(imresize(BATCH.contiguous(memory_format=torch.channels_last), 1 / 4), wanted)
    assert torch.equal(imresize(BATCH.flip(3).flip(3), 1 / 4), wanted)
    assert torch.equal(imresize(BATCH[:, 1:], 1 / 4), wanted[:, 1:])


def test_the_input_is_never_written():
    for batch in (BATCH.clone(), BATCH.float()):
        before = batch.clone()
        resized = imresize(batch, 1)
        assert resized.data_ptr() != batch.data_ptr()
        resized += 1
        assert torch.equal(batch, before)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (torch.zeros(3, 8, 8), r"not a tensor of shape \(3, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8), "not a tensor of shape"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.bool), "not torch.bool"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.int64), "not torch.int64"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.complex64), "not torch.complex64"),
    ],
)
def test_what_is_no_batch_is_refused(batch, message):
    with pytest.raises(UsageError, match=message):
        imresize(batch, 1 / 2)
