"""WebDataset's tars: the files of a sample have one name up to the first dot and follow each other.

With one scale LR is `KEY.lr.png`, with several `KEY.lr_x2.png`, …; `KEY.json` says what the sample is. The
same samples give the same bytes.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from srdata.common.closing import Closing
from srdata.common.files import storage_errors
from srdata.exporting.samples import Sample
from srdata.exporting.sinks import Sink, Where
from srdata.scale import Scale
from srdata.store.blocks import HR

_HEADER_BYTES = 4 * tarfile.BLOCKSIZE  # more than a member needs beside its data, but for very long names


class TarSink(Sink):
    """Tars of at most `shard_bytes` each, unless one sample is larger: a sample is never divided."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._names = {HR: "hr.png", **lr_names(where.scales)}
        self._tar: _Tar | None = None
        self._shards = self._bytes = 0

    def add(self, key: str, sample: Sample) -> None:
        members = {name: sample.layers[layer].data for layer, name in self._names.items()}
        members["json"] = json.dumps(_facts(sample, self._names), sort_keys=True).encode()
        needed = sum(len(data) + _HEADER_BYTES for data in members.values())
        with storage_errors(self._where.folder):
            tar = self._room_for(needed)
            for name, data in members.items():
                tar.put(f"{key}.{name}", data)

    def seal(self) -> None:
        with storage_errors(self._where.folder):
            if self._tar is not None:
                self._tar.finish()

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()

    def _room_for(self, needed: int) -> _Tar:
        """The tar that takes so many bytes more: the one that is open, or the next."""
        if self._tar is None or self._bytes + needed > self._where.shard_bytes:
            self.seal()
            self._tar = _Tar(self._where.folder / shard_name(self._where, self._shards))
            self._shards, self._bytes = self._shards + 1, 2 * tarfile.RECORDSIZE  # of its end
        self._bytes += needed
        return self._tar


class _Tar(Closing):
    """A new tar file, of which only names and contents decide the bytes; no list of them is kept."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")

    def put(self, name: str, data: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        self._file.write(member.tobuf(tarfile.PAX_FORMAT))
        self._file.write(data)
        self._pad(tarfile.BLOCKSIZE)

    def finish(self) -> None:
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self._pad(tarfile.RECORDSIZE)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def close(self) -> None:
        with suppress(OSError):  # a full device, of which it has been told
            self._file.close()

    def _pad(self, multiple: int) -> None:
        self._file.write(bytes(-self._file.tell() % multiple))


def shard_name(where: Where, number: int) -> str:
    """The name of a tar: DIV2K-train-000000.tar."""
    return f"{where.names.stem}-{where.split}-{number:06d}.tar"


def lr_names(scales: Sequence[Scale]) -> dict[str, str]:
    """What follows the key in the name of each LR layer."""
    if len(scales) == 1:
        return {scales[0].label: "lr.png"}
    return {scale.label: f"lr_{scale.label}.png" for scale in scales}


def _facts(sample: Sample, names: dict[str, str]) -> dict[str, Any]:
    """What KEY.json says: the image that this is (part of), and what drew its LR."""
    return {
        "key": sample.key,
        "image": sample.image,
        "split": sample.split,
        "scales": {name: layer.removeprefix("x") for layer, name in names.items() if layer != HR},
        "source_sha256": sample.source_sha256,
        "params": sample.params,
    }
