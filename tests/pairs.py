"""Pairs of images in every form that a training set can have, for the tests of `PairedDataset`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from storing import write_content

from srdata.images import Pixels, write_png
from srdata.scale import Scale
from srdata.store.blocks import HR, BlockLayout
from srdata.store.codecs import CODECS
from srdata.store.lmdb_files.basicsr_lmdb import BasicsrWriter
from srdata.store.records import Facts, make_record
from srdata.store.set_json import digest_of
from srdata.store.shards import ShardPlan, ShardWriter
from srdata.store.tables.set_files import shard_name
from srdata.store.windows import Windows

Pair = tuple[Pixels, Pixels]  # LR and HR


def positions(height: int, width: int, number: int = 0) -> Pixels:
    """An image in which every pixel says where it is: row, column, and `number` with their 256s."""
    rows, columns = np.mgrid[:height, :width]
    rest = number * 64 + rows // 256 * 8 + columns // 256
    return np.stack([rows % 256, columns % 256, rest], axis=-1).astype(np.uint8)


def where(pixel: Pixels) -> tuple[int, int, int]:
    """Row, column and number that a pixel of `positions` says."""
    row, column, rest = (int(value) for value in pixel)
    return row + rest % 64 // 8 * 256, column + rest % 8 * 256, rest // 64


def position_pairs(scale: Scale, sizes: list[tuple[int, int]]) -> dict[str, Pair]:
    """Pairs of `positions` images; each layer counts its own pixels. Keys are 0001, 0002, …"""
    return {
        f"{number + 1:04d}": (
            positions(scale.lr(height), scale.lr(width), number),
            positions(height, width, number),
        )
        for number, (height, width) in enumerate(sizes)
    }


def write_shards(
    folder: Path,
    pairs: dict[str, Pair],
    scale: Scale,
    codec: str = "raw",
    windows: Windows | None = None,
    per_shard: int = 3,
    splits: dict[str, str] | None = None,
) -> Path:
    """A prepared set in two or more shards."""
    layout = BlockLayout((scale,), 48)
    plan = ShardPlan(layout, codec, digest=digest_of({}), map_bytes=1 << 20)
    items = list(pairs.items())
    splits = splits or {}
    shards = [folder / shard_name(i) for i in range(-(-len(items) // per_shard))]
    for i, path in enumerate(shards):
        with ShardWriter(path, plan) as shard:
            for key, (lr, hr) in items[i * per_shard : (i + 1) * per_shard]:
                facts = Facts(key=key, split=splits.get(key, "train"), source="test", source_sha256="0" * 64)
                shard.add(make_record(facts, {HR: hr, scale.label: lr}, layout, CODECS[codec]))
            shard.seal()
    kinds = [splits.get(key, "train") for key in pairs]
    counts = {split: kinds.count(split) for split in sorted(set(kinds))}
    return write_content(folder, plan, shards, name="test", recipe={}, counts=counts, windows=windows)


def write_folders(
    folder: Path, pairs: dict[str, Pair], scale: Scale, prefix: str = "", track: str = "bicubic"
) -> Path:
    """EDSR's folders."""
    for key, (lr, hr) in pairs.items():
        high = folder / f"{prefix}HR/{key}.png"
        low = folder / f"{prefix}LR_{track}/X{scale}/{key}{scale.label}.png"
        for path, image in ((high, hr), (low, lr)):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, image)
    return folder


def write_lmdbs(folder: Path, pairs: dict[str, Pair]) -> tuple[Path, Path]:
    """Two of BasicSR's LMDBs, HR and LR."""
    paths = folder / "hr.lmdb", folder / "lr.lmdb"
    for side, path in ((1, paths[0]), (0, paths[1])):
        with BasicsrWriter(path) as writer:
            for key, pair in pairs.items():
                writer.add(key, pair[side])
            writer.seal()
    return paths
