"""Grey files among colour ones: known as grey in a prepared set, scored and written as grey."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from storing import facts_of, layers_of, plan_of

from srdata.exporting.export_set import export
from srdata.exporting.samples import Cut, samples_of
from srdata.images import encode_png, grey_plane, probe, read_image, write_png
from srdata.metrics import evaluate, evaluate_bicubic
from srdata.preparation import prepare
from srdata.prepared.set_images import PreparedImages, replay_image
from srdata.prepared.verification import verify
from srdata.scale import Scale
from srdata.store.codecs import find_codec
from srdata.store.index import Index
from srdata.store.records import HASH_BYTES, block_hash, make_record, pack_row, unpack_row
from srdata.store.resume import Salvage
from srdata.store.set_json import SET_FILE
from srdata.store.shards import ShardWriter
from srdata.store.tables.set_files import INDEX_FILE
from srdata.testsets.styles import STYLES, folders
from srdata.testsets.write_folder import write_folder

TWO = Scale(2)
KEYS = ("baboon", "bridge", "comic")
CHANNELS = [3, 1, 3]


@pytest.fixture(scope="module")
def hr(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """Three small images; bridge is a grey file, with sides that 2 does not divide."""
    folder = tmp_path_factory.mktemp("files") / "HR"
    for key, name in zip(KEYS, ("astronaut", "coffee", "chelsea"), strict=True):
        image = read_image(photographs / f"{name}.png")[50:111, 60:133]
        write_png(folder / f"{key}.png", image[..., 1] if key == "bridge" else image)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, hr: Path) -> Path:
    """That folder as sets of both layouts."""
    root = tmp_path_factory.mktemp("root")
    for layout in ("lmdb", "folder"):
        prepare(hr, scale=2, layout=layout, root=root, name=layout, splits=["test"], jobs=1)
    return root


def channels(prepared: Path) -> list[int]:
    index = Index(prepared / INDEX_FILE)
    return [index.channels(row) for row in range(len(index))]


def modes(folder: Path) -> dict[str, str]:
    """The mode of every PNG file, by its name."""
    return {path.stem: probe(path).mode for path in folder.rglob("*.png")}


@pytest.mark.parametrize(
    ("mode", "number"), [("L", 1), ("LA", 1), ("I;16", 1), ("1", 1), ("P", 3), ("RGB", 3), ("RGBA", 3)]
)
def test_the_channels_of_a_file_follow_from_its_mode(tmp_path: Path, mode: str, number: int) -> None:
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    deep = Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 257)
    (deep if mode == "I;16" else grey.convert(mode)).save(tmp_path / "one.png")
    info = probe(tmp_path / "one.png")
    assert (info.mode, info.channels) == (mode, number)


def test_only_an_image_without_colours_has_a_grey_plane() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4, 1).repeat(3, axis=2)
    assert np.array_equal(grey_plane(grey), grey[..., :1])
    grey[2, 3, 1] += 1
    assert grey_plane(grey) is grey


@pytest.mark.parametrize("layout", ["lmdb", "folder"])
def test_a_prepared_set_scores_as_its_files_do(root: Path, hr: Path, tmp_path: Path, layout: str) -> None:
    assert channels(root / layout) == CHANNELS
    rules = ("basicsr_y", "srcnn_y", "drcn_y", "rgb_border0")
    of_files, of_set = (evaluate_bicubic(one, 2, rules) for one in (hr, root / layout))
    assert of_set.columns == of_files.columns
    for path in hr.iterdir():
        image = read_image(path)
        write_png(tmp_path / path.name, cv2.blur(image[:60, :72], (3, 3)))
    assert evaluate(tmp_path, root / layout, 2, rules).columns == evaluate(tmp_path, hr, 2, rules).columns


def test_it_would_score_otherwise_as_rgb(root: Path, hr: Path, tmp_path: Path) -> None:
    """As before: Y of a grey image has a smaller range than the image."""
    for path in hr.iterdir():
        write_png(tmp_path / "rgb" / path.name, read_image(path))
    prepared = prepare(tmp_path / "rgb", scale=2, layout="lmdb", root=tmp_path, jobs=1).path
    assert channels(prepared) == [3, 3, 3]
    grey, rgb = (evaluate_bicubic(one, 2, "srcnn_y").columns[0].values for one in (root / "lmdb", prepared))
    assert np.subtract(rgb, grey) == pytest.approx([0, 20 * np.log10(255 / 219), 0], abs=0.05)


def test_pixels_are_those_of_rgb(root: Path, hr: Path) -> None:
    for layout in ("lmdb", "folder"):
        images = PreparedImages(root / layout)
        row = images.index.row("bridge")
        assert np.array_equal(images.read(row, "hr"), read_image(hr / "bridge.png")[:60, :72])
        assert np.array_equal(replay_image(images, row, TWO), images.read(row, "x2"))
        assert images.read_as_source(row, "x2").shape == (30, 36, 1)
        assert verify(root / layout, replay=3).ok
    one, other = (Index(root / layout / INDEX_FILE) for layout in ("lmdb", "folder"))
    assert [one.pixels(row) for row in range(3)] == [other.pixels(row) for row in range(3)]


@pytest.mark.parametrize("layout", ["lmdb", "folder"])
def test_what_an_earlier_run_left_says_so_too(root: Path, hr: Path, tmp_path: Path, layout: str) -> None:
    """In two processes; then index and set.json are lost, and made again of what was finished."""
    settings = {"scale": 2, "layout": layout, "name": layout, "splits": ["test"]}
    built = prepare(hr, **settings, root=tmp_path, jobs=2)
    whole = {path: (built.path / path).read_bytes() for path in built.content.files}
    assert whole == {path: (root / layout / path).read_bytes() for path in whole}
    for name in (INDEX_FILE, SET_FILE):
        (built.path / name).unlink()
    (built.path / ".unfinished").touch()
    prepare(hr, **settings, root=tmp_path, jobs=1)
    assert {path: (built.path / path).read_bytes() for path in whole} == whole


def test_salvaged_records_keep_their_channels(tmp_path: Path) -> None:
    plan = plan_of()
    path = tmp_path / "0.lmdb"
    with ShardWriter(path, plan) as shard:  # and is not sealed
        for number, count in enumerate(CHANNELS):
            facts = facts_of(number).model_copy(update={"channels": count})
            shard.add(make_record(facts, layers_of(number, plan.layout), plan.layout, find_codec(plan.codec)))
    with Salvage(path, plan) as earlier:
        kept = [earlier.get(facts_of(n).key, facts_of(n).source_sha256) for n in range(3)]
        assert [record.row.channels for record in kept if record] == CHANNELS


def test_rows_of_colour_files_are_spelt_as_they_always_were() -> None:
    plan = plan_of()
    row = make_record(facts_of(0), layers_of(0, plan.layout), plan.layout, find_codec("raw")).row
    fields = {name: value for name, value in row.model_dump().items() if name != "channels"}
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert pack_row(row) == block_hash(text) + text
    assert unpack_row(block_hash(text) + text).channels == 3
    grey = row.model_copy(update={"channels": 1})
    assert b'"channels":1,' in pack_row(grey)[HASH_BYTES:]
    assert unpack_row(pack_row(grey)) == grey


def test_lr_that_was_given_colours_stays_rgb(hr: Path, tmp_path: Path) -> None:
    """Noise differs among the channels, also those of a grey image."""
    settings = {"scale": 3, "degradation": "bicubic-noise", "layout": "folder", "splits": ["test"]}
    prepared = prepare(hr, **settings, root=tmp_path, jobs=1).path
    images = PreparedImages(prepared)
    row = images.index.row("bridge")
    assert images.read_as_source(row, "hr").shape[2] == 1
    assert np.array_equal(images.read_as_source(row, "x3"), images.read(row, "x3"))
    found = {name: mode for name, mode in modes(prepared).items() if name.startswith("bridge")}
    assert found == {"bridge": "L", "bridgex3": "RGB"}
    assert verify(prepared, replay=3).ok
    assert 5 < evaluate_bicubic(prepared, 3, "basicsr_y").psnr < 25


def test_files_in_the_folders_of_other_code_are_grey(root: Path, tmp_path: Path) -> None:
    expected = {key: "L" if key == "bridge" else "RGB" for key in KEYS}
    assert modes(root / "folder") == expected | {f"{key}x2": mode for key, mode in expected.items()}
    for form in ("folder", "kair"):
        export(root / "lmdb", form, tmp_path / form, jobs=1)
    assert modes(tmp_path / "folder") == modes(root / "folder")
    assert modes(tmp_path / "kair") == expected
    assert evaluate_bicubic(tmp_path / "folder", 2, hr=next((tmp_path / "folder").glob("*HR"))).columns == (
        evaluate_bicubic(root / "lmdb", 2).columns
    )


def test_training_images_are_rgb_files(root: Path, hr: Path, tmp_path: Path) -> None:
    """EDSR's data/common.py cuts a training crop as image[a:b, c:d, :] before it expands grey."""
    prepared = prepare(hr, scale=2, layout="folder", root=tmp_path, jobs=1).path
    assert channels(prepared) == CHANNELS
    export(prepared, "folder", tmp_path / "out", jobs=1)
    for folder in (prepared, tmp_path / "out"):
        assert set(modes(folder).values()) == {"RGB"}
    assert evaluate_bicubic(prepared, 2).columns == evaluate_bicubic(root / "lmdb", 2).columns


