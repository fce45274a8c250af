"""`Loader` on the emulated devices of `emulated_cuda`: right values, no waits, streams in order."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from emulated_cuda import (
    EMULATED,
    Emulated,
    OnDevice,
    Stream,
    on_stream,
    value,
)
from pairs import write_shards

import srdata
from srdata import Batch, Loader, PairedDataset, imresize, triton_kernels
from srdata.augment import PRESETS, load_augment
from srdata.catalog import Shelf, names
from srdata.common.tensors.device_copies import META
from srdata.common.tensors.shapes_alone import ShapesAlone
from srdata.data import ArbitraryScale
from srdata.data.crops import indexed_crops
from srdata.data.loading.device_stream import StagedReading
from srdata.data.loading.epoch_plan import BatchJob, Reading
from srdata.degrade import replay
from srdata.degrade.chain import load_chain, load_device_chain
from srdata.degrade.numerics import backend
from srdata.errors import CorruptRecordError, RecipeError, UsageError
from srdata.images import list_images, read_image
from srdata.scale import Scale

SIDE = 160  # pixels of an image
PATCH = 96
PLAIN = {"augment": ["dihedral"]}
PACKAGE = f"{Path(srdata.__file__).parent}{os.sep}"


def on_devices() -> list[str]:
    """The degradations that may run on a device."""
    found = []
    for name in names(Shelf.DEGRADATIONS):
        try:
            load_device_chain(name)
        except RecipeError:
            continue
        found.append(name)
    return found


@pytest.fixture(scope="module")
def data(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> PairedDataset:
    pairs = {}
    for path in list_images(photographs):
        hr = read_image(path)[100 : 100 + SIDE, 100 : 100 + SIDE]
        pairs[path.stem] = (imresize(hr, 1 / 4), hr)
    folder = write_shards(tmp_path_factory.mktemp("set"), pairs, Scale(4))
    return PairedDataset(folder, patch_size=PATCH)


def on_host(data: PairedDataset, batches: int, **settings: Any) -> list[Batch]:
    """The first batches as the CPU gives them."""
    settings = {name: one for name, one in settings.items() if name not in ("residency", "kind")}
    loader = Loader(data, 4, **{"seed": 3, "repeat": 40, **settings, "workers": 0})
    return list(islice(loader.forever(), batches))


def differing(
    data: PairedDataset,
    batches: int = 6,
    device: str = "cuda",
    levels: float = 0,
    expected: list[Batch] | None = None,
    **settings: Any,
) -> list[int]:
    """The numbers of the first batches that a busy device gives otherwise than the CPU, by so many levels."""
    expected = on_host(data, batches, **settings) if expected is None else expected
    found = Loader(data, 4, device=device, **{"seed": 3, "repeat": 40, **settings}).forever()
    EMULATED.busy = device == "cuda"
    wrong = []
    pairs = zip(expected, islice(found, batches), strict=True)
    for number, (one, other) in enumerate(pairs):
        assert (one.keys, one.params) == (other.keys, other.params)
        apart = [
            (side.float() - value(other.tensors[name]).float()).abs().max() * 255
            for name, side in one.tensors.items()
        ]
        if max(apart) > levels:
            wrong.append(number)
        del other
    found.close()
    EMULATED.busy = False
    return wrong


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("residency", ["mapped", "host", "device", "auto"])
def test_batches_are_those_of_the_cpu(
    device: Emulated, data: PairedDataset, residency: Any, workers: int
) -> None:
    assert differing(data, 30, residency=residency, workers=workers, **PLAIN) == []
    assert not device.races


@pytest.mark.parametrize("degrade", on_devices())
def test_degradations_are_those_of_the_cpu_and_wait_for_nothing(
    device: Emulated, data: PairedDataset, degrade: str
) -> None:
    scale = int((load_chain(degrade).scales or (4,))[0])
    settings: dict[str, Any] = {"degrade": degrade, "scale": scale, "residency": "device", "workers": 0}
    expected = on_host(data, 3, **settings)
    assert differing(data, 3, levels=1e-3, expected=expected, **settings) == []
    assert not device.races
    device.reset()
    assert (
        differing(data, 3, levels=1e-3, expected=expected, **settings) == []
    )  # now that constants and images are there
    assert [wait for wait in device.waits if "in_memory.py" not in wait] == []


@pytest.mark.parametrize(
    ("degrade", "off"),  # in levels, on the mean; a JPEG turns a rounding into a change of a whole block
    [("denoise-color", 1e-4), ("srmd", 1e-3), ("bsrgan", 1), ("realesrgan-x4", 1)],
)
def test_batches_made_on_a_device_are_replayed(
    device: Emulated, data: PairedDataset, degrade: str, off: float
) -> None:
    chain = load_chain(degrade)
    scale = int((chain.scales or (1 if degrade == "denoise-color" else 4,))[0])
    settings: dict[str, Any] = {"degrade": degrade, "scale": scale, "margin": 0, "workers": 0}
    made = next(Loader(data, 4, device="cuda", seed=5, **settings).forever())
    lr, hr = (value(made.tensors[side]).permute(0, 2, 3, 1).numpy() for side in ("lr", "hr"))

    def apart(notes: str) -> float:
        pairs = zip(backend.to_levels(hr), json.loads(notes), strict=True)
        again = [replay(image, chain, note["degradation"], scale, hr_done=True) for image, note in pairs]
        return float(np.abs(np.stack(again) - backend.to_levels(lr).astype(float)).mean())

    notes = json.dumps(list(made.params))
    assert apart(notes) <= off
    assert apart(re.sub(r'"key": \d+', '"key": 1', notes)) > 3 * off  # other noise is seen


@pytest.mark.parametrize("augment", sorted(PRESETS))
def test_augmentations_are_those_of_the_cpu_and_wait_for_nothing(
    device: Emulated, data: PairedDataset, augment: str
) -> None:
    upsample = "bicubic" if load_augment(augment).same_size else None
    settings: dict[str, Any] = {"augment": augment, "upsample": upsample, "workers": 0}
    assert differing(data, 3, levels=1e-3, residency="mapped", **settings) == []
    assert not device.races
    assert not device.waits


@pytest.mark.parametrize(
    "settings",
    [
        {"degrade": ArbitraryScale(lr_patch=24, queries=100)},
        {"degrade": ArbitraryScale(lr_patch=24, queries=100, bicubic="matlab", margin=0)},
        {"color": "y", "mean": [0.4], "std": [0.2], "value_range": (-1, 1)},
        {"upsample": "bicubic", "dtype": torch.float16, "channels_last": True},
        {"dtype": torch.uint8, "augment": ["dihedral"]},
        {"degrade": [{"op": "median_blur", "size": 5}, {"op": "pillow_resize", "kernel": "lanczos"}]},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_other_settings(device: Emulated, data: PairedDataset, settings: dict[str, Any]) -> None:
    assert differing(data, 3, levels=1e-3, residency="mapped", workers=0, **settings) == []
    assert not device.races
    assert not device.waits


class Budget(NamedTuple):
    """What a batch of 16 crops of 96 pixels may take on average, by one copy to the device and no wait."""

    launches: float
    megabytes: float  # that operations read and write
    of_float64: float = 0  # launches


BUDGETS: dict[str, tuple[dict[str, Any], Budget]] = {
    "crops": (PLAIN, Budget(7, 6.4)),
    "resident crops": ({**PLAIN, "residency": "device"}, Budget(7, 5.8)),
    "bytes": ({**PLAIN, "dtype": torch.uint8}, Budget(7, 5)),
    "bicubic": ({"degrade": "bicubic"}, Budget(9, 15)),
    "bsrgan": ({"degrade": "bsrgan"}, Budget(116, 50)),
    "realesrgan-x4": ({"degrade": "realesrgan-x4"}, Budget(178, 361)),
}


@pytest.mark.parametrize("name", BUDGETS)
def test_batches_keep_to_their_budgets(device: Emulated, data: PairedDataset, name: str) -> None:
    settings, budget = BUDGETS[name]
    settings = {"residency": "mapped", "seed": 1, **settings}
    batches = iter(Loader(data, 16, device="cuda", workers=0, repeat=40, **settings))
    next(batches)
    device.reset()
    for _ in range(4):
        next(batches)
    each = {what: count / 4 for what, count in device.counts.items()}
    assert (each["copies to the device"], device.waits) == (1, [])
    assert each["launches"] <= budget.launches
    assert each.get("launches of float64", 0) <= budget.of_float64
    assert each["bytes"] / 1e6 <= budget.megabytes


@pytest.mark.parametrize(("degrade", "most"), [("bicubic", 400), ("bsrgan", 3000), ("realesrgan-x4", 2400)])
def test_the_training_thread_has_little_python_to_run(data: PairedDataset, degrade: str, most: int) -> None:
    """Counted in calls, on the mean of four batches of 16, over shapes: what a device does is not meant."""
    loader = Loader(data, 16, degrade=degrade, repeat=40, seed=1)
    jobs = islice(loader._plan.jobs(0, 0, loader._ranks.now(), 0), 4)
    reading = StagedReading(loader._reading, loader._finish, torch.device("cuda"), pin=False)
    staged, calls = [reading(job) for job in jobs], Counter[str]()

    def count(frame: Any, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        calls[event] += file.startswith(PACKAGE) and not file.endswith("shapes_alone.py")

    with ShapesAlone():
        staged[0].finished(loader._finish, META)
        sys.setprofile(count)
        for one in staged:
            one.finished(loader._finish, META)
        sys.setprofile(None)
    assert calls["call"] / 4 <= most


@contextmanager
def changed(settings: Any, **values: Any) -> Iterator[None]:
    """Attributes of an object while the caller trains."""
    before = {name: getattr(settings, name) for name in values}
    for name, one in values.items():
        setattr(settings, name, one)
    try:
        yield
    finally:
        for name, one in before.items():
            setattr(settings, name, one)


@contextmanager
def default_dtype() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.set_deterministic_debug_mode("error")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode("default")


CALLERS: dict[str, Any] = {
    "autocast": lambda: torch.autocast("cuda", torch.bfloat16),
    "autocast of the CPU": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference mode": torch.inference_mode,
    "TF32": lambda: changed(torch.backends.cuda.matmul, fp32_precision="tf32"),
    "deterministic": deterministic,
    "default dtype": default_dtype,
    "default device": lambda: torch.device("cuda", 0),
}
CHAIN = [
    {"op": "blur", "shape": {"iso": 0.5, "sinc": 0.5}},
    {"op": "median_blur"},
    {"op": "resize", "factor": [0.5, 1.5], "method": ["area", "bilinear", "bicubic", "lanczos"]},
    {"op": "poisson_noise"},
    {"op": "gaussian_noise", "sigma": [5, 20]},
    {"op": "jpeg"},
    {"op": "resize", "to": "lr", "method": "area"},
]


COLOURED: dict[str, Any] = {"degrade": CHAIN, "workers": 0, "repeat": 8, "residency": "mapped"}
COLOURED |= {"color": "ycbcr", "mean": [0.4] * 3, "augment": ["dihedral", "mixup"]}


@pytest.fixture(scope="module")
def plain(data: PairedDataset) -> Callable[[str], list[torch.Tensor]]:
    """LR of the first batches there, as nobody's settings change them."""

    def made(where: str) -> list[torch.Tensor]:
        return [value(batch.lr).clone() for batch in islice(Loader(data, 4, device=where, **COLOURED), 4)]

    return functools.cache(made)


