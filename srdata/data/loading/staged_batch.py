"""Batches for a device: all that one needs there in one piece of memory, which goes there by one copy.

Whoever reads a batch ahead of its use also draws what it goes through, and goes through that over shapes
alone: so the kernels, weights and tables are known that its steps ask for, and lie beside the crops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from srdata.common.device_copies import META, Staging, brought, wanted
from srdata.common.shapes_alone import ShapesAlone
from srdata.common.torch_settings import own_settings
from srdata.data.loading.batch import Batch
from srdata.data.loading.epoch_plan import Job, Reading, read, unturned
from srdata.data.loading.finish import CPU, Finish, Parameters, Raw, Unread


@dataclass(frozen=True)
class Staged:
    """A batch that is read, and nothing of it on a device yet."""

    raw: Raw
    drawn: Parameters
    staging: Staging | None  # None: each tensor is copied by itself

    def finished(self, finish: Finish, device: torch.device) -> Batch:
        """The batch on a device."""
        if self.staging is None:
            return finish(self.raw, self.drawn, device)
        with own_settings(device), brought(self.staging.on(device)):
            return finish(_without_contents(self.raw), self.drawn, device)

    def pin_memory(self) -> Staged:
        """The same in page-locked memory, which torch asks of what worker processes give."""
        return replace(self, staging=self.staging and self.staging.pin_memory())


@dataclass(frozen=True)
class StagedReading:
    """Reads batches for a device; Apple's computes otherwise than is noted here, and shares its memory."""

    reading: Reading
    finish: Finish
    device: torch.device
    pin: bool

    def __call__(self, job: Job) -> Staged:
        with own_settings(CPU):
            raw, crops = self.reading.draw(job)
            drawn = self.finish.draw(raw)
            if self.device.type == "mps":
                return Staged(self.reading.read(raw, crops), drawn, None)
            with wanted() as numbers, ShapesAlone():
                self.finish(_without_contents(raw), drawn, META)
            staging = Staging.of(numbers, pin=self.pin)
            if isinstance(raw.lr, Unread):
                read([unturned(one) for one in crops], *staging.on(CPU)[:2])  # which are asked for first
            return Staged(raw, drawn, staging)


def _without_contents(raw: Raw) -> Raw:
    """The batch with sides of which nothing but the shape is known."""
    if not isinstance(raw.lr, Unread) or not isinstance(raw.hr, Unread):
        return raw
    lr, hr = (torch.empty(side.shape, dtype=side.dtype, device=META) for side in (raw.lr, raw.hr))
    return raw._replace(lr=lr, hr=hr)
