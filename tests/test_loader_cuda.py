"""`Loader` on a CUDA device: the same batches as on the CPU, without waiting for the device."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from pairs import write_shards

from srdata import Loader, PairedDataset, imresize
from srdata.errors import StorageFullError
from srdata.images import list_images, read_image
from srdata.scale import Scale

pytestmark = pytest.mark.cuda


@pytest.fixture(scope="module")
def data(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> PairedDataset:
    pairs = {}
    for path in list_images(photographs):
        hr = read_image(path)[:400, :400]
        pairs[path.stem] = (imresize(hr, 1 / 4), hr)
    folder = write_shards(tmp_path_factory.mktemp("set"), pairs, Scale(4))
    return PairedDataset(folder, patch_size=192)


@pytest.mark.parametrize("residency", ["mapped", "host", "device", "auto"])
@pytest.mark.parametrize(
    ("making", "levels"),
    [
        ({}, 0),
        ({"dtype": torch.uint8}, 0),
        ({"augment": ["dihedral", "rgb_permute", "cutmix"]}, 0),
        ({"degrade": "bicubic"}, 1),
        ({"color": "y", "value_range": (0, 255)}, 1e-3),
        ({"dtype": torch.bfloat16, "channels_last": True}, 0),
    ],
)
def test_batches_are_those_of_the_cpu(
    data: PairedDataset, residency: Any, making: dict[str, Any], levels: float
) -> None:
    settings: dict[str, Any] = {"augment": ["dihedral"], "seed": 2, "repeat": 4, **making}
    on_cpu = Loader(data, 4, **settings)
    on_gpu = Loader(data, 4, device="cuda", residency=residency, **settings)
    for expected, found in zip(on_cpu, on_gpu, strict=True):
        assert on_gpu.residency == ("device" if residency == "auto" else residency)
        assert found.keys == expected.keys
        assert found.params == expected.params
        for side in ("lr", "hr"):
            one, other = expected.tensors[side].float(), found.tensors[side].cpu().float()
            unit = 1 if making.get("dtype") == torch.uint8 or "value_range" in making else 255
            assert ((one - other).abs().max() * unit) <= levels + 1e-6


@pytest.mark.parametrize("residency", ["mapped", "device"])
@pytest.mark.parametrize(
    "making", [{}, {"degrade": "realesrgan-x4"}, {"augment": ["dihedral", "cutblur-moa"]}]
)
def test_nothing_waits_for_the_device(data: PairedDataset, residency: Any, making: dict[str, Any]) -> None:
    if making.get("augment"):
        making = {**making, "upsample": "nearest"}
    loader = Loader(data, 4, device="cuda", residency=residency, repeat=20, workers=1, **making)
    batches = loader.forever()
    list(islice(batches, 4))
    torch.cuda.set_sync_debug_mode("error")
    try:
        batch = list(islice(batches, 4))[-1]
        with pytest.raises(RuntimeError, match="synchroniz"):
            batch.hr.sum().item()  # what is not allowed here is seen
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.isfinite(batch.hr).all()


def test_a_device_without_room_is_said(photographs: Path, data: PairedDataset) -> None:
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-6)
    try:
        for residency, message in (
            ("mapped", "take a smaller batch_size"),
            ("device", "take residency='host'"),
        ):
            with pytest.raises(StorageFullError, match=message):
                list(Loader(data, 4, device="cuda", residency=residency))  # type: ignore[arg-type]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def test_batches_are_ready_for_the_stream_that_uses_them(data: PairedDataset) -> None:
    """Memory is not given to the next batch while a slow kernel still reads this one."""
    loader = Loader(data, 4, device="cuda", residency="mapped", repeat=20, augment=["dihedral"])
    expected = [batch.hr.sum().item() for batch in Loader(data, 4, repeat=20, augment=["dihedral"])]
    sums = []
    for batch in loader:
        torch.cuda._sleep(2_000_000)
        sums.append(batch.hr.double().sum())
        del batch
    assert torch.allclose(torch.stack(sums).cpu().float(), torch.tensor(expected), rtol=1e-5)
