"""HDF5 files as super-image's: groups `lr` and `hr`, in each a uint8 (h, w, RGB) data set for "0", "1", …

One file for each split and scale. The key of an image is the attribute `key` of its data set in `hr`. Needs
h5py.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import numpy as np

from srdata.common.files import storage_errors
from srdata.common.hdf5_file import GROUPS, open_hdf5
from srdata.exporting.samples import Picture, Sample
from srdata.exporting.sinks import Sink, Where
from srdata.scale import Scale
from srdata.store.blocks import CHANNELS, HR


class Hdf5Sink(Sink):
    """An HDF5 file for each scale."""

    def __init__(self, where: Where) -> None:
        self._paths = {scale.label: where.folder / file_name(where, scale) for scale in where.scales}
        self._files: dict[str, Any] = {}
        self._count = 0
        for layer, path in self._paths.items():
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                self._files[layer] = open_hdf5(path, "w")
                for group in GROUPS:
                    self._files[layer].create_group(group)

    def add(self, key: str, sample: Sample) -> None:
        for layer, file in self._files.items():
            with storage_errors(self._paths[layer]):
                for group, name in zip(GROUPS, (layer, HR), strict=True):
                    data = file[group].create_dataset(str(self._count), data=_array(sample.layers[name]))
                    data.attrs["key"] = key
                file.flush()
        self._count += 1

    def seal(self) -> None:
        for layer, path in self._paths.items():
            with storage_errors(path):
                self._files[layer].close()
                with path.open("rb") as file:
                    os.fsync(file.fileno())

    def close(self) -> None:
        for file in self._files.values():
            with suppress(RuntimeError, OSError):  # on a full device even closing fails
                file.close()


def file_name(where: Where, scale: Scale) -> str:
    """The name of a file: DIV2K_train_bicubic_X4.h5, bicubic_X4.h5 for a benchmark."""
    return f"{where.names.prefix(where.split)}{where.names.track}_X{scale}.h5"


def _array(picture: Picture) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, CHANNELS)