@pytest.mark.parametrize(("style", "mode"), [("edsr", "L"), ("basicsr", "L"), ("rcan", "RGB")])
def test_styles_of_the_benchmarks(root: Path, tmp_path: Path, style: str, mode: str) -> None:
    """RCAN's script alone makes grey images RGB. What BasicSR decodes is the same."""
    images = PreparedImages(root / "lmdb")
    for folder in folders(STYLES[style], "set14", [TWO]):
        assert write_folder(folder, images, tmp_path, jobs=1)
        path = tmp_path / folder.path / folder.file.replace("{key}", "bridge")
        decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        assert np.array_equal(decoded[..., ::-1], images.read(1, folder.layer))
        assert list(modes(path.parent).values()).count(mode) == (1 if mode == "L" else 3)


def test_published_pairs_are_rgb(root: Path) -> None:
    """So that a batch of decoded images stacks, whatever the layout."""
    sets = [PreparedImages(root / layout) for layout in ("folder", "lmdb")]
    of_files, of_shards = ([samples_of(images, row, Cut((TWO,))) for row in range(3)] for images in sets)
    assert of_files == of_shards
    assert {probe(path).mode for path in (root / "folder").rglob("bridge*")} == {"L"}
    [bridge] = of_shards[1]
    for layer, picture in bridge.layers.items():
        assert picture.data == encode_png(sets[1].read(1, layer))