@pytest.mark.parametrize("where", ["cuda", "cpu"])
@pytest.mark.parametrize("caller", CALLERS)
def test_the_settings_of_the_caller_change_no_batch(
    device: Emulated,
    data: PairedDataset,
    plain: Callable[[str], list[torch.Tensor]],
    caller: str,
    where: str,
) -> None:
    expected = plain(where)
    batches = iter(Loader(data, 4, device=where, **COLOURED))
    settings_of: AbstractContextManager[Any] = CALLERS[caller]()
    with settings_of:
        before = torch.is_autocast_enabled("cuda"), torch.get_deterministic_debug_mode()
        found = [value(batch.lr) for batch in islice(batches, 4)]
        assert before == (torch.is_autocast_enabled("cuda"), torch.get_deterministic_debug_mode())
    for one, other in zip(expected, found, strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)
        assert not other.is_inference()


def test_settings_of_torch_are_put_back(device: Emulated, data: PairedDataset) -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    with changed(matmul, fp32_precision="tf32"), changed(cudnn, benchmark=True):
        next(iter(Loader(data, 4, device="cuda", degrade="bicubic", workers=0)))
        assert (matmul.fp32_precision, cudnn.benchmark, cudnn.deterministic) == ("tf32", True, False)


def test_worker_processes_leave_pinning_to_their_parent(device: Emulated, data: PairedDataset) -> None:
    assert differing(data, 3, workers=1, kind="process", **PLAIN) == []
    assert not device.waits


