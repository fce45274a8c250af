"""BasicSR's LMDB folders: what is written, what is read, and BasicSR itself reading it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from srdata.common.files import PART
from srdata.discovery.forms.lmdb_folders import lmdb_images
from srdata.discovery.image_bytes import ImageFile, LmdbImage
from srdata.errors import CorruptRecordError, ImageError, SourceError, StorageFullError, UsageError
from srdata.images import Pixels, decode_image, read_image
from srdata.preparation import prepare
from srdata.resize import imresize
from srdata.scale import Scale
from srdata.store.lmdb_files.basicsr_lmdb import BasicsrWriter, check_key
from srdata.store.windows import WindowItems, Windows, window_name


def sub_images(photographs: Path, scale: int = 1) -> dict[str, Pixels]:
    """Overlapping windows of a photograph, thinned out by a scale."""
    image = read_image(photographs / "astronaut.png")[:480, :480]
    boxes = Windows(size=240, step=120).boxes(480, 480, Scale(4)).tolist()
    return {
        window_name("0001", order): image[top : top + 240 : scale, left : left + 240 : scale]
        for order, (top, left, _, _) in enumerate(boxes)
    }


def pixels(image: ImageFile) -> Pixels:
    return decode_image(image.read_bytes(), str(image))


def write(folder: Path, images: dict[str, Pixels], **more: int) -> Path:
    with BasicsrWriter(folder, **more) as writer:
        for key, image in images.items():
            writer.add(key, image)
        assert writer.seal() == len(images)
    return folder


def test_the_folder_is_what_basicsr_documents(tmp_path: Path, photographs: Path) -> None:
    images = sub_images(photographs)
    folder = write(tmp_path / "DIV2K_train_HR_sub.lmdb", images)
    assert sorted(path.name for path in folder.iterdir()) == ["data.mdb", "lock.mdb", "meta_info.txt"]
    lines = (folder / "meta_info.txt").read_bytes()
    assert lines == b"".join(b"0001_s%03d.png (240,240,3) 1\n" % (i + 1) for i in range(9))
    assert (folder / "data.mdb").read_bytes()[16:24] == b"\xde\xc0\xef\xbe\x01\0\0\0"
    with (
        lmdb.open(str(folder)) as environment,
        environment.begin() as reading,
    ):  # with locking, as a user would
        assert environment.stat()["entries"] == 9
        for key, image in images.items():
            png = reading.get(key.encode("ascii"))
            assert (
                cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1] == image
            ).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]


def test_the_bytes_are_the_same_each_time_and_the_map_grows(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 240, 240, 3), np.uint8)
    images = {f"{i:04d}": image for i, image in enumerate(noise)}
    one = write(tmp_path / "one.lmdb", images, map_bytes=1)
    two = write(tmp_path / "two.lmdb", images, map_bytes=1)
    assert (one / "data.mdb").stat().st_size > 6 << 20
    for name in ("data.mdb", "lock.mdb", "meta_info.txt"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    stored = lmdb_images(one)
    assert all((pixels(stored[key]) == image).all() for key, image in images.items())


def test_what_is_written_is_read(tmp_path: Path, photographs: Path) -> None:
    images = sub_images(photographs)
    stored = lmdb_images(write(tmp_path / "hr.lmdb", images))
    assert tuple(stored) == tuple(images)
    assert {(one.height, one.width) for one in stored.values()} == {(240, 240)}
    for key, image in images.items():
        assert (pixels(stored[key]) == image).all()
    with pytest.raises(ImageError, match=r"is not in data\.mdb"):
        LmdbImage(tmp_path / "hr.lmdb", "x").read_bytes()


def test_a_run_that_ends_early_leaves_nothing_and_a_killed_one_nothing_for_long(tmp_path: Path) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    with BasicsrWriter(tmp_path / "a.lmdb") as writer:
        writer.add("a", black)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
    killed = tmp_path / f"a.lmdb{PART}0123"
    killed.mkdir()
    (killed / "data.mdb").write_bytes(b"half")
    with BasicsrWriter(tmp_path / "a.lmdb") as live:
        live.add("a", black)
        assert not killed.exists()
        write(tmp_path / "a.lmdb", {"b": black})
        live.seal()
    assert list(lmdb_images(tmp_path / "a.lmdb")) == ["a"]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("img.v2", "has a dot, at which BasicSR would cut it"),
        ("größe", "is not plain ASCII"),
        ("a\nb", "is not plain ASCII"),
        ("a\0b", "is not plain ASCII"),
        ("k" * 512, "has 512 bytes, LMDB takes 1 to 511"),
        ("", "has 0 bytes"),
    ],
)
def test_keys_that_the_format_cannot_hold_are_refused(tmp_path: Path, key: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_key(key)
    with BasicsrWriter(tmp_path / "a.lmdb") as writer, pytest.raises(UsageError, match=message):
        writer.add(key, np.zeros((8, 8, 3), np.uint8))
    check_key("000/00000000")
    check_key("k" * 511)


def test_a_key_that_stands_twice_and_a_wrong_name_are_refused(tmp_path: Path) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    with BasicsrWriter(tmp_path / "a.lmdb") as writer:
        writer.add("a", black)
        with pytest.raises(UsageError, match="key 'a' stands twice: give one of the images another name"):
            writer.add("a", black)
    with pytest.raises(UsageError, match=r"ends in \.lmdb"):
        BasicsrWriter(tmp_path / "a")


@pytest.mark.linux
def test_a_full_device_leaves_the_old_folder(tmp_path: Path) -> None:
    script = f"""
