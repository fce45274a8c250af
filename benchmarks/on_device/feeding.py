"""What a training gets: rates of the loader, a step beside one on a constant batch, memory."""

from __future__ import annotations

import importlib.util
import resource
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

from benchmarks.on_device.where import SCALE, Where
from benchmarks.pictures import mosaic
from examples.network import Network


def rates(where: Where, seconds: float) -> dict[str, str]:
    """Pairs a second of crops, turned, as floats; of resident ones also the bandwidth."""
    on_device = where.device.type == "cuda"
    found = {}
    for residency in ("mapped", "host", "device") if on_device else ("mapped", "host"):
        stream = where.loader(augment=["dihedral"], residency=residency).forever()
        _, each = where.clocked(lambda stream=stream: next(stream), seconds / 4)
        found[f"crops, {residency}"] = f"{where.batch / each:,.0f} pairs a second"
        if residency == "device":
            found["crops, device, bandwidth"] = _bandwidth(where, each)
    return found


def _bandwidth(where: Where, seconds: float) -> str:
    """What is read and written at least, a byte in and four out for each sample, beside a copy of memory."""
    samples = where.batch * 3 * where.patch**2 * (1 + 1 / SCALE**2)
    much = torch.empty(1 << (28 if where.real else 20), device=where.device)
    _, copied = where.clocked(much.clone, 0.5)
    return f"{samples * 5 / seconds / (8 * much.numel() / copied):.1%} of that of a copy"


def dali(where: Where, seconds: float) -> dict[str, str]:
    """Crops of decoded images by NVIDIA's DALI, cropped, mirrored and normalised on the device."""
    if importlib.util.find_spec("nvidia") is None or importlib.util.find_spec("nvidia.dali") is None:
        return {"": "DALI is not installed"}
    from nvidia.dali import fn, pipeline_def, types

    images = [mosaic(number) for number in range(where.images)]
    numbers = iter(range(10**9))

    @pipeline_def(batch_size=where.batch, num_threads=4, device_id=0)
    def crops() -> Any:
        whole = fn.external_source(lambda _: images[next(numbers) % len(images)], batch=False)
        place = {"crop_pos_x": fn.random.uniform(range=(0, 1)), "crop_pos_y": fn.random.uniform(range=(0, 1))}
        part = fn.crop(whole, crop=(where.patch, where.patch), **place)
        flipped = fn.random.coin_flip()
        return fn.crop_mirror_normalize(part.gpu(), dtype=types.FLOAT, std=[255.0] * 3, mirror=flipped)

    pipeline = crops()
    pipeline.build()
    _, each = where.clocked(pipeline.run, seconds)
    return {"DALI, crops of HR alone": f"{where.batch / each:,.0f} images a second"}


def steps(where: Where, seconds: float) -> dict[str, str]:
    """Steps of a network on one constant batch, and fed by the loader, with and without AMP."""
    found = {}
    for name, degrade in (("crops", None), ("realesrgan-x4", "realesrgan-x4")):
        settings: dict[str, Any] = {"augment": ["dihedral"]} if degrade is None else {"degrade": degrade}
        for amp in (False, True):
            stream = where.loader(**settings).forever()
            first = next(stream)
            step = _training(where, amp)
            _, constant = where.clocked(lambda step=step, one=first: step(one.lr, one.hr), seconds / 8)
            _, fed = where.clocked(lambda step=step, stream=stream: _fed(step, stream), seconds / 8)
            words = f"{constant * 1e3:.1f} ms, fed {fed * 1e3:.1f} ms: {fed / constant:.3f}×"
            found[f"{name}{', AMP' if amp else ''}"] = words
    return found


def _fed(step: Callable[[torch.Tensor, torch.Tensor], None], stream: Iterator[Any]) -> None:
    batch = next(stream)
    step(batch.lr, batch.hr)


def _training(where: Where, amp: bool) -> Callable[[torch.Tensor, torch.Tensor], None]:
    torch.manual_seed(0)
    with where.device:
        model = Network(SCALE, *((64, 16) if where.real else (8, 1)))
    optimiser = torch.optim.Adam(model.parameters(), foreach=False)

    def step(lr: torch.Tensor, hr: torch.Tensor) -> None:
        with torch.autocast(where.device.type, torch.bfloat16) if amp else nullcontext():
            loss = nn.functional.l1_loss(model(lr), hr)
        if where.emulated is not None:  # which the engine of autograd does not know
            return
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def memory(where: Where, seconds: float) -> dict[str, str]:
    """The most that was taken so far."""
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"host": f"{host:,.0f} MiB"}
    if where.real:
        found["device"] = f"{torch.cuda.max_memory_allocated(where.device) / 2**20:,.0f} MiB"
    return found
