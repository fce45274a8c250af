"""Degradations of a batch on the device, and Real-ESRGAN's own."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import degraders
from benchmarks.on_device.host_time import host_time
from benchmarks.on_device.where import PRESETS, Where
from benchmarks.pictures import mosaic
from srdata.data.loading.device_stream import StagedReading


def chains(where: Where, seconds: float) -> dict[str, str]:
    """Of a batch of each preset: ms on the training thread, ms until it is done, launches; `host_time`.

    On the emulated device, where times mean nothing, a batch of 16 crops of 400 pixels is counted.
    """
    found = {}
    for preset in PRESETS:
        times = ""
        if where.emulated is None:
            work = _finishing(where, preset)
            host, whole = where.clocked(work, seconds / len(PRESETS) / 2)
            times = f"{host * 1e3:.2f} ms host, {whole * 1e3:.2f} ms in all, "
        else:
            work = _finishing(replace(where, batch=16, side=400), preset)
        found[preset] = f"{times}{_counted(where, work)}; {host_time(where, preset)}"
    return found


def _finishing(where: Where, preset: str) -> Callable[[], object]:
    """Finishing batch after batch of a few that were read: all that the training thread does."""
    loader = where.loader(degrade=preset, workers=0, residency="mapped")
    plan, share = loader._plan, loader._ranks.now()
    reading = loader._images.read_by(loader._reading, 1)
    jobs = [job for job, _ in zip(plan.jobs(0, 0, share, 0), range(4), strict=False)]
    if where.device.type == "cpu":
        raws = [reading(job) for job in jobs]
        numbers = iter(range(10**9))
        return lambda: loader._finish(raws[next(numbers) % len(raws)])
    read = StagedReading(reading, loader._finish, where.device, pin=True)
    staged, turn = [read(job) for job in jobs], iter(range(10**9))
    return lambda: staged[next(turn) % len(staged)].finished(loader._finish, where.device)


def _counted(where: Where, work: Callable[[], object]) -> str:
    """Launches and copies to the device, as the profiler or the emulated device counts them, of four runs."""
    if where.emulated is not None:
        work()  # which makes what is kept
        where.emulated.reset()
        for _ in range(4):
            work()
        counts = {what: count / 4 for what, count in where.emulated.counts.items()}
        copies = counts["copies to the device"]
        launches, gigabytes = counts["launches"] - copies, counts["bytes"] / 1e9
        return f"{launches:.0f} launches, {copies:.0f} copies, {gigabytes:.2f} GB read and written"
    if not where.real:
        return "no launches"
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
        for _ in range(4):
            work()
        where.wait()
    events = {event.key: event.count for event in profiled.key_averages()}
    launches = sum(count for name, count in events.items() if "LaunchKernel" in name)
    copies = sum(count for name, count in events.items() if name.startswith("Memcpy HtoD"))
    return f"{launches / 4:.0f} launches, {copies / 4:.0f} copies"


def real_esrgan(where: Where, seconds: float) -> dict[str, str]:
    """Images a second of Real-ESRGAN's feed_data and of srdata's loader; and the parts of the former."""
    if not where.peers or not (where.peers / "Real-ESRGAN").is_dir():
        return {"": "--peers holds no Real-ESRGAN"}
    parts = degraders.real_esrgan(where.peers)
    device = where.device if where.emulated is None else "cpu"  # the emulated one has no `new_tensor`
    model = degraders.synthesizer(parts, str(device))
    image = mosaic(0, (where.side, where.side)).astype(np.float32) / 255
    batch = degraders.kernels_of(parts, image, where.batch)
    _, theirs = where.clocked(lambda: model.feed_data(batch), seconds / 3)
    stream = where.loader(degrade="realesrgan-x4").forever()
    _, ours = where.clocked(lambda: next(stream), seconds / 3)
    found = {
        "srdata's loader": f"{where.batch / ours:,.1f} images a second",
        "Real-ESRGAN's feed_data": f"{where.batch / theirs:,.1f} images a second",
        "srdata of Real-ESRGAN": f"{theirs / ours:.1f}×",
    }
    return found | _parts(where, parts["model"], model, batch)


_PARTS = ("filter2D", "random_add_gaussian_noise_pt", "random_add_poisson_noise_pt")


def _parts(where: Where, module: Any, model: Any, batch: Any) -> dict[str, str]:
    """The share of each part in a few runs of feed_data that wait after each of them."""
    spent: dict[str, float] = defaultdict(float)

    def timed(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            where.wait()
            start = time.perf_counter()
            made = work(*args, **kwargs)
            where.wait()
            spent[name] += time.perf_counter() - start
            return made

        return run

    before = {name: getattr(module, name) for name in _PARTS}
    sharpener, jpeger = model.usm_sharpener, model.jpeger
    try:
        for name, work in before.items():
            setattr(module, name, timed(name, work))
        model.usm_sharpener, model.jpeger = timed("usm_sharpener", sharpener), timed("jpeger", jpeger)
        start = time.perf_counter()
        for _ in range(3):
            model.feed_data(batch)
        where.wait()
        spent["the rest"] = time.perf_counter() - start - sum(spent.values())
    finally:
        for name, work in before.items():
            setattr(module, name, work)
        model.usm_sharpener, model.jpeger = sharpener, jpeger
    return {f"its {name}": f"{value / 3 * 1e3:.1f} ms a batch" for name, value in spent.items()}
