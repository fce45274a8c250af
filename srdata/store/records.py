"""Records: what is stored of one image, and the hashes that tell whether it is still what was stored.

A record is a row (JSON) and the encoded blocks of every layer. In a shard the image with number n has the
keys (n, layer, block) for its blocks and (n, 255, 0) for its row, written in one transaction.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import xxhash
from pydantic import Field, ValidationError

from srdata.common.strict_model import StrictModel
from srdata.errors import CorruptRecordError, StoreError
from srdata.images import Channels
from srdata.store.blocks import CHANNELS, HR, BlockLayout, Pixels, cut
from srdata.store.codecs import Codec, kept_file

_KEY = struct.Struct(">IBI")  # number of the image in its shard, layer, block
_ONE_SPELLING = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_ROW = 255  # the layer number under which a row stands
HASH_BYTES = 8  # of one stored block: xxh3-64


class Facts(StrictModel):
    """What is known of an image before it is stored."""

    key: str = Field(min_length=1)  # unique in the set
    split: str
    source: str  # the data set that it comes from
    source_sha256: str  # of the source file
    channels: Channels = 3  # of the source file: 1 where it is grey; RGB is stored
    # For each LR layer the δ that made it, JSON-able, absent where it was given; for HR the copy that it is.
    params: dict[str, Any] = Field(default={})


class Row(Facts):
    """A row of the index, but for the place of the record: the facts, the stored HR size and the hashes."""

    height: int = Field(ge=1)  # of the stored HR image, in pixels
    width: int = Field(ge=1)
    pixels: dict[str, str]  # layer → `pixel_hash` of it
    # The xxh3-64 of every stored block in order, 16 hexadecimal digits each.
    blocks: str = Field(pattern="^([0-9a-f]{16})*$")


@dataclass(frozen=True)
class Record:
    """One image as it is stored: its row, and its encoded blocks in storage order."""

    row: Row
    values: tuple[bytes, ...]


def make_record(
    facts: Facts,
    layers: Mapping[str, Pixels],
    layout: BlockLayout,
    codec: Codec,
    file: bytes | None = None,
) -> Record:
    """Encode the layers of one image, uint8 RGB (h, w, 3) each; pure, and fit to run in another process.

    `file` is the one that HR comes from, which a codec that keeps files stores where it stands for HR.
    Raises StoreError when the layers are not those of `layout`, or an LR image has not the size that its HR
    asks for.
    """
    _check_layers(facts.key, layers, layout)
    kept = kept_file(file, layers[HR]) if codec.keeps and file is not None else None
    encoded = layout.layers if kept is None else layout.layers[1:]
    blocks = (codec.encode(block) for layer in encoded for block in cut(layers[layer], layout.block))
    values = (*filter(None, (kept,)), *blocks)
    return Record(make_row(facts, layers, values), values)


def make_row(facts: Facts, layers: Mapping[str, Pixels], values: Sequence[bytes] = ()) -> Row:
    """The row of an image with these layers; `values` are its stored blocks, if it is stored in blocks."""
    height, width = layers[HR].shape[:2]
    return Row(
        **facts.model_dump(),
        height=height,
        width=width,
        pixels={layer: pixel_hash(image) for layer, image in layers.items()},
        blocks=b"".join(map(block_hash, values)).hex(),
    )


def _check_layers(key: str, layers: Mapping[str, Pixels], layout: BlockLayout) -> None:
    if set(layers) != set(layout.layers):
        raise StoreError(
            f"image {key!r} has layers {', '.join(layers)}; the set has {', '.join(layout.layers)}"
        )
    height, width = layers[HR].shape[:2]
    for layer, image in layers.items():
        wanted = (*layout.size(layer, height, width), CHANNELS)
        if image.shape != wanted or image.dtype != np.uint8 or not image.size:
            raise StoreError(
                f"image {key!r}: layer {layer} is {image.dtype} {image.shape}, but beside an HR image of "
                f"{height} by {width} pixels it must be uint8 {wanted}"
            )


def pixel_hash(image: Pixels) -> str:
    """The xxh3-128 of an image's shape (three little-endian 32-bit numbers) and samples, in hexadecimal."""
    digest = xxhash.xxh3_128(struct.pack("<3I", *image.shape))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def block_hash(value: bytes | memoryview) -> bytes:
    """The xxh3-64 of a stored block, 8 bytes."""
    return xxhash.xxh3_64_digest(value)


def block_key(number: int, layer: int, block: int) -> bytes:
    """The LMDB key of one block."""
    return _KEY.pack(number, layer, block)


def row_key(number: int) -> bytes:
    """The LMDB key of the row of the image with this number."""
    return _KEY.pack(number, _ROW, 0)


def block_keys(number: int, layout: BlockLayout, height: int, width: int) -> Iterator[bytes]:
    """The LMDB keys of all blocks of an image, in storage order."""
    for index, layer in enumerate(layout.layers):
        for block in range(layout.count(layer, height, width)):
            yield block_key(number, index, block)


def pack_row(row: Row) -> bytes:
    """A row as JSON with one spelling only, after the xxh3-64 of it.

    Three channels are not written, so that shards of colour files have the bytes that they always had.
    """
    fields = row.model_dump(exclude=None if row.channels == 1 else {"channels"})
    text = _ONE_SPELLING.encode(fields).encode()
    return block_hash(text) + text


def unpack_row(data: bytes | memoryview) -> Row:
    """The row that `pack_row` packed; raises CorruptRecordError."""
    text = bytes(data[HASH_BYTES:])
    if block_hash(text) != bytes(data[:HASH_BYTES]):
        raise CorruptRecordError("a row has not the hash it was sealed with")
    try:
        return Row.model_validate_json(text)
    except ValidationError as error:
        raise CorruptRecordError(f"a row is damaged: {error.errors()[0]['msg']}") from error


def damaged_blocks(row: Row, values: Sequence[bytes | memoryview | None]) -> list[int]:
    """The numbers, in storage order, of an image's blocks that are missing or not what they were."""
    hashes = bytes.fromhex(row.blocks)
    expected = [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
    pairs = zip_longest(values, expected)
    return [i for i, (value, hash_) in enumerate(pairs) if value is None or block_hash(value) != hash_]
