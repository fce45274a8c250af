"""The sections in their order, within the time that there is: what matters most comes first."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.on_device.chains import chains, real_esrgan
from benchmarks.on_device.feeding import dali, memory, rates, steps
from benchmarks.on_device.rightness import races, tests, waits
from benchmarks.on_device.where import Where, opened
from benchmarks.tables import Table

Section = Callable[[Where, float], dict[str, str]]

SECTIONS: dict[str, tuple[Section, float]] = {  # with the part of the time that each may take
    "races": (races, 0.1),
    "waits": (waits, 0.05),
    "chains": (chains, 0.1),
    "loader": (rates, 0.1),
    "training step": (steps, 0.2),
    "Real-ESRGAN": (real_esrgan, 0.15),
    "tests": (tests, 0.2),
    "DALI": (dali, 0.05),
    "memory": (memory, 0.0),
}


def measured(device: str, peers: Path | None, minutes: float, file: Path) -> Table:
    """All sections on a device. Each is written to the JSON file as soon as it is there.

    One that fails says so in its row, and the others are measured; what finds no time is left out, and said.
    """
    start, found = time.monotonic(), {}
    with opened(device, peers) as where:
        told = {"device": where.name, "minutes": minutes}
        for name, (section, part) in SECTIONS.items():
            left = minutes * 60 - (time.monotonic() - start)
            found[name] = _results(section, where, min(part * minutes * 60, left))
            file.write_text(json.dumps({**told, "sections": found}, indent=2, ensure_ascii=False) + "\n")
            click.echo(
                f"{time.monotonic() - start:6.1f} s  {name}: {json.dumps(found[name], ensure_ascii=False)}"
            )
    rows = [[name, what, value] for name, results in found.items() for what, value in results.items()]
    note = f"Batches of {where.batch}; crops of {where.patch} pixels, {where.side} where they are degraded."
    return Table(f"On a device: {told['device']}", ["", "what", "found"], rows, note)


def _results(section: Section, where: Where, seconds: float) -> dict[str, str]:
    if seconds < 0:
        return {"": "left out, the time was over"}
    try:
        return section(where, seconds)
    except Exception as error:  # noqa: BLE001  # whatever it is: the device may not be there again for what comes after
        return {"": f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