import resource, sys
import numpy as np
from pathlib import Path
from srdata.errors import SrdataError
from srdata.store.lmdb_files.basicsr_lmdb import BasicsrWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
noise = np.random.default_rng(0).integers(0, 256, (40, 240, 240, 3), np.uint8)
try:
    with BasicsrWriter(Path({str(tmp_path / "a.lmdb")!r})) as writer:
        for i, image in enumerate(noise):
            writer.add(str(i), image)
        writer.seal()
except SrdataError as error:
    print(type(error).__name__)
"""
    write(tmp_path / "a.lmdb", {"old": np.zeros((8, 8, 3), np.uint8)})
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert said.strip() == StorageFullError.__name__
    assert list(lmdb_images(tmp_path / "a.lmdb")) == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.lmdb"]


@pytest.mark.parametrize(
    ("text", "keys", "sizes"),
    [
        (
            "0001_s001.png (480,480,3) 1\n0001_s002.png (480,240,3) 1\n",
            ("0001_s001", "0001_s002"),
            [[480, 480], [480, 240]],
        ),
        ("0001_s001.png (480, 480, 3)\r\n\r\n", ("0001_s001",), [[480, 480]]),
        ("baboon.png (480,492,3)", ("baboon",), [[480, 492]]),
        ("baboon.png\ncomic\n", ("baboon", "comic"), [[0, 0], [0, 0]]),
        ("000/00000000.png (720,1280,3) 1\n", ("000/00000000",), [[720, 1280]]),
    ],
)
def test_dialects_of_meta_info(
    tmp_path: Path, text: str, keys: tuple[str, ...], sizes: list[list[int]]
) -> None:
    folder = write(tmp_path / "a.lmdb", {"a": np.zeros((8, 8, 3), np.uint8)})
    (folder / "meta_info.txt").write_bytes(text.encode())
    stored = lmdb_images(folder)
    assert tuple(stored) == keys
    assert [[one.height, one.width] for one in stored.values()] == sizes


def test_a_damaged_folder_says_so(tmp_path: Path) -> None:
    folder = write(tmp_path / "a.lmdb", {"a": np.zeros((8, 8, 3), np.uint8)})
    for text, message in (("", "names no image"), ("a.png\na.jpg\n", "names 'a' twice")):
        (folder / "meta_info.txt").write_text(text)
        with pytest.raises(SourceError, match=message):
            lmdb_images(folder)
    (folder / "meta_info.txt").write_text("a.png (8,8,3) 1\n")
    data = (folder / "data.mdb").read_bytes()
    for wrong in (b"", b"<html>", data[:-4096]):
        (folder / "data.mdb").write_bytes(wrong)
        with pytest.raises(CorruptRecordError, match=r"data\.mdb"):
            lmdb_images(folder)


def test_a_damaged_value_is_named(tmp_path: Path, photographs: Path) -> None:
    folder = write(tmp_path / "a.lmdb", {"a": read_image(photographs / "astronaut.png")})
    data = bytearray((folder / "data.mdb").read_bytes())
    data[data.index(b"IDAT") + 1000] ^= 1
    (folder / "data.mdb").write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.lmdb: a: damaged image"):
        pixels(lmdb_images(folder)["a"])


# The peer itself


# BasicSR's packages import torchvision and much else on the way; only their modules are wanted, unmodified.
IMPORT_BASICSR = """
import importlib, json, sys, types
from pathlib import Path
checkout, *folders = sys.argv[1:]
for name in ("", ".utils", ".transforms", ".transforms.functional"):
    sys.modules[f"torchvision{name}"] = types.ModuleType(f"torchvision{name}")
