"""WebDataset's tars: the files of a sample have one name up to the first dot and follow each other.

With one scale LR is `KEY.lr.png`, with several `KEY.lr_x2.png`, …; `KEY.json` says what the sample is, and
`KEY.caption.txt` is a text that stands beside it. The same samples give the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from srdata.common.chunks import chunked
from srdata.common.files import sync_file
from srdata.exporting.folder_forms import Keyed, Where
from srdata.exporting.samples import Sample
from srdata.scale import Scale
from srdata.store.blocks import HR

Members = dict[str, bytes]  # name → content

_HEADER_BYTES = 4 * tarfile.BLOCKSIZE  # more than a member needs beside its data, but for very long names
_END_BYTES = 2 * tarfile.RECORDSIZE


def write_webdataset(where: Where, samples: Iterable[Keyed]) -> None:
    """Tars of at most `shard_bytes` each, unless one sample is larger: a sample is never divided."""
    names = {HR: "hr.png", **lr_names(where.scales)}
    packed = (_members(key, sample, names) for key, sample in samples)
    room = where.shard_bytes - _END_BYTES
    for number, shard in enumerate(chunked(packed, _packed_bytes, most_bytes=room, beyond=False)):
        write_tar(where.folder / f"{where.names.stem}-{where.split}-{number:06d}.tar", shard)


def write_tar(path: Path, samples: Iterable[Members]) -> None:
    """A new tar file, of which only names and contents decide the bytes.

    By `tarfile`: `webdataset.TarWriter` gives members another mode and an owner, and so tars other bytes.
    """
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for members in samples:
            for name, data in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    sync_file(path)


def lr_names(scales: Sequence[Scale]) -> dict[str, str]:
    """What follows the key in the name of each LR layer."""
    if len(scales) == 1:
        return {scales[0].label: "lr.png"}
    return {scale.label: f"lr_{scale.label}.png" for scale in scales}


def text_members(key: str, sample: Sample) -> Members:
    """The texts that stand beside a sample, a file each."""
    return {f"{key}.{name}.txt": text.encode() for name, text in sample.told.items() if isinstance(text, str)}


def _packed_bytes(members: Members) -> int:
    return sum(len(data) + _HEADER_BYTES for data in members.values())


def _members(key: str, sample: Sample, names: dict[str, str]) -> Members:
    facts = json.dumps(_facts(sample, names), sort_keys=True).encode()
    pictures = {f"{key}.{name}": sample.layers[layer].data for layer, name in names.items()}
    return {**pictures, **text_members(key, sample), f"{key}.json": facts}


def _facts(sample: Sample, names: dict[str, str]) -> dict[str, Any]:
    """What KEY.json says: the image that this is (part of), and what drew its LR."""
    return {
        "key": sample.key,
        "image": sample.image,
        "split": sample.split,
        "scales": {name: layer.removeprefix("x") for layer, name in names.items() if layer != HR},
        "source_sha256": sample.source_sha256,
        "params": sample.params,
        **sample.told,
    }