def test_auto_is_decided_on_first_use_and_leaves_half_of_the_device(
    device: Emulated, data: PairedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = 5 * 3 * (SIDE**2 + (SIDE // 4) ** 2)
    for left, wanted in ((8 * images, "device"), (5 * images - 1, "mapped")):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None, left=left: (left, 8 * images))
        with Loader(data, 4, device="cuda", workers=0) as loader:
            assert (loader.residency, loader.residency_reason) == ("auto", "it is decided on first use")
            next(iter(loader))
            assert loader.residency == wanted
            assert "GB free on the device, half of which stay free" in loader.residency_reason
        assert loader.residency == "auto"


def test_close_gives_the_memory_of_a_device_back(device: Emulated, data: PairedDataset) -> None:
    before = device.held
    loader = Loader(data, 4, device="cuda", residency="device", workers=0)
    first = value(next(iter(loader)).hr).clone()
    assert device.held > before
    loader.close()
    assert device.held == before
    loader.set_epoch(0)
    assert torch.equal(value(next(iter(loader)).hr), first)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_that_was_made_is_given_before_the_next_one_fails(
    device: Emulated, data: PairedDataset, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    plain = Reading.draw

    def third_fails(self: Reading, job: BatchJob) -> Any:
        if job.number == 2:
            raise CorruptRecordError("0003 is damaged")
        return plain(self, job)

    monkeypatch.setattr(Reading, "draw", third_fails)
    loader, given = Loader(data, 4, device="cuda", workers=workers, residency="mapped", repeat=8), []

    def take() -> None:
        given.extend(batch.keys for batch in loader)

    with pytest.raises(CorruptRecordError, match="0003 is damaged"):
        take()
    assert len(given) == 2
    assert loader.state_dict()["batch"] == 2


@pytest.mark.parametrize("name", ["meta", "xpu", "hpu"])
def test_devices_that_no_loader_knows_are_refused_at_once(data: PairedDataset, name: str) -> None:
    with pytest.raises(UsageError, match=f"a loader has no way to {name}: give device='cpu', and move"):
        Loader(data, 4, device=name)


def test_apples_device_crops_and_augments(device: Emulated, data: PairedDataset) -> None:
    for residency in ("mapped", "device"):
        settings: dict[str, Any] = {"augment": "cutblur-moa", "upsample": "bicubic", "residency": residency}
        assert differing(data, 3, "mps", 1e-3, workers=0, **settings) == []
    with pytest.raises(UsageError, match="degrade= runs on the CPU and on CUDA: give device='cpu'"):
        Loader(data, 4, device="mps", degrade="bicubic")


@pytest.mark.parametrize("residency", ["host", "device"])
def test_the_crop_kernel_finds_what_was_staged_for_plain_torch(
    device: Emulated, data: PairedDataset, residency: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With plain torch in the place of the kernel, which the emulation cannot launch."""
    calls = []

    def cropped(pixels: Any, rows: Any, columns: Any, white: Any, channels_last: bool) -> Any:
        calls.append(white)
        return pixels[rows[:, :, None] + columns[:, None]].permute(0, 3, 1, 2) / white

    monkeypatch.setattr(triton_kernels, "crop_kernel", SimpleNamespace(cropped=cropped), raising=False)
    monkeypatch.setattr(indexed_crops, "agreed", lambda _, device, *kind: device.type == "cuda")
    assert differing(data, 4, residency=residency, **PLAIN) == []
    assert len(calls) >= 8
    assert not device.races


def test_the_emulation_finds_what_is_wrong(device: Emulated) -> None:
    """Each kind of fault, made on purpose."""
    with pytest.raises(RuntimeError, match="same device"):
        torch.ones(3, device="cuda") + torch.ones(3)
    one = torch.ones(3, device="cuda")
    device.reset()
    one.sum().item()
    torch.ones(3).to("cuda")
    one.cpu()
    one[one > 0]
    assert len(device.waits) == 4
    device.busy = True
    late = one + 1
    with on_stream(Stream()):
        early = late * 1
    assert value(early).tolist() == [0, 0, 0]
    assert value(late).tolist() == [2, 2, 2]
    assert len(device.races) == 1
    device.busy = False
    device.reset()
    stream = Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with on_stream(stream):
        late.sum()
    del late
    assert [race for race in device.races if "was freed" in race]
    assert isinstance(one, OnDevice)