sys.modules["torchvision.utils"].make_grid = None
sys.modules["torchvision.transforms.functional"].normalize = None
for name in ("basicsr", "basicsr.utils", "basicsr.data"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [str(Path(checkout, *name.split(".")))]
utils = sys.modules["basicsr.utils"]
utils.get_root_logger = None
for module in ("file_client", "img_util", "color_util", "misc"):
    vars(utils).update(vars(importlib.import_module(f"basicsr.utils.{module}")))
PairedImageDataset = importlib.import_module("basicsr.data.paired_image_dataset").PairedImageDataset
total = lambda image: (image * 255).round().double().sum().item()
"""
READ_WITH_BASICSR = f"""{IMPORT_BASICSR}
gt, lq = folders
dataset = PairedImageDataset({{
    "dataroot_gt": gt, "dataroot_lq": lq, "io_backend": {{"type": "lmdb"}}, "scale": 4, "phase": "val",
}})
items = [dataset[i] for i in range(len(dataset))]
print(json.dumps([
    [item["gt_path"], list(item["gt"].shape), list(item["lq"].shape),
     (item["gt"] * 255).round().byte().flatten().tolist()[:300],
     total(item["gt"]), total(item["lq"])]
    for item in items
]))
"""


@pytest.mark.peers
def test_basicsr_reads_what_is_written(basicsr: Path, tmp_path: Path, photographs: Path) -> None:
    hr, lr = sub_images(photographs), sub_images(photographs, scale=4)
    folders = write(tmp_path / "hr.lmdb", hr), write(tmp_path / "lr.lmdb", lr)
    command = [sys.executable, "-c", READ_WITH_BASICSR, basicsr, *folders]
    items = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert [key for key, *_ in items] == sorted(hr)
    for key, gt_shape, lq_shape, start, gt_sum, lq_sum in items:
        assert (gt_shape, lq_shape) == ([3, 240, 240], [3, 60, 60])
        assert start == hr[key].transpose(2, 0, 1).reshape(-1)[:300].tolist()
        assert (gt_sum, lq_sum) == (hr[key].sum(), lr[key].sum())


@pytest.mark.peers
def test_a_folder_that_basicsr_ships_is_read(basicsr: Path) -> None:
    hr, lr = (lmdb_images(basicsr / f"tests/data/{name}.lmdb") for name in ("gt", "lq"))
    assert sorted(hr) == sorted(lr) == ["baboon", "comic"]
    for key, image in hr.items():
        assert pixels(image).shape == (image.height, image.width, 3)
        assert pixels(lr[key]).shape == (image.height // 4, image.width // 4, 3)
    assert [one.height for one in lr.values()] == [120, 80]  # as meta_info.txt says; comic in truth has 90


@pytest.mark.peers
def test_div2k_has_the_32592_windows_of_basicsr(basicsr: Path) -> None:
    """BasicSR lists the windows of DIV2K's 800 images.

    One side of each image is 2040 pixels long, which is 8 windows, so the number of windows of an image
    gives the range that its other side lies in.
    """
    listed = (basicsr / "basicsr/data/meta_info/meta_info_DIV2K800sub_GT.txt").read_text().splitlines()
    names = [re.sub(r"\.png .*", "", line) for line in listed]
    counts = Counter(name[:4] for name in names)
    sizes = np.array([(240 * (counts[f"{i:04d}"] // 8 + 1), 2040) for i in range(1, 801)])
    items = WindowItems(Windows(), sizes, Scale(4))
    assert len(items) == 32_592 == len(names)
    regions = items.regions(np.arange(len(items)))
    found = zip((regions.images + 1).tolist(), regions.orders.tolist(), strict=True)
    assert [window_name(f"{image:04d}", order) for image, order in found] == names


@pytest.mark.peers
def test_basicsr_trains_from_what_prepare_writes(basicsr: Path, tmp_path: Path) -> None:
    built = prepare("sample", scale=4, layout="basicsr", root=tmp_path, jobs=1)
    folders = built.path / "sample_train_HR_sub.lmdb", built.path / "sample_train_LR_bicubic_X4_sub.lmdb"
    command = [sys.executable, "-c", READ_WITH_BASICSR, basicsr, *folders]
    items = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert len(items) == 105
    assert {(tuple(gt), tuple(lq)) for _, gt, lq, *_ in items} == {((3, 240, 240), (3, 60, 60))}


def test_prepare_writes_the_windows_of_the_images(tmp_path: Path, photographs: Path) -> None:
    """Every sub-image is the part of the photograph that its number says, and its LR the part of that LR."""
    built = prepare("sample", scale=4, layout="basicsr", root=tmp_path, jobs=2)
    hr = lmdb_images(built.path / "sample_train_HR_sub.lmdb")
    lr = lmdb_images(built.path / "sample_train_LR_bicubic_X4_sub.lmdb")
    assert len(hr) == 105
    assert sorted(hr) == sorted(lr)
    whole = read_image(photographs / "coffee.png")
    small = imresize(whole, scale=1 / 4)
    tops, lefts = [0, 120, 160], [0, 120, 240, 360]  # 400 and 600 pixels: the last window ends at the edge
    for number, (top, left) in enumerate((top, left) for top in tops for left in lefts):
        key = f"coffee_s{number + 1:03d}"
        assert np.array_equal(pixels(hr[key]), whole[top : top + 240, left : left + 240])
        y, x = top // 4, left // 4
        assert np.array_equal(pixels(lr[key]), small[y : y + 60, x : x + 60])
    meta = (built.path / "sample_train_HR_sub.lmdb/meta_info.txt").read_text().splitlines()
    assert "coffee_s012.png (240,240,3) 1" in meta
    assert "coffee_s013.png (240,240,3) 1" not in meta
