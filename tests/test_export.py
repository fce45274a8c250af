"""What leaves a prepared set: read with other libraries, and by the code that it is meant for."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import h5py
import lmdb
import numpy as np
import pytest
from conftest import checkout
from test_basicsr_layout import READ_WITH_BASICSR

from srdata.cli import run
from srdata.common.files import PART
from srdata.errors import SetError, UnknownNameError, UsageError
from srdata.exporting.escaped_keys import check_lmdb_key, check_tar_key, escaped_key, written_key
from srdata.exporting.export_set import FORMS, export
from srdata.exporting.folder_forms import kair_templates
from srdata.images import Pixels, encode_png, list_images, read_image, write_png
from srdata.preparation import prepare
from srdata.prepared.set_images import PreparedImages
from srdata.recipes.read_recipe import read_set_recipe
from srdata.scale import Scale
from srdata.store.folder_names import Names
from srdata.store.windows import Windows

Layers = dict[str, Pixels]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """Parts of the five photographs, with sides that the scales do not divide, at two scales."""
    root = tmp_path_factory.mktemp("root")
    for number, path in enumerate(list_images(photographs)):
        write_png(root / f"sample/{path.stem}.png", read_image(path)[:298, : 302 + number])
    recipe = read_set_recipe(root / "sample").changed(windows=Windows(size=96, step=96))
    return prepare(recipe, scale=[2, 4], lmdb=True, root=root, jobs=1).path


@pytest.fixture(scope="module")
def images(prepared: Path) -> dict[str, Layers]:
    """Every layer of every image of that set."""
    opened = PreparedImages(prepared)
    return {
        opened.index.key(row): {layer: opened.read(row, layer) for layer in opened.layers}
        for row in range(len(opened.index))
    }


def by_opencv(data: bytes) -> Pixels:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image[..., ::-1], np.uint8)


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_edsr_folders(prepared: Path, images: dict[str, Layers], tmp_path: Path) -> None:
    done = export(prepared, "folder", tmp_path / "out", jobs=1)
    assert done.counts == {"train": 5}
    files = files_of(tmp_path / "out")
    for key, layers in images.items():
        for name, layer in (
            (f"sample_train_HR/{key}.png", "hr"),
            (f"sample_train_LR_bicubic/X2/{key}x2.png", "x2"),
            (f"sample_train_LR_bicubic/X4/{key}x4.png", "x4"),
        ):
            assert np.array_equal(by_opencv(files.pop(name)), layers[layer])
    assert sorted(files) == ["deltas.jsonl", "export.json"]


def test_kair_gets_the_folders_of_its_options_with_the_same_names_on_both_sides(
    prepared: Path, images: dict[str, Layers], tmp_path: Path
) -> None:
    export(prepared, "kair", tmp_path / "out", windows=False, jobs=1)
    files = files_of(tmp_path / "out")
    for key, layers in images.items():
        for folder, layer in (("trainH", "hr"), ("trainL_X2", "x2"), ("trainL_X4", "x4")):
            assert np.array_equal(by_opencv(files[f"trainsets/{folder}/{key}.png"]), layers[layer])
    assert kair_templates(Names("Set5", "bicubic"), "test", (Scale(4),)) == {
        "hr": "testsets/Set5/HR/{key}.png",
        "x4": "testsets/Set5/LR_bicubic/X4/{key}.png",
    }
    assert export(prepared, "kair", tmp_path / "cut", scale=4, jobs=1).counts == {"train": 80}
    assert {path.name for path in (tmp_path / "cut/trainsets").iterdir()} == {"trainH", "trainL"}


def test_lmdb_folders_hold_the_windows(prepared: Path, images: dict[str, Layers], tmp_path: Path) -> None:
    done = export(prepared, "basicsr", tmp_path / "out", scale=4, jobs=1)
    assert (done.counts, done.scales) == ({"train": 80}, ("4",))
    for name, layer, scale in (
        ("sample_train_HR_sub", "hr", 1),
        ("sample_train_LR_bicubic_X4_sub", "x4", 4),
    ):
        folder = tmp_path / f"out/{name}.lmdb"
        with lmdb.open(str(folder), readonly=True, lock=False) as file, file.begin() as reading:
            assert file.stat()["entries"] == 80
            found = by_opencv(reading.get(b"coffee_s006"))
        whole = images["coffee"][layer]
        top, left, side = 96 // scale, 96 // scale, 96 // scale
        assert np.array_equal(found, whole[top : top + side, left : left + side])
    export(prepared, "basicsr", tmp_path / "whole", windows=False, jobs=1)
    lines = (tmp_path / "whole/sample_train_HR.lmdb/meta_info.txt").read_text().splitlines()
    assert lines[0] == "astronaut.png (298,302,3) 1"


def test_tars_are_webdataset(prepared: Path, images: dict[str, Layers], tmp_path: Path) -> None:
    export(prepared, "webdataset", tmp_path / "out", shard_bytes=600_000, jobs=1)
    shards = sorted((tmp_path / "out").glob("*.tar"))
    assert [path.name for path in shards] == [f"sample-train-{i:06d}.tar" for i in range(len(shards))]
    assert len(shards) > 1
    assert all(path.stat().st_size <= 600_000 for path in shards)
    samples: dict[str, dict[str, bytes]] = {}
    for path in shards:
        with tarfile.open(path) as tar:
            for member in tar:  # as WebDataset groups them: what stands before the first dot, in a row
                assert (member.mtime, member.uid, member.uname) == (0, 0, "")
                key, _, suffix = member.name.partition(".")
                content = tar.extractfile(member)
                assert content
                samples.setdefault(key, {})[suffix] = content.read()
    assert list(samples) == list(images)
    for key, members in samples.items():
        assert list(members) == ["hr.png", "lr_x2.png", "lr_x4.png", "json"]
        for suffix, layer in (("hr.png", "hr"), ("lr_x2.png", "x2"), ("lr_x4.png", "x4")):
            assert np.array_equal(by_opencv(members[suffix]), images[key][layer])
        facts = json.loads(members["json"])
        assert (facts["key"], facts["split"]) == (key, "train")
        assert facts["scales"] == {"lr_x2.png": "2", "lr_x4.png": "4"}
        assert facts["params"]["x4"][0]["op"] == "imresize"


def test_hdf5_is_super_images(prepared: Path, images: dict[str, Layers], tmp_path: Path) -> None:
    export(prepared, "hdf5", tmp_path / "out", jobs=1)
    for scale in (2, 4):
        with h5py.File(tmp_path / f"out/sample_train_bicubic_X{scale}.h5") as file:
            assert len(file["lr"]) == len(file["hr"]) == 5
            for number, (key, layers) in enumerate(images.items()):
                assert np.array_equal(file["hr"][str(number)][::], layers["hr"])
                assert np.array_equal(file["lr"][str(number)][::], layers[f"x{scale}"])
                assert file["hr"][str(number)].attrs["key"] == key


@pytest.mark.parametrize("form", list(FORMS))
def test_the_bytes_do_not_depend_on_workers_or_time(prepared: Path, tmp_path: Path, form: str) -> None:
    export(prepared, form, tmp_path / "one", scale=4, jobs=1)
    export(prepared, form, tmp_path / "two", scale=4, jobs=2)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_what_was_drawn_goes_along(prepared: Path, tmp_path: Path) -> None:
    built = prepare(prepared.parent / "sample", scale=4, degradation="bsrgan", root=tmp_path, jobs=1, seed=3)
    done = export(built, "kair", tmp_path / "out", jobs=1)
    assert (tmp_path / "out/trainsets/trainL").is_dir()
    lines = [json.loads(line) for line in (tmp_path / "out/deltas.jsonl").read_text().splitlines()]
    images = PreparedImages(built)
    assert [line["key"] for line in lines] == images.index.keys.to_pylist()
    assert lines[2]["delta"] == images.index.params(2)["x4"]
    assert {(line["scale"], line["seed"]) for line in lines} == {("4", 3)}
    assert done.recipe == images.content.recipe
    export(built, "folder", tmp_path / "folder", jobs=1)
    assert (tmp_path / "folder/sample_train_LR_bsrgan/X4").is_dir(), "the track has its name"


def test_an_export_that_is_there_is_left_alone_and_another_is_not_written_over(
    prepared: Path, tmp_path: Path
) -> None:
    export(prepared, "hdf5", tmp_path / "out", jobs=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    export(prepared, "hdf5", tmp_path / "out", jobs=1)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    with pytest.raises(UsageError, match="is there already and not this export: give another --out"):
        export(prepared, "folder", tmp_path / "out", jobs=1)
    with pytest.raises(UnknownNameError, match="unknown form 'basicsrr', did you mean 'basicsr'"):
        export(prepared, "basicsrr", tmp_path / "other")
    with pytest.raises(SetError, match="is no prepared set"):
        export(tmp_path, "folder", tmp_path / "other")
    (tmp_path / "empty").mkdir()
    assert export(prepared, "hdf5", tmp_path / "empty", jobs=1).counts == {"train": 5}


def test_a_killed_run_leaves_nothing_for_long(prepared: Path, tmp_path: Path) -> None:
    killed = tmp_path / f"out{PART}0123"
    killed.mkdir()
    (killed / ".exporting").touch()
    export(prepared, "hdf5", tmp_path / "out", jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


FULL = """
import resource, sys
from srdata.errors import SrdataError
from srdata.exporting.export_set import export
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    export(sys.argv[1], sys.argv[2], sys.argv[3], scale=4, jobs=1)
except SrdataError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.linux
@pytest.mark.parametrize("form", ["basicsr", "folder", "webdataset", "hdf5"])
def test_a_full_device_leaves_nothing(prepared: Path, tmp_path: Path, form: str) -> None:
    command = [sys.executable, "-c", FULL, prepared, form, tmp_path / "out"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    wanted = f"StorageFullError no room for {tmp_path / 'out'}: free some space and run the command again"
    assert said.stdout.strip() == wanted
    assert list(tmp_path.iterdir()) == []


# Keys


@pytest.mark.parametrize("key", ["img.v2", "größe", "k" * 600, "a/b.c", "50%", "~x", "\N{SNOWMAN}" * 100])
def test_escaped_keys_are_ones_that_every_form_holds(key: str) -> None:
    escaped = escaped_key(key)
    check_lmdb_key(escaped)
    check_tar_key(escaped)
    assert escaped.isascii()
    assert "." not in escaped
    assert 0 < len(escaped) <= 200 < 255 - len("_s0000.hr.png")  # of a file's name


def test_no_two_keys_are_escaped_alike() -> None:
    keys = ["a.b", "a%2Eb", "a%252Eb", "k" * 600, "k" * 601, "a/b", "a~b", "a_b"]
    assert len({written_key(key, check_lmdb_key, escape=True) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        (
            "img.v2",
            "basicsr",
            "key 'img.v2' has a dot, at which BasicSR would cut it: rename the image, or giv",
        ),
        (
            "img.v2",
            "webdataset",
            "has a dot, at which WebDataset would cut it: rename the image, or give",
        ),
        (
            "größe",
            "basicsr",
            "is not plain ASCII, which BasicSR needs: rename the image, or give --esc",
        ),
        ("a" * 244, "folder", "has a part that is too long: rename the image, or give --escape"),
    ],
)
def test_a_key_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, photographs: Path, name: str, form: str, message: str
) -> None:
    (tmp_path / "in").mkdir()
    small = encode_png(read_image(photographs / "chelsea.png")[:96, :96])
    (tmp_path / f"in/{name}.png").write_bytes(small)
    built = prepare(tmp_path / "in", scale=4, lmdb=True, root=tmp_path / "root", jobs=1)
    with pytest.raises(UsageError, match=re.escape(message)):
        export(built, form, tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()
    done = export(built, form, tmp_path / "out", jobs=1, escape=True)
    written = escaped_key(name)
    assert set(done.keys.values()) <= {name, f"{name}_s001"}
    assert next(iter(done.keys)).removesuffix("_s001") == written


def test_the_command(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", str(prepared), "--to", "kair", "--out", str(tmp_path / "out"), "--whole"]
    assert run([*arguments, "--jobs", "1"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out'}: 5 train images\n"
    assert run([*arguments[:-1], "--scale", "4"]) == 2
    assert "is there already and not this export" in capsys.readouterr().err


# The peers themselves


# KAIR's utilities import matplotlib on the way; only its modules are wanted, unmodified.
READ_WITH_KAIR = """
import json, sys, types
checkout, high, low, scale = sys.argv[1:]
sys.path.insert(0, checkout)
for name in ("matplotlib", "matplotlib.pyplot", "mpl_toolkits", "mpl_toolkits.mplot3d"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["mpl_toolkits.mplot3d"].Axes3D = None
from data.select_dataset import define_Dataset
options = {"name": "x", "dataset_type": "sr", "n_channels": 3, "scale": int(scale), "H_size": 96,
           "phase": "test", "dataroot_H": high, "dataroot_L": low}
dataset = define_Dataset(options)
total = lambda image: (image * 255).round().double().sum().item()
items = [dataset[i] for i in range(len(dataset))]
print(json.dumps([
    [item["H_path"], item["L_path"], *(list(item[side].shape) for side in "HL"),
     *(total(item[side]) for side in "HL")]
    for item in items
]))
"""


@pytest.mark.peers
@pytest.mark.parametrize("scale", [2, 4])
def test_kair_reads_what_is_written(
    prepared: Path, images: dict[str, Layers], tmp_path: Path, scale: int
) -> None:
    export(prepared, "kair", tmp_path / "out", windows=False, jobs=1)
    folders = [tmp_path / f"out/trainsets/{name}" for name in ("trainH", f"trainL_X{scale}")]
    command = [sys.executable, "-c", READ_WITH_KAIR, checkout("KAIR"), *folders, str(scale)]
    items = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    )
    assert len(items) == len(images)
    for high, low, h_shape, l_shape, h_sum, l_sum in items:
        key = Path(high).stem
        assert Path(low).stem == key
        hr, lr = images[key]["hr"], images[key][f"x{scale}"]
        hr = hr[: lr.shape[0] * scale, : lr.shape[1] * scale]
        assert (h_shape, l_shape) == ([3, *hr.shape[:2]], [3, *lr.shape[:2]])
        assert (h_sum, l_sum) == (hr.sum(), lr.sum())


@pytest.mark.peers
def test_basicsr_reads_what_is_exported(prepared: Path, images: dict[str, Layers], tmp_path: Path) -> None:
    """By its LMDB backend and from folders of files."""
    export(prepared, "basicsr", tmp_path / "lmdb", windows=False, jobs=1)
    folders = [tmp_path / f"lmdb/sample_train_{name}.lmdb" for name in ("HR", "LR_bicubic_X4")]
    command = [sys.executable, "-c", READ_WITH_BASICSR, checkout("BasicSR"), *folders]
    items = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert [key for key, *_ in items] == sorted(images)
    for key, _, _, _, gt_sum, lq_sum in items:
        hr, lr = images[key]["hr"], images[key]["x4"]
        assert (gt_sum, lq_sum) == (hr[: lr.shape[0] * 4, : lr.shape[1] * 4].sum(), lr.sum())


# Only the modules that read are wanted, unmodified: MMagic's packages import all of its models.
READ_WITH_MMAGIC = """
import json, sys, types
from pathlib import Path
checkout, gt, img = sys.argv[1:]
for name in ("mmagic", "mmagic.datasets", "mmagic.datasets.transforms"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [str(Path(checkout, *name.split(".")))]
utils = sys.modules["mmagic.utils"] = types.ModuleType("mmagic.utils")
utils.bbox2mask = utils.brush_stroke_mask = utils.get_irregular_mask = utils.random_bbox = None
from mmagic.datasets.basic_image_dataset import BasicImageDataset
from mmagic.datasets.transforms.loading import LoadImageFromFile
load = [
    LoadImageFromFile(key=key, imdecode_backend="cv2", backend_args={"backend": "lmdb", "db_path": path})
    for key, path in (("img", img), ("gt", gt))
]
dataset = BasicImageDataset(
    ann_file="meta_info.txt", data_root=gt, data_prefix={"gt": "", "img": ""}, pipeline=load,
)
items = [dataset[i] for i in range(len(dataset))]
print(json.dumps([[item["key"], int(item["gt"].sum()), int(item["img"].sum())] for item in items]))
"""


@pytest.mark.peers
def test_mmagic_reads_what_is_exported(prepared: Path, images: dict[str, Layers], tmp_path: Path) -> None:
    """Needs mmengine and mmcv (mmcv-lite will do) beside the checkout."""
    for needed in ("mmengine", "mmcv"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    export(prepared, "basicsr", tmp_path / "out", windows=False, jobs=1)
    folders = [tmp_path / f"out/sample_train_{name}.lmdb" for name in ("HR", "LR_bicubic_X4")]
    command = [sys.executable, "-c", READ_WITH_MMAGIC, checkout("mmagic"), *folders]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(said.splitlines()[-1]) == [
        [key, layers["hr"].sum(), layers["x4"].sum()] for key, layers in images.items()
    ]


# super-image imports torchvision on the way.
READ_WITH_SUPER_IMAGE = """
import importlib, json, sys, types
from pathlib import Path
checkout, path = sys.argv[1:]
for name in ("torchvision", "torchvision.transforms"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["torchvision.transforms"].transforms = None
for name in ("super_image", "super_image.data"):
    sys.modules[name] = package = types.ModuleType(name)
    package.__path__ = [str(Path(checkout, "src", *name.split(".")))]
dataset = importlib.import_module("super_image.data.datasets").EvalDatasetH5(path)
total = lambda image: int((image * 255).round().astype("uint64").sum())
print(json.dumps([[total(hr), total(lr)] for lr, hr in (dataset[i] for i in range(len(dataset)))]))
"""


@pytest.mark.peers
def test_super_image_reads_what_is_exported(
    prepared: Path, images: dict[str, Layers], tmp_path: Path
) -> None:
    export(prepared, "hdf5", tmp_path / "out", jobs=1)
    path = tmp_path / "out/sample_train_bicubic_X2.h5"
    command = [sys.executable, "-c", READ_WITH_SUPER_IMAGE, checkout("super-image"), path]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert json.loads(said) == [[layers["hr"].sum(), layers["x2"].sum()] for layers in images.values()]


def test_the_page_on_exchange_names_every_form_and_its_commands_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photographs: Path
) -> None:
    page = (photographs.parents[1] / "docs/exchange.md").read_text()
    assert all(f"| `{form}` |" in page for form in FORMS)
    monkeypatch.chdir(tmp_path)
    prepare("sample", scale=4, lmdb=True, jobs=1)
    commands = [
        line.partition("#")[0].split()[1:] for line in page.splitlines() if line.startswith("srdata ")
    ]
    assert [run(command) for command in commands] == [0, 0, 0]
    assert (tmp_path / "data/back/set.json").is_file()
