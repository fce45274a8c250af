"""Small prepared sets for the tests of the store, cut from real photographs."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from srdata.images import Pixels, read_image, write_png
from srdata.scale import Scale
from srdata.store.blocks import HR, BlockLayout
from srdata.store.codecs import CODECS
from srdata.store.index import write_index
from srdata.store.records import Facts, Record, make_record
from srdata.store.set_json import SetFile, digest_of, write_set
from srdata.store.shards import ShardPlan, ShardWriter
from srdata.store.tables.set_files import INDEX_FILE, file_entry, shard_name
from srdata.store.windows import Windows

PHOTOGRAPHS = Path(__file__).parents[1] / "manifests" / "sample"
RECIPE = {"source": "sample"}
SIZES = [(96, 120), (61, 203), (240, 48), (97, 49), (120, 120), (48, 48)]


@functools.cache
def _photograph() -> Pixels:
    return read_image(PHOTOGRAPHS / "chelsea.png")


def layers_of(number: int, layout: BlockLayout) -> dict[str, Pixels]:
    """HR and LR images, cut from a photograph at different places; LR at a whole scale is HR thinned out."""
    height, width = (max(s.crop(n) for s in layout.scales) for n in SIZES[number % len(SIZES)])
    source = np.roll(_photograph(), (number * 37, number * 91), (0, 1))
    layers = {HR: source[:height, :width]}
    for scale in layout.scales:
        high, wide = layout.size(scale.label, height, width)
        step = scale.numerator if scale.denominator == 1 else 1
        layers[scale.label] = source[: high * step : step, : wide * step : step]
    return layers


def facts_of(number: int) -> Facts:
    split = "validation" if number % 4 == 3 else "train"
    params = {"x4": {"sigma": number + 0.1}} if number % 2 else {}
    return Facts(
        key=f"image {number:02d}", split=split, source="sample", source_sha256=f"{number:064x}", params=params
    )


def record_of(number: int, plan: ShardPlan) -> Record:
    return make_record(facts_of(number), layers_of(number, plan.layout), plan.layout, CODECS[plan.codec])


def plan_of(
    codec: str = "raw", scales: tuple[str, ...] = ("4",), block: int = 48, **more: object
) -> ShardPlan:
    return ShardPlan(BlockLayout(tuple(map(Scale, scales)), block), codec, digest=digest_of(RECIPE), **more)  # type: ignore[arg-type]


def write_shard(path: Path, plan: ShardPlan, numbers: range) -> Path:
    with ShardWriter(path, plan) as shard:
        for number in numbers:
            shard.add(record_of(number, plan))
        shard.seal()
    return path


def write_small_set(folder: Path, plan: ShardPlan, images: int = 12, per_shard: int = 5) -> Path:
    """A finished set of small images in a few shards."""
    starts = range(0, images, per_shard)
    shards = [
        write_shard(folder / shard_name(i), plan, range(start, min(start + per_shard, images)))
        for i, start in enumerate(starts)
    ]
    counts = {"train": images - images // 4, "validation": images // 4}
    windows = Windows(size=48, step=24, threshold=0)
    return write_content(folder, plan, shards, name="small", counts=counts, windows=windows)


def write_content(folder: Path, plan: ShardPlan, shards: list[Path], **fields: Any) -> Path:
    """Make a set of the sealed shards in a folder; `fields` are those of set.json."""
    write_index(folder / INDEX_FILE, shards)
    files = {path.relative_to(folder).as_posix(): file_entry(path) for path in [*shards, folder / INDEX_FILE]}
    made = {
        "digest": plan.digest,
        "scales": tuple(map(str, plan.layout.scales)),
        "codec": plan.codec,
        "block": plan.layout.block,
        "files": files,
    }
    usual = {"recipe": RECIPE, "seed": 0, "versions": {"srdata": "test"}}
    write_set(folder, SetFile(**{**usual, **made, **fields}))
    return folder


def write_picture(path: Path, number: int) -> None:
    """A small PNG file that differs with its number."""
    write_png(path, _photograph()[number : number + 64, number : number + 72].copy())


def files_in(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder, by its path there."""
    return {
        one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


def wait_until(true: Callable[[], object], limit_s: float = 90) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.01)
