"""HDF5 files as super-image's: groups `lr` and `hr`, in each a uint8 (h, w, RGB) data set for "0", "1", …

One file for each split and scale. The key of an image is the attribute `key` of its data set in `hr`. Needs
h5py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from srdata.common.array_files.hdf5_file import GROUPS, open_hdf5
from srdata.common.files import sync_file
from srdata.exporting.folder_forms import Keyed, Where
from srdata.exporting.samples import EncodedLayer
from srdata.store.blocks import CHANNELS, HR


def write_hdf5(where: Where, samples: Iterable[Keyed]) -> None:
    """A file for each scale: DIV2K_train_bicubic_X4.h5, bicubic_X4.h5 for a benchmark."""
    start = f"{where.names.prefix(where.split)}{where.names.track}"
    paths = {scale.label: where.folder / f"{start}_X{scale}.h5" for scale in where.scales}
    with ExitStack() as stack:
        files = {layer: stack.enter_context(_new_file(path)) for layer, path in paths.items()}
        for number, (key, sample) in enumerate(samples):
            for layer, file in files.items():
                for group, name in zip(GROUPS, (layer, HR), strict=True):
                    data = file[group].create_dataset(str(number), data=_array(sample.layers[name]))
                    data.attrs["key"] = key
                file.flush()
        for file in files.values():
            file.close()
    for path in paths.values():
        sync_file(path)


@contextmanager
def _new_file(path: Path) -> Iterator[Any]:
    """An open file with empty groups; whatever becomes of it, it is closed."""
    file = open_hdf5(path, "w")
    try:
        for group in GROUPS:
            file.create_group(group)
        yield file
    finally:
        with suppress(RuntimeError, OSError):  # on a full device even closing fails
            file.close()


def _array(picture: EncodedLayer) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, CHANNELS)
