"""Preparing: the same bytes however it is run, resumed after a kill, nothing lost or silently dropped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import busy
from PIL import Image

from srdata.errors import ImageError, StorageFullError, StoreError, UsageError
from srdata.images import first_bytes, read_image
from srdata.preparation import Prepared, plan, prepare
from srdata.preparation.beforehand.item_sizes import stored_sizes
from srdata.preparation.source_items import find_items
from srdata.preparation.spread_shards import Tally
from srdata.prepared.set_images import PreparedImages
from srdata.prepared.verification import verify
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.store.index import Index
from srdata.store.reader import SetReader
from srdata.store.set_json import read_set
from srdata.store.windows import Windows


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve crops of the photographs, some with sides that no scale divides."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        name = ["astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg"][number % 4]
        image = read_image(photographs / name)[number : 203 + number * 3, 2 * number : 247 + number]
        cv2.imwrite(str(folder / f"{number + 1:04d}.png"), image[..., ::-1])
    return folder


def small_shards(pictures: Path, **fields: object) -> Recipe:
    """A recipe whose set has several shards."""
    store = Store(layout="lmdb", shard_bytes=400_000)
    recipe = Recipe(name="pictures", folder=str(pictures), scales=(Scale(4),), store=store)
    return recipe.changed(**fields)


def digests(prepared: Prepared) -> dict[str, str]:
    return {path: entry.sha256 for path, entry in prepared.content.files.items()}


@pytest.mark.parametrize("layout", ["lmdb", "folder"])
def test_hr_is_cut_to_a_multiple(pictures: Path, tmp_path: Path, layout: str) -> None:
    recipe = Recipe(name="cut", folder=str(pictures), scales=(Scale(2), Scale(3)), multiple=12, windows=None)
    images = PreparedImages(prepare(recipe, layout=layout, root=tmp_path, jobs=1))
    for row in range(len(images.index)):
        source = read_image(pictures / f"{images.index.key(row)}.png")
        height, width = (side // 12 * 12 for side in source.shape[:2])
        assert np.array_equal(images.read(row, "hr"), source[:height, :width])
        assert images.read(row, "x3").shape == (height // 3, width // 3, 3)
    kept = zip(images.index.heights.tolist(), images.index.widths.tolist(), strict=True)
    assert stored_sizes(find_items(recipe, tmp_path), recipe) == list(kept)


def test_a_plan_of_ordinary_files_looks_once_at_each(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says of all what it says where it looks at each more closely, as one of them is bad."""
    shutil.copytree(pictures, tmp_path / "one bad")
    Image.new("I;16", (64, 64)).save(tmp_path / "one bad" / "zzzz.png")
    closely = plan(tmp_path / "one bad", scale=[2, 3], root=tmp_path / "data", name="set")
    looked: list[str] = []
    first_look = first_bytes._first_look
    monkeypatch.setattr(first_bytes, "_first_look", lambda path: looked.append(path) or first_look(path))
    monkeypatch.delattr(first_bytes, "probe")
    text = plan(pictures, scale=[2, 3], root=tmp_path / "data", name="set")
    assert sorted(looked) == sorted(map(str, pictures.iterdir()))
    assert "images    12" in text
    cut = next(line for line in closely.splitlines() if line.startswith("cut off"))
    assert "bad       " in closely
    assert cut.replace("13 HR", "12 HR") in text


def test_lr_is_matlab_bicubic(golden: Path, tmp_path: Path) -> None:
    """Against the LR files that the published benchmark ships."""
    for layout in ("lmdb", "folder"):
        built = prepare(golden / "set5/HR", scale=[2, 3, 4], layout=layout, root=tmp_path, jobs=1)
        index = Index(built.path / "index.parquet")
        for path in sorted((golden / "set5/LR_bicubic").glob("X[234]/*.png")):
            key, scale = path.stem[:-2], path.stem[-2:]
            if layout == "folder":
                made = read_image(next(built.path.glob(f"*LR_bicubic/X{scale[1]}/{path.name}")))
            else:
                made = SetReader(built).image(index.row(key), scale)
            assert np.array_equal(made, read_image(path)), path.name


@pytest.mark.parametrize("layout", ["lmdb", "folder"])
def test_bytes_do_not_depend_on_workers(pictures: Path, tmp_path: Path, layout: str) -> None:
    recipe = small_shards(pictures, store=Store(layout=layout, shard_bytes=400_000))
    runs = {
        "one": {"jobs": 1},
        "two": {"jobs": 2},
        "five": {"jobs": 5},
        "threads": {"jobs": 3, "backend": "threading"},
    }
    built = {name: prepare(recipe, root=tmp_path / name, **options) for name, options in runs.items()}
    assert len(digests(built["one"])) > 4
    for name in runs:
        assert digests(built[name]) == digests(built["one"]), name
        assert (built[name].path / "set.json").read_bytes() == (built["one"].path / "set.json").read_bytes()


