"""Blocks and codecs: what is cut comes back, wherever one looks, and through every codec."""

from __future__ import annotations

import importlib
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from storing import facts_of, layers_of, plan_of

from srdata.errors import CorruptRecordError, MissingExtraError, StoreError, UnknownNameError, UsageError
from srdata.images import read_image
from srdata.images.file_kinds import HEAD_BYTES, format_of, other_image
from srdata.scale import Scale
from srdata.store.blocks import BlockLayout, Pixels, cut, join, pieces
from srdata.store.codecs import CODECS, Codec, find_codec
from srdata.store.records import make_record, pixel_hash

NOISE = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)


def test_blocks_of_an_image_made_by_hand() -> None:
    image = np.arange(15, dtype=np.uint8).reshape(3, 5, 1)
    blocks = cut(image, 2)
    assert [block[..., 0].tolist() for block in blocks] == [
        [[0, 1], [5, 6]],
        [[2, 3], [7, 8]],
        [[4], [9]],
        [[10, 11]],
        [[12, 13]],
        [[14]],
    ]
    assert (join(blocks, 3, 5, 2) == image).all()


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_crop_gathered_from_blocks_is_the_slice_of_the_image(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 90))
    side = data.draw(st.integers(1, 100))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    high, wide = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    image = NOISE[:height, :width]
    blocks = cut(image, side)
    crop = np.zeros((high, wide, 3), np.uint8)
    covered = 0
    for number, part, place in pieces(top, left, high, wide, -(-width // side), side):
        crop[place] = blocks[number][part]
        covered += blocks[number][part].size
    assert (crop == image[top : top + high, left : left + wide]).all()
    assert covered == crop.size
    assert (join(blocks, height, width, side) == image).all()


@pytest.mark.parametrize("scale", ["2", "3", "4", "7", "8", "1.5", "2.37"])
def test_the_shapes_of_a_layout_are_those_of_its_blocks(scale: str) -> None:
    factor = Scale(scale)
    layout = BlockLayout((factor,), block=240)
    height, width = factor.crop(1001), factor.crop(555)
    assert layout.size("hr", height, width) == (height, width)
    for layer in layout.layers:
        size = layout.size(layer, height, width)
        blocks = cut(np.zeros((*size, 3), np.uint8), layout.block)
        assert layout.shapes(layer, height, width) == [block.shape[:2] for block in blocks]
        assert sum(block.size for block in blocks) == 3 * size[0] * size[1]


def test_a_layout_that_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="each may stand only once"):
        BlockLayout((Scale(4), Scale("4")), block=480)
    with pytest.raises(UsageError, match="block 0"):
        BlockLayout((Scale(4),), block=0)
    with pytest.raises(UnknownNameError, match=r"unknown layer 'x3' .known: hr, x4"):
        BlockLayout((Scale(4),), block=480).size("x3", 9, 9)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (33, 64), (240, 240)])
def test_every_codec_gives_back_what_it_was_given(codec: Codec, shape: tuple[int, int]) -> None:
    photograph = layers_of(0, plan_of().layout)["hr"]
    for block in (
        np.resize(photograph, (*shape, 3)),
        np.resize(NOISE, (*shape, 3))[:, ::-1],
        np.zeros((*shape, 3), np.uint8),
    ):
        data = codec.encode(block)
        assert isinstance(data, bytes)
        assert data == codec.encode(block.copy())
        for form in (data, memoryview(data)):
            decoded = codec.decode(form, *shape)
            assert decoded.dtype == np.uint8
            assert decoded.shape == block.shape
            assert (decoded == block).all()


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_every_codec_refuses_what_is_no_such_block(codec: Codec) -> None:
    good = codec.encode(NOISE[:20, :30])
    tells_its_size = format_of(good[:HEAD_BYTES]) or other_image(good[:HEAD_BYTES], "")
    for bad in (b"", b"\0", good[:-1], good[: len(good) // 2], b"<html>" + good[6:]):
        if codec.view and len(bad) == len(good):
            continue  # every text of the right length is a raw block: that is what its hash is for
        with pytest.raises(CorruptRecordError):
            codec.decode(bad, 20, 30)
    for height, width in ((30, 20), (20, 29), (40, 30), (1, 1)):
        if not tells_its_size and height * width == 600:
            continue  # samples without a shape, which the index has
        with pytest.raises(CorruptRecordError):
            codec.decode(good, height, width)


def test_a_block_of_another_type_is_refused() -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
    png = cv2.imencode(".png", deep)[1].tobytes()
    with pytest.raises(CorruptRecordError):
        CODECS["png"].decode(png, 20, 30)
    jxl = importlib.import_module("imagecodecs").jpegxl_encode(deep, lossless=True)
    with pytest.raises(CorruptRecordError):
        CODECS["jxl"].decode(jxl, 20, 30)


def test_golden_bytes() -> None:
    block = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert CODECS["raw"].encode(block) == bytes(range(12))
    png = CODECS["png"].encode(block)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1] == block).all()
    frame = CODECS["zstd"].encode(block)
    left = [255, 255, 0, 0, 1, 4, 6, 6, 1, 1, 0, 0]  # R - G, G and B - G, each less what is above it
    assert list(pa.Codec("zstd").decompress(frame, 12, asbytes=True)) == left
    assert CODECS["jxl"].encode(block)[:2] == b"\xff\x0a"


