"""`Loader` on the emulated devices of `emulated_cuda`: right values, no waits, streams in order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from emulated_cuda import EMULATED, Emulated, compiled_guard, emulated_device, value
from pairs import write_shards

from srdata import Loader, PairedDataset, imresize
from srdata.images import list_images, read_image
from srdata.scale import Scale

SIDE = 160  # pixels of an image
PATCH = 96


@pytest.fixture(scope="session")
def guard(tmp_path_factory: pytest.TempPathFactory) -> None:
    compiled_guard(tmp_path_factory.mktemp("guard"))


@pytest.fixture
def device(guard: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    with emulated_device(monkeypatch) as emulated:
        yield emulated


@pytest.fixture(scope="module")
def data(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> PairedDataset:
    pairs = {}
    for path in list_images(photographs):
        hr = read_image(path)[100 : 100 + SIDE, 100 : 100 + SIDE]
        pairs[path.stem] = (imresize(hr, 1 / 4), hr)
    folder = write_shards(tmp_path_factory.mktemp("set"), pairs, Scale(4))
    return PairedDataset(folder, patch_size=PATCH)


def differing(data: PairedDataset, batches: int = 30, device: str = "cuda", **settings: Any) -> list[int]:
    """The numbers of the batches that a busy device gives otherwise than the CPU does, of its first ones."""
    settings = {"seed": 3, "repeat": 40, "augment": ["dihedral"], **settings}
    on_host = {name: one for name, one in settings.items() if name not in ("residency", "kind")}
    expected = Loader(data, 4, **{**on_host, "workers": 0}).forever()
    found = Loader(data, 4, device=device, **settings).forever()
    EMULATED.busy = device == "cuda"
    wrong = []
    for number, (one, other) in enumerate(
        zip(islice(expected, batches), islice(found, batches), strict=True)
    ):
        assert one.keys == other.keys and one.params == other.params
        pairs = [(side, value(other.tensors[name])) for name, side in one.tensors.items()]
        if not all(torch.equal(side, theirs) for side, theirs in pairs):
            wrong.append(number)
    found.close()
    EMULATED.busy = False
    return wrong


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("residency", ["mapped", "host", "device", "auto"])
def test_batches_are_those_of_the_cpu(
    device: Emulated, data: PairedDataset, residency: Any, workers: int
) -> None:
    assert differing(data, residency=residency, workers=workers) == []
    assert not device.races