def child(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """A Python process of its own group that Ctrl-C can reach."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        start_new_session=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


PREPARE = """
import sys
from pathlib import Path
from srdata.preparation import prepare
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
if __name__ == "__main__":
    store = Store(layout=sys.argv[3], shard_bytes=400_000)
    recipe = Recipe(name="pictures", folder=sys.argv[1], scales=(Scale(4),), store=store)
    prepare(recipe, root=sys.argv[2], jobs=int(sys.argv[4]), log=lambda line: print(line, flush=True))
"""


def test_resuming_does_not_make_again_what_is_sealed(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_shards(pictures)
    built = prepare(recipe, root=tmp_path, jobs=1)
    (built.path / "set.json").unlink()
    (built.path / ".unfinished").touch()
    (built.path / "shards/00001.lmdb").unlink()
    from srdata.preparation import layout_lmdb

    made: list[str] = []
    genuine = layout_lmdb.make_layers

    def counting(source, recipe):  # type: ignore[no-untyped-def]  # stands in for make_layers
        made.append(source.item.key)
        return genuine(source, recipe)

    monkeypatch.setattr(layout_lmdb, "make_layers", counting)
    assert digests(prepare(recipe, root=tmp_path, jobs=1)) == digests(built)
    assert made == ["0003", "0004"], "only the images of the missing shard"


@pytest.mark.linux
def test_two_processes_on_one_target_do_no_harm(pictures: Path, tmp_path: Path) -> None:
    whole = prepare(small_shards(pictures), root=tmp_path / "whole", jobs=1)
    both = [child(PREPARE, pictures, tmp_path / "both", "lmdb", 1) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    found = read_set(tmp_path / "both/pictures-x4")
    assert {path: entry.sha256 for path, entry in found.files.items()} == digests(whole)


@pytest.mark.linux
def test_two_processes_whose_locks_do_not_work_do_no_harm(pictures: Path, tmp_path: Path) -> None:
    whole = prepare(small_shards(pictures), root=tmp_path / "whole", jobs=1)
    unlocked = PREPARE.replace("import sys\n", "import fcntl, sys\nfcntl.flock = lambda *_: None\n", 1)
    both = [child(unlocked, pictures, tmp_path / "both", "lmdb", 1) for _ in range(2)]
    outcomes = [process.communicate(timeout=60)[1] for process in both]
    assert 0 in [process.returncode for process in both], outcomes
    again = prepare(small_shards(pictures), root=tmp_path / "both", jobs=1)
    assert digests(again) == digests(whole)


@pytest.mark.linux
def test_interrupt_stops_within_two_seconds(pictures: Path, tmp_path: Path) -> None:
    many = tmp_path / "many"
    for copy in range(20):
        shutil.copytree(pictures, many / f"{copy:02d}")
    process = child(PREPARE, many, tmp_path / "out", "lmdb", 2)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    time.sleep(0.7)
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    assert time.monotonic() - started < busy(2)
    process.communicate(timeout=10)
    assert process.returncode != 0
    assert not (tmp_path / "out/many-x4/set.json").exists()


def test_a_bad_image_ends_the_run_after_the_others(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(pictures, folder)
    good = (folder / "0003.png").read_bytes()
    (folder / "0003.png").write_bytes(good[: len(good) // 2])
    recipe = small_shards(folder)
    with pytest.raises(ImageError, match=r"1 of 12 images .*--skip-bad:\n  .*0003\.png: damaged") as caught:
        prepare(recipe, root=tmp_path, jobs=1)
    assert caught.value.exit_status == 1
    assert not (tmp_path / "pictures-x4/set.json").exists()
    assert len(list((tmp_path / "pictures-x4/shards").glob("*.lmdb"))) == 5, "the other shards are sealed"
    (folder / "0003.png").write_bytes(good)
    mended = prepare(recipe, root=tmp_path, jobs=1)
    assert digests(mended) == digests(prepare(small_shards(pictures), root=tmp_path / "whole", jobs=1))


def test_skip_bad_lists_what_was_left_out(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(pictures, folder)
    (folder / "0005.png").write_bytes(b"<!DOCTYPE html>")
    (folder / "0006.png").write_bytes(b"")
    for layout in ("lmdb", "folder"):
        built = prepare(small_shards(folder), root=tmp_path, layout=layout, jobs=1, skip_bad=True)
        assert [bad.key for bad in built.content.quarantine] == ["0005", "0006"]
        assert built.content.counts == {"train": 10}
        report = verify(built)
        assert report.ok, report.text
        assert "left out 0005: " in report.text
        assert "HTML page" in report.text


def test_images_without_a_pixel_at_the_largest_scale_are_left_out(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(pictures, folder)
    Image.new("RGB", (3, 30)).save(folder / "0005.png")
    built = prepare(folder, scale=[2, 4], root=tmp_path, jobs=1, skip_bad=True)
    assert [bad.key for bad in built.content.quarantine] == ["0005"]
    assert "3x30 is smaller than one LR pixel" in built.content.quarantine[0].reason


def test_what_is_done_after_a_run_has_failed_leaves_no_file(tmp_path: Path) -> None:
    """A worker that told of an image while the folder was removed kept it from being removed."""
    with pytest.raises(FileNotFoundError):
        Tally(tmp_path / "images")(1)
    assert not list(tmp_path.iterdir())


def test_a_finished_set_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    built = prepare(small_shards(pictures), root=tmp_path, jobs=1)
    before = {path: path.stat().st_mtime_ns for path in built.path.rglob("*")}
    prepare(small_shards(pictures), root=tmp_path, jobs=1, log=lines.append)
    assert "prepared already" in lines[-1]
    assert before == {path: path.stat().st_mtime_ns for path in built.path.rglob("*")}


def test_a_finished_set_without_an_index_is_left_alone(pictures: Path, tmp_path: Path) -> None:
    first, second = (prepare(pictures, scale=4, layout="basicsr", root=tmp_path, jobs=1) for _ in range(2))
    assert first == second


def test_a_changed_folder_is_prepared_again(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(pictures, folder)
    prepare(small_shards(folder), root=tmp_path, jobs=1)
    shutil.copy(folder / "0001.png", folder / "0099.png")
    assert prepare(small_shards(folder), root=tmp_path, jobs=1).content.counts == {"train": 13}
    cv2.imwrite(str(folder / "0002.png"), np.zeros((80, 80, 3), np.uint8))
    again = prepare(small_shards(folder), root=tmp_path, jobs=1)
    assert not SetReader(again).image(1, "hr").any()
    assert verify(again).ok


def test_another_recipe_does_not_overwrite_a_set(pictures: Path, tmp_path: Path) -> None:
    prepare(small_shards(pictures), root=tmp_path, jobs=1)
    with pytest.raises(UsageError, match=r"another recipe \(seed: 0 there, 1 here\): give this one another"):
        prepare(small_shards(pictures, seed=1), root=tmp_path, jobs=1)


def test_requests_that_make_no_sense_are_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'\.\./out' is no name for a folder"):
        prepare(small_shards(pictures), root=tmp_path, name="../out")
    with pytest.raises(UsageError, match="leave --from out"):
        prepare(small_shards(pictures), root=tmp_path, from_dir=pictures)
    with pytest.raises(UsageError, match=r"windows\.size 480 is no multiple of 7"):
        prepare(small_shards(pictures, windows=Windows()), root=tmp_path, scale=7)
    sharper = {"hr": [{"op": "unsharp_mask"}], "steps": [{"op": "imresize"}]}
    (tmp_path / "usm.yaml").write_text(json.dumps(sharper))
    with pytest.raises(UsageError, match="alters HR, so give it one --scale"):
        prepare(small_shards(pictures), root=tmp_path, scale=[2, 4], degradation=str(tmp_path / "usm.yaml"))
    assert not list(tmp_path.glob("*/"))


@pytest.mark.parametrize(
    ("degradation", "message"),
    [("realesrgan-x4", "is made for x4, not for x2"), ("bsrgn", "did you mean 'bsrgan'")],
)
def test_a_degradation_that_cannot_be_is_refused_before_anything_is_downloaded(
    tmp_path: Path, degradation: str, message: str
) -> None:
    lines: list[str] = []
    with pytest.raises(UsageError, match=message):
        prepare("div2k", root=tmp_path, scale=2, degradation=degradation, log=lines.append)
    assert lines == []
    assert list(tmp_path.iterdir()) == []


def test_scales_that_divide_no_window_are_prepared_without(pictures: Path, tmp_path: Path) -> None:
    built = prepare(pictures, scale=[7, 1.1], lmdb=True, root=tmp_path, jobs=1)
    assert built.content.windows is None
    assert SetReader(built).layers == ("hr", "x1.1", "x7")
    assert verify(built).ok


def test_a_folder_that_is_no_set_is_not_touched(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "mine")
    with pytest.raises(UsageError, match="mine is not empty and no prepared set"):
        prepare(small_shards(pictures), root=tmp_path, name="mine", jobs=1)
    assert len(list((tmp_path / "mine").iterdir())) == 12


def test_several_scales_store_hr_once_and_never_half_a_pixel_off(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    gradient = np.add.outer(np.arange(61), np.arange(83)).astype(np.uint8)
    Image.fromarray(gradient).convert("RGB").save(folder / "ramp.png")
    built = prepare(folder, scale=[2, 3, 1.5], lmdb=True, root=tmp_path, jobs=1)
    reader = SetReader(built)
    assert reader.image(0, "hr").shape == (60, 82, 3), "what the LR images reach"
    sizes = {layer: reader.image(0, layer).shape[:2] for layer in reader.layers}
    assert sizes == {"hr": (60, 82), "x2": (30, 41), "x3": (20, 27), "x1.5": (40, 54)}
    for scale in (2.0, 3.0, 1.5):
        lr = reader.image(0, f"x{scale:g}").astype(float)[4:-4, 4:-4, 0]
        row, column = np.indices(lr.shape) + 4
        centre = (row + 0.5 + column + 0.5) * scale - 1  # of each LR pixel on the ramp
        assert abs(lr - centre).max() <= 1, scale


def test_same_names_in_two_folders_stay_apart(pictures: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        shutil.copy(pictures / "0001.png", tmp_path / "photos" / name / "0001.png")
    built = prepare(tmp_path / "photos", scale=4, lmdb=True, root=tmp_path / "out", jobs=1)
    assert Index(built.path / "index.parquet").keys.to_pylist() == ["a/0001", "b/0001"]
    shutil.copy(pictures / "0001.png", tmp_path / "photos/a/0001.jpg")
    with pytest.raises(UsageError, match=r"holds 'a/0001' twice, as 0001\.jpg and 0001\.png: remove"):
        prepare(tmp_path / "photos", scale=2, lmdb=True, root=tmp_path / "out", jobs=1)


@pytest.mark.linux
def test_a_read_only_target_is_an_error_at_once(pictures: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/srdata")  # where even root cannot make a folder
    else:
        target = tmp_path / "locked"
        target.mkdir(mode=0o555)
    with pytest.raises(StoreError, match=r"cannot (be )?writ"):
        prepare(small_shards(pictures), root=target, jobs=1)


FULL = PREPARE.replace(
    "if __name__",
    "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\nif __name__",
    1,
)


@pytest.mark.linux
def test_a_full_disk_loses_nothing_that_is_sealed(pictures: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full device: the system reports it in the same place."""
    process = child(FULL, pictures, tmp_path, "lmdb", 1)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "StorageFullError" in errors
    assert "free some space and run the same command again" in errors
    assert not (tmp_path / "pictures-x4/set.json").exists()
    resumed = prepare(small_shards(pictures), root=tmp_path, jobs=1)
    assert digests(resumed) == digests(prepare(small_shards(pictures), root=tmp_path / "whole", jobs=1))
    assert StorageFullError.exit_status == 1


def test_plan_names_target_terms_windows_and_bytes(pictures: Path, tmp_path: Path) -> None:
    text = plan("sample", scale=4, lmdb=True, root=tmp_path)
    assert f"target    {tmp_path}/sample-x4 (lmdb)" in text
    assert "licence of Five sample photographs" in text
    assert "windows   105 of 240 pixels at x4" in text
    assert "disk      5.67MB" in text
    text = plan("div2k", scale=4, lmdb=True, root=tmp_path)
    assert "DIV2K_train_HR.zip: 3.53GB" in text
    assert "download  3.98GB" in text
    assert "disk      about 7.96GB" in text
    assert not list(tmp_path.iterdir()), "a plan writes nothing"


@pytest.mark.linux
def test_memory_does_not_grow_with_the_number_of_images(pictures: Path, tmp_path: Path) -> None:
    measure = PREPARE + "    import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    peaks = []
    for copies in (1, 12):
        folder = tmp_path / f"photos{copies}"
        for copy in range(copies):
            shutil.copytree(pictures, folder / str(copy))
        output, errors = child(measure, folder, tmp_path / f"out{copies}", "lmdb", 1).communicate(timeout=120)
        peaks.append(int(output.split()[-1]))
    assert peaks[1] < peaks[0] + 15_000, f"kilobytes at 12 and 144 images: {peaks}; {errors}"