def colliding_block() -> Pixels:
    """Two colours that one hash of libjxl's palette stands for, once each and within 8 pixels."""
    block = np.full((12, 12, 3), (40, 50, 60), np.uint8)
    block[3, 1], block[3, 2] = (8, 14, 10), (19, 20, 14)
    return block


def test_jxl_is_lossless_where_effort_1_of_libjxl_was_not() -> None:
    block = colliding_block()
    assert (CODECS["jxl"].decode(CODECS["jxl"].encode(block), 12, 12) == block).all()
    imagecodecs = importlib.import_module("imagecodecs")
    if imagecodecs.jpegxl_version().split() < ["libjxl", "0.12"]:
        plain = imagecodecs.jpegxl_encode(block, lossless=True, effort=1)
        assert (imagecodecs.jpegxl_decode(plain) != block).any(), "the guard has something to guard against"


def test_jxl_gives_back_many_small_blocks_of_a_photograph(photographs: Path) -> None:
    photograph = read_image(photographs / "coffee.png")
    encode, decode = CODECS["jxl"].encode, CODECS["jxl"].decode
    for top in range(0, 396, 12):
        for left in range(0, 120, 12):
            block = photograph[top : top + 12, left : left + 12]
            assert (decode(encode(block), 12, 12) == block).all()


def test_jxl_without_its_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingExtraError, match="needs imagecodecs: run `pip install imagecodecs`"):
        find_codec("jxl")


def test_an_unknown_codec_is_named_with_its_nearest() -> None:
    assert find_codec("raw") is CODECS["raw"]
    with pytest.raises(UnknownNameError, match=r"unknown codec 'jlx', did you mean 'jxl'\?"):
        find_codec("jlx")


@pytest.mark.parametrize("codec", CODECS)
def test_a_record_holds_the_blocks_of_all_layers_in_order(codec: str) -> None:
    layout = plan_of(scales=("4", "1.5")).layout
    layers = layers_of(1, layout)
    record = make_record(facts_of(1), layers, layout, CODECS[codec])
    blocks = [(layer, block) for layer in layout.layers for block in cut(layers[layer], layout.block)]
    assert len(record.values) == len(blocks) == len(record.row.blocks) // 16
    for value, (_, block) in zip(record.values, blocks, strict=True):
        assert (CODECS[codec].decode(value, *block.shape[:2]) == block).all()
    assert record.row.pixels == {layer: pixel_hash(layers[layer]) for layer in layout.layers}
    assert (record.row.height, record.row.width) == layers["hr"].shape[:2]


def test_the_hash_of_pixels_tells_shapes_apart() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    assert pixel_hash(image) == xxhash.xxh3_128_hexdigest(struct.pack("<3I", 4, 6, 3) + bytes(72))
    assert len({pixel_hash(image), pixel_hash(image.reshape(6, 4, 3)), pixel_hash(image + np.uint8(1))}) == 3
    assert pixel_hash(NOISE[:, ::2]) == pixel_hash(NOISE[:, ::2].copy())


def test_layers_that_do_not_belong_together_are_refused() -> None:
    layout = plan_of().layout
    layers = layers_of(0, layout)
    for wrong, message in (
        ({"hr": layers["hr"]}, "has layers hr; the set has hr, x4"),
        (
            {**layers, "x4": layers["x4"][:-1]},
            r"layer x4 is uint8 \(23, 30, 3\), but beside .* \(24, 30, 3\)",
        ),
        ({**layers, "x4": layers["x4"].astype(float)}, "float64"),
        ({**layers, "x4": layers["x4"][..., :1]}, r"\(24, 30, 1\)"),
        ({"hr": layers["hr"][:3], "x4": layers["x4"][:0]}, r"\(0, 30, 3\)"),
    ):
        with pytest.raises(StoreError, match=message):
            make_record(facts_of(0), wrong, layout, CODECS["raw"])
