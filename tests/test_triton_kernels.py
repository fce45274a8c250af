"""The kernels of Triton, in its interpreter on the CPU, and compiled; and where they are used."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from test_jpeg_tensor import batch, differences, noise, opencv

from srdata.data.crops import indexed_crops
from srdata.data.crops.indexed_crops import Indexed
from srdata.degrade.lossy import jpeg as tensor_jpeg
from srdata.degrade.lossy.jpeg import jpeg
from srdata.triton_kernels import when_used

CPU = torch.device("cpu")
KINDS = [(dtype, last) for dtype in (torch.float32, torch.uint8) for last in (False, True)]
SIZES = ((1, 1), (3, 5), (1, 9), (9, 1), (5, 4), (17, 31))

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="Triton is not installed: the extra triton"
)
interpreted = pytest.mark.skipif(
    find_spec("triton") is None or os.environ.get("TRITON_INTERPRET") != "1",
    reason="needs Triton: TRITON_INTERPRET=1 python -m pytest tests/test_triton_kernels.py",
)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are used on the CPU."""
    for module in (tensor_jpeg, indexed_crops):
        monkeypatch.setattr(module, "agreed", lambda *_: True)


@interpreted
@pytest.mark.usefixtures("used")
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
def test_jpeg_is_libjpeg_in_every_sample(subsampling: str) -> None:
    qualities = (1, 50, 100)
    for size in SIZES:
        picture = noise(*size)
        got = jpeg(batch(*[picture] * 3), qualities, subsampling)
        assert differences(got, [opencv(picture, quality, subsampling) for quality in qualities]) == 0


@interpreted
@pytest.mark.usefixtures("used")
def test_grey_jpeg_is_libjpeg_in_every_sample() -> None:
    picture = noise(19, 37, 1)
    ways = [cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, one])[1] for one in (5, 60, 95)]
    expected = [cv2.imdecode(one, cv2.IMREAD_GRAYSCALE)[..., None] for one in ways]
    assert differences(jpeg(batch(picture, picture, picture), [5, 60, 95]), expected) == 0


@interpreted
@pytest.mark.parametrize("factors", [None, (1, 1), (2, 1), (2, 2), (4, 1)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_jpeg_is_the_same_by_kernels_and_plainly(dtype: torch.dtype, factors: Any) -> None:
    """Also of floats halfway between two levels."""
    assert torch.equal(*tensor_jpeg._trial(CPU, dtype, factors))


@interpreted
@pytest.mark.usefixtures("used")
def test_strides_do_not_matter_and_the_input_stays() -> None:
    picture = torch.from_numpy(noise(21, 18)).permute(2, 0, 1)[None].expand(2, -1, -1, -1)
    kept = picture.clone()
    assert torch.equal(jpeg(picture, [20, 80]), jpeg(picture.contiguous(), [20, 80]))
    assert torch.equal(picture, kept)


@interpreted
@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize(("dtype", "last"), KINDS)
def test_crops_are_the_same_by_the_kernel_and_plainly(dtype: torch.dtype, last: bool, channels: int) -> None:
    got, expected = indexed_crops._trial(CPU, dtype, last, channels)
    assert torch.equal(got, expected)
    assert got.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


@interpreted
@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(("dtype", "last"), KINDS)
def test_a_batch_of_all_turns_is_that_of_numpy(dtype: torch.dtype, last: bool) -> None:
    images = np.random.default_rng(1).integers(0, 256, (8, 23, 23, 3), np.uint8)
    got = indexed_crops.turned(torch.from_numpy(images), np.arange(8), dtype, last)
    ways = [image.transpose(1, 0, 2) if turn & 4 else image for turn, image in enumerate(images)]
    ways = [image[:: -1 if turn & 2 else 1, :: -1 if turn & 1 else 1] for turn, image in enumerate(ways)]
    expected = np.stack(ways).transpose(0, 3, 1, 2)
    assert np.array_equal(got.numpy(), expected if dtype == torch.uint8 else expected / np.float32(255))


@interpreted
@pytest.mark.usefixtures("used")
def test_parts_come_one_after_another_and_nothing_gives_nothing() -> None:
    pixels = torch.arange(30, dtype=torch.uint8).reshape(10, 3)
    one = Indexed(pixels, torch.tensor([[0, 2]]), torch.tensor([[1, 5]]))
    got = indexed_crops.cropped([one, one], torch.uint8, False)
    assert got[:, 0].tolist() == [[[3, 15], [9, 21]]] * 2
    none = Indexed(pixels, torch.empty(2, 0, dtype=torch.int64), torch.empty(2, 0, dtype=torch.int64))
    assert not indexed_crops.cropped([none], torch.float32, False).numel()


@needs_triton
def test_kernels_compile_for_a_gpu_once_for_all_sizes_and_round_as_they_should(tmp_path: Path) -> None:
    """No GPU is needed to compile. A fused product and sum would be rounded once instead of twice."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    script = Path(__file__).with_name("compiled_kernels.py")
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for kernel in found.values():
        assert (kernel["fused"], kernel["divided roughly"], kernel["specialised"]) == (0, 0, [])
    assert found["_crop"]["divided"]


class Outcome:
    """A trial that gives these tensors, or fails."""

    def __init__(self, *given: float) -> None:
        self.given = given

    def __call__(self, device: torch.device) -> tuple[torch.Tensor, ...]:
        if not self.given:
            raise RuntimeError("Failed to find C compiler")
        return tuple(torch.tensor(one, device=device) for one in self.given)


@pytest.mark.parametrize(("given", "says"), [((1, 1), ""), ((1, 2), "other pixels"), ((), "does not run")])
def test_kernels_that_fail_or_differ_are_not_used(
    given: tuple[float, ...], says: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(when_used, "find_spec", lambda name: name)
    with caplog.at_level(logging.WARNING, "srdata"):
        assert when_used._tried(Outcome(*given), CPU) == (not says)
    assert says in caplog.text
    assert bool(says) == bool(caplog.records)


def test_kernels_are_for_cuda_alone_and_there_is_a_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(when_used, "_tried", lambda *_: True)
    cuda = torch.device("cuda", 0)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert not when_used.agreed(Outcome(), cuda)  # an AMD device, which torch calls cuda too
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert when_used.agreed(Outcome(), cuda)
    assert not any(when_used.agreed(Outcome(), torch.device(kind)) for kind in ("cpu", "mps", "meta"))
    monkeypatch.setenv(when_used.SWITCH, "0")
    assert not when_used.agreed(Outcome(), cuda)


def test_kernels_are_not_used_where_triton_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(when_used, "find_spec", lambda name: None)
    assert not when_used._tried(Outcome(1, 1), CPU)
