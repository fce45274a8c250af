"""The images of one loader, where its residency has them."""

from __future__ import annotations

from dataclasses import replace

import torch

from srdata.data.datasets.mixed import Mixed
from srdata.data.loading.device_stream import DeviceStream
from srdata.data.loading.epoch_plan import Reading
from srdata.data.loading.residency import Kept, Residency, check_residency, settle
from srdata.vocabulary import Only


class KeptImages:
    """Brings images where they are wanted on first use, as only then the model takes its part of a device.

    Raises UsageError at once for what cannot be done.
    """

    def __init__(
        self, wanted: Residency, data: Mixed, only: Only | None, device: torch.device, kind: str
    ) -> None:
        check_residency(wanted, kind)
        self._wanted: Residency = wanted
        self._what = data, only, device, kind
        self._stream: DeviceStream | None = None
        self._kept: Kept | None = None
        self._ranks = 0  # for which it was settled

    @property
    def where(self) -> Residency:
        """The residency that was settled; what was wanted, as long as nothing is."""
        return self._wanted if self._kept is None else self._kept.where

    @property
    def why(self) -> str:
        """What decided that."""
        return "it is decided on first use" if self._kept is None else self._kept.why

    @property
    def stream(self) -> DeviceStream:
        """Where to work on the device, once images were brought."""
        self._stream = self._stream or DeviceStream(self._what[2])
        return self._stream

    def bring(self, ranks: int) -> Kept:
        """The images, kept from now on, and settled anew where other numbers of ranks share the host.

        Raises StorageFullError.
        """
        shared_anew = self._wanted == "auto" and self.where == "host" and ranks != self._ranks
        if self._kept is None or shared_anew:
            self._ranks = ranks
            with self.stream.current():
                self._kept = settle(self._wanted, *self._what, ranks)
        return self._kept

    def read_by(self, reading: Reading, ranks: int) -> Reading:
        """`reading` of the images as they are kept."""
        return replace(reading, plan=replace(reading.plan, data=self.bring(ranks).data))

    def give_back(self) -> None:
        """Keep nothing any longer: what no batch holds goes back to the host and the device."""
        on_device = self._kept is not None and self._kept.where == "device"
        self._kept = self._stream = None
        if on_device and self._what[2].type == "cuda":
            torch.cuda.empty_cache()
