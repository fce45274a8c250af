"""Sets that keep the JPEG files that HR comes from: what is read is what the whole file decodes to."""

from __future__ import annotations

import shutil
from pathlib import Path

import lmdb
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps
from storing import PHOTOGRAPHS

from srdata import PairedDataset, prepare
from srdata.errors import CorruptRecordError, RecipeError, SrdataError
from srdata.exporting.export_set import export
from srdata.images import ImagePolicy
from srdata.prepared import PreparedImages, explain
from srdata.prepared.verification import verify
from srdata.store.reader import SetReader
from srdata.store.records import block_key

SIZE = 203, 161  # neither fits the scale, or the 16 pixels of a JPEG's units
KEPT = ("444", "422", "420", "grey", "progressive", "restarts", "turned", "profile")
NOT_KEPT = ("lossless", "cmyk")


def photograph() -> Image.Image:
    return Image.open(PHOTOGRAPHS / "coffee.png").convert("RGB").crop((60, 90, 60 + SIZE[0], 90 + SIZE[1]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG file of each kind, and a PNG file."""
    folder = tmp_path_factory.mktemp("kept") / "photos"
    folder.mkdir()
    image = photograph()
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ways = {
        "444": {"subsampling": 0},
        "422": {"subsampling": 1},
        "420": {"subsampling": 2},
        "grey": {},
        "progressive": {"progressive": True, "subsampling": 2},
        "restarts": {"restart_marker_rows": 1, "subsampling": 2},
        "turned": {"exif": exif, "subsampling": 2},
        "profile": {"icc_profile": profile},
        "cmyk": {},
    }
    modes = {"grey": "L", "cmyk": "CMYK"}
    for name, options in ways.items():
        image.convert(modes.get(name, "RGB")).save(folder / f"{name}.jpg", quality=90, **options)
    image.save(folder / "lossless.png")
    return folder


@pytest.fixture(scope="module")
def kept(folder: Path) -> Path:
    policy = ImagePolicy(cmyk="convert")
    made = prepare(folder, scale=4, lmdb=True, codec="keep", images=policy, root=folder.parent, jobs=1)
    return made.path


def decoded(path: Path) -> np.ndarray:
    """The whole file, by Pillow, cut to what four divides."""
    with Image.open(path) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    height, width = (side // 4 * 4 for side in pixels.shape[:2])
    return pixels[:height, :width]


def test_every_crop_is_that_of_the_whole_file(folder: Path, kept: Path) -> None:
    reader = SetReader(kept)
    rng = np.random.default_rng(0)
    for path in folder.iterdir():
        row, whole = reader.index.row(path.stem), decoded(path)
        assert (reader.image(row, "hr") == whole).all(), path.name
        for _ in range(40):
            height, width = rng.integers(1, 60, 2)
            top, left = rng.integers(whole.shape[0] - height + 1), rng.integers(whole.shape[1] - width + 1)
            crop = reader.crop(row, "hr", top, left, height, width)
            assert (crop == whole[top : top + height, left : left + width]).all(), path.name


def test_the_files_are_stored_as_they_came_where_they_stand_for_the_pixels(folder: Path, kept: Path) -> None:
    images = PreparedImages(kept)
    for name in KEPT:
        file = (folder / f"{name}.jpg").read_bytes()
        assert images.kept_file(images.index.row(name)) == file
        assert explain(kept, name)["stored"] == f"as the JPEG file that it comes from, {len(file)} bytes"
    for name in NOT_KEPT:
        assert images.kept_file(images.index.row(name)) is None
        assert explain(kept, name)["stored"].startswith("as samples")


def test_lr_and_hashes_are_those_of_any_other_set(folder: Path, kept: Path) -> None:
    policy = ImagePolicy(cmyk="convert")
    raw = prepare(folder, scale=4, lmdb=True, images=policy, root=folder.parent, name="raw", jobs=1).path
    same, other = PreparedImages(kept), PreparedImages(raw)
    for row in range(len(same.index)):
        assert same.index.pixels(row) == other.index.pixels(row)
        assert (same.read(row, "x4") == other.read(row, "x4")).all()
    data = [PairedDataset(path, patch_size=64, dihedral=True) for path in (kept, raw)]
    items = list(range(len(data[0])))
    one, two = (each.batch(items, 3) for each in data)
    assert (one.hr == two.hr).all()
    assert (one.lr == two.lr).all()


def test_verify_reads_them_and_counts_them(kept: Path) -> None:
    report = verify(kept, replay=3)
    assert report.problems == []
    assert (
        f"kept as the JPEG file it comes from: {len(KEPT)} of {len(KEPT + NOT_KEPT)} HR images" in report.text
    )


def test_export_writes_what_they_decode_to(folder: Path, kept: Path, tmp_path: Path) -> None:
    export(kept, "folder", tmp_path / "out", jobs=1)
    written = next((tmp_path / "out").rglob("420.png"))
    assert (np.asarray(Image.open(written).convert("RGB")) == decoded(folder / "420.jpg")).all()


def test_a_profile_that_is_applied_and_a_copy_are_no_longer_the_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    wide = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # of no use for RGB
    photograph().save(tmp_path / "in/profile.jpg", icc_profile=wide)
    with pytest.raises(SrdataError, match="profile"):
        prepare(
            tmp_path / "in",
            scale=4,
            lmdb=True,
            codec="keep",
            images=ImagePolicy(icc="srgb"),
            root=tmp_path,
            jobs=1,
        )
    shutil.copy(folder / "420.jpg", tmp_path / "in/profile.jpg")
    copies = prepare(
        tmp_path / "in", scale=4, lmdb=True, codec="keep", copies="lapsrn", root=tmp_path, jobs=1
    ).path
    images = PreparedImages(copies)
    files = {images.index.key(row): images.kept_file(row) for row in range(len(images.index))}
    assert files.pop("profile") == (folder / "420.jpg").read_bytes()
    assert files
    assert set(files.values()) == {None}


def test_a_file_that_is_cut_off_is_a_bad_image_as_ever(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    data = (folder / "420.jpg").read_bytes()
    (tmp_path / "in/cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(SrdataError, match=r"cut\.jpg"):
        prepare(tmp_path / "in", scale=4, lmdb=True, codec="keep", root=tmp_path, jobs=1)


def test_a_flipped_bit_in_a_kept_file_is_noticed(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept, tmp_path / "set")
    shard = tmp_path / "set/shards/00000.lmdb"
    with lmdb.open(str(shard), subdir=False, readonly=True, lock=False) as file, file.begin() as reading:
        value = reading.get(block_key(0, 0, 0))
    data = bytearray(shard.read_bytes())
    data[data.index(value) + len(value) // 2] ^= 1
    shard.write_bytes(data)
    reader = SetReader(tmp_path / "set")
    with pytest.raises(CorruptRecordError, match="has not the hash it was sealed with"):
        reader.image(0, "hr")


def test_a_block_size_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        f"folder: {folder}\nscales: [4]\nstore: {{layout: lmdb, codec: keep, block_size: 96}}\n"
    )
    with pytest.raises(RecipeError, match="leave block_size out"):
        prepare(tmp_path / "r.yaml", root=tmp_path)


def test_the_reader_holds_decoded_images_up_to_a_bound(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from srdata.store.block_reading import crop_blocks

    reader = SetReader(kept)
    whole = reader.image(0, "hr")
    monkeypatch.setattr(crop_blocks, "_MOST_DECODED", 3 * whole.nbytes)
    for row in range(len(reader)):
        reader.image(row, "hr")
    blocks = reader._blocks("hr")
    assert 0 < blocks._held <= 3 * whole.nbytes
    assert blocks._held == sum(one.nbytes for one in blocks._decoded.values())
