"""Folders that people bring: what in them is an image, what is not used, and pairs that lie another way."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from foreign_images import ORIENTATION, exif, in_mode, saved
from pairs import position_pairs, write_folders, write_lmdbs
from PIL import Image

from srdata import PairedDataset, prepare
from srdata.cli import run
from srdata.discovery.inspection import inspect
from srdata.errors import ImageError, SrdataError, UsageError
from srdata.images import list_folder, list_images, read_image, write_png
from srdata.metrics import evaluate, evaluate_bicubic
from srdata.preparation import plan
from srdata.preparation.beforehand.item_sizes import looked_at
from srdata.preparation.source_items import Item
from srdata.prepared.set_images import PreparedImages
from srdata.recipes.set_recipe import Recipe
from srdata.scale import Scale

NAMES = {
    "a.png": "PNG",
    "b.jfif": "JPEG",
    "c.jpe": "JPEG",
    "d.pnm": "PPM",
    "e": "TIFF",  # no suffix: by its content
    "F.PNG": "JPEG",  # judged by its name here, and by its content when it is read
    "g.apng": "PNG",
    "h.dib": "BMP",
}
NOT_READ = {
    "i.avif": b"\0\0\0\x20ftypavif\0\0\0\0",
    "j.heic": b"whatever",
    "k.jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
    "l.tga": b"\0\0\2",
    "m.dng": b"II*\0",
    "n": b"\0\0\0\x20ftypheic\0\0\0\0",
}
RENAMED = "o.png.bak", "p.jpg_large"
PAIRS = position_pairs(Scale(4), [(64, 48), (48, 64)])


def write_all(folder: Path) -> None:
    """Images of every name, and much else."""
    folder.mkdir()
    for name, form in NAMES.items():
        (folder / name).write_bytes(saved(in_mode("RGB"), form))
    for name, data in NOT_READ.items():
        (folder / name).write_bytes(data)
    for name in RENAMED:
        (folder / name).write_bytes(saved(in_mode("RGB"), "PNG"))
    for name in ("notes.txt", "README", ".DS_Store", "BM", "P5"):
        (folder / name).write_text("BM P5 P6 and other words")


def test_images_are_known_by_name_or_where_there_is_no_suffix_by_content(tmp_path: Path) -> None:
    write_all(tmp_path / "in")
    listing = list_folder(tmp_path / "in")
    assert {path.name for path in listing.images} == set(NAMES)
    for path in listing.images:
        assert read_image(path).shape == (11, 14, 3)
    wanted = {one.path.name for one in listing.left_out if one.picture}
    assert wanted == {*NOT_READ, *RENAMED}
    others = {one.path.name for one in listing.left_out if not one.picture}
    assert others == {"notes.txt", "README", ".DS_Store", "BM", "P5"}


def test_what_is_not_used_is_counted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_all(tmp_path / "in")
    lines: list[str] = []
    prepare(tmp_path / "in", scale=2, lmdb=True, root=tmp_path / "data", jobs=1, log=lines.append)
    told = inspect(tmp_path / "in")
    planned = plan(tmp_path / "in", scale=2, lmdb=True, root=tmp_path / "data")
    for text in ("\n".join(lines), told.text, planned):
        assert "1 (an AVIF image, which is not read: convert it to PNG): i.avif" in text
        assert "2 (a HEIF image, which is not read: convert it to PNG): j.heic, n" in text
        assert "2 (PNG by content, but not by its name: rename it): o.png.bak, p.jpg_large" in text
        assert "4 (no image): BM, P5, README, notes.txt" in text
        assert "1 (hidden): .DS_Store" in text
    assert f"images    {len(NAMES)}" in planned
    assert sum("HEIF" in problem for problem in told.problems) == 1
    assert not any("notes.txt" in problem for problem in told.problems)
    assert run(["degrade", str(tmp_path / "in"), str(tmp_path / "out"), "--scale", "2"]) == 0
    capsys.readouterr()


def test_other_verbs_name_the_images_that_they_leave_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_all(tmp_path / "in")
    list_images(tmp_path / "in")
    assert "j.heic" in caplog.text
    assert "notes.txt" not in caplog.text


def test_folders_that_are_links_are_entered_but_never_in_a_circle(tmp_path: Path) -> None:
    far = tmp_path / "far"
    far.mkdir()
    (far / "1.png").write_bytes(saved(in_mode("RGB"), "PNG"))
    (far / "back").symlink_to(tmp_path / "in")
    near = tmp_path / "in" / "deep"
    near.mkdir(parents=True)
    (near / "linked").symlink_to(far)
    (near / "up").symlink_to(tmp_path / "in")
    (near / "self").symlink_to(near)
    (near / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (near / "file.png").symlink_to(far / "1.png")
    listing = list_folder(tmp_path / "in")
    names = [path.relative_to(tmp_path / "in").as_posix() for path in listing.images]
    assert names == ["deep/file.png", "deep/linked/1.png"]
    why = {one.path.relative_to(tmp_path / "in").as_posix(): one.why for one in listing.left_out}
    assert why == {
        "deep/linked/back": "a link back to a folder above it",
        "deep/up": "a link back to a folder above it",
        "deep/self": "a link back to a folder above it",
        "deep/gone.png": "a link that leads nowhere",
    }


def test_links_that_name_themselves_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert {one.why for one in list_folder(tmp_path).left_out} == {"a link that leads nowhere"}


def test_captions_beside_images_are_left_out_unopened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As all of which the name tells that it is data: to open a million takes minutes on a cluster."""
    (tmp_path / "0001.png").write_bytes(saved(in_mode("RGB"), "PNG"))
    names = ["0001.txt", "0001.json", "metadata.JSONL", "a.tar", "train.parquet", "data.mdb", "none.csv"]
    for name in names:
        (tmp_path / name).write_bytes(b"a cat")
    monkeypatch.setattr(Path, "open", None)
    listing = list_folder(tmp_path)
    assert listing.names == ("0001.png",)
    assert sorted(one.path.name for one in listing.left_out) == sorted(names)


@pytest.mark.parametrize("verb", ["inspect", "PairedDataset", "plan"])
@pytest.mark.parametrize("form", ["images", "pairs", "arrays", "LMDBs"])
def test_whatever_a_folder_holds_it_is_walked_once(
    form: str, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million images each walk takes half a second; what is not there is looked for in the same one."""
    source, pairs = tmp_path / "in", PAIRS
    match form:
        case "LMDBs":
            write_lmdbs(source / "deep", pairs)
        case "arrays":
            for key, both in pairs.items():
                for side, image in zip(("lr", "hr"), both, strict=True):
                    (source / f"deep/{side}").mkdir(parents=True, exist_ok=True)
                    np.save(source / f"deep/{side}/{key}.npy", image)
        case _:
            write_folders(source / "deep", pairs, Scale(4))
            if form == "images":
                shutil.rmtree(source / "deep/LR_bicubic")
    looked: Counter[str] = Counter()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path=".": looked.update([os.fspath(path)]) or scandir(path))
    match verb:
        case "inspect":
            assert not inspect(source).problems
        case "plan":
            plan(source, scale=4, lmdb=True, root=tmp_path / "data")
        case _:
            PairedDataset(source, only="hr" if form == "images" else None)
    below = {path: count for path, count in looked.items() if path.startswith(f"{source}{os.sep}")}
    assert below
    assert set(below.values()) == {1}


def test_what_is_hidden_is_no_source_and_what_is_linked_is(tmp_path: Path) -> None:
    """As macOS leaves ._0001.npy on other disks, and people link LMDBs to where they are trained on."""
    arrays, far = tmp_path / "arrays", tmp_path / "far"
    arrays.mkdir()
    for key, (_, image) in PAIRS.items():
        np.save(arrays / f"{key}.npy", image)
        (arrays / f"._{key}.npy").write_bytes(b"\0\5\x16\7")
    assert not inspect(arrays).problems
    write_lmdbs(far, PAIRS)
    near = tmp_path / "near"
    shutil.copytree(far, near / ".old")
    assert "holds no images" in inspect(near).problems[0]
    (near / "linked").symlink_to(far)
    assert inspect(near).text.startswith("form      LMDB")


def test_of_archives_only_files_that_are_not_hidden_are_read(tmp_path: Path) -> None:
    """As macOS leaves ._a.tar, and people unpack a.tar into a folder a.tar."""
    image = saved(in_mode("RGB"), "PNG")
    for name in ("a.tar", "b.h5"):
        (tmp_path / "folders" / name).mkdir(parents=True)
        (tmp_path / "folders" / f"._{name}").write_bytes(b"\0\5\x16\7")
    (tmp_path / "folders/dead.tar").symlink_to("nowhere")
    assert "holds no images" in inspect(tmp_path / "folders").problems[0]
    with tarfile.open(tmp_path / "folders/c.tar", "w") as tar:
        member = tarfile.TarInfo("0001.png")
        member.size = len(image)
        tar.addfile(member, io.BytesIO(image))
    assert inspect(tmp_path / "folders").text.startswith("form      WebDataset tars")


def test_what_cannot_even_be_looked_at_ends_no_walk(tmp_path: Path) -> None:
    """As in a folder of which only the names may be read; too long a name does the same to a superuser."""
    (tmp_path / "0001.png").write_bytes(saved(in_mode("RGB"), "PNG"))
    names = ["note", "note.txt", "0001.npy", "data.mdb", "train.parquet"]
    for name in names:
        (tmp_path / name).symlink_to("n" * 300)
    listing = list_folder(tmp_path)
    assert listing.names == ("0001.png",)
    assert sorted(one.path.name for one in listing.left_out) == sorted(names)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_name_that_is_no_text_is_left_out_with_a_word(tmp_path: Path) -> None:
    for name in (b"caf\xe9.png", b"fine.png"):
        try:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(saved(in_mode("RGB"), "PNG"))
        except OSError:
            pytest.skip("this file system takes names in UTF-8 only")
    lines: list[str] = []
    built = prepare(tmp_path, scale=2, lmdb=True, root=tmp_path.parent / "data", jobs=1, log=lines.append)
    assert built.content.counts == {"train": 1}
    assert any(line == r"not used  1 (a name that is not UTF-8: rename it): caf\xe9.png" for line in lines)
    assert any(r"caf\xe9.png" in problem for problem in inspect(tmp_path).problems)


def test_images_outside_of_pairs_are_named(tmp_path: Path) -> None:
    hr, lr = tmp_path / "in/DIV2K_train_HR", tmp_path / "in/DIV2K_train_LR_bicubic/X2"
    image = np.asarray(in_mode("RGB"))[:10]
    write_png(hr / "1.png", image)
    write_png(lr / "1x2.png", image[::2, ::2])
    write_png(tmp_path / "in/preview.png", image)
    assert inspect(tmp_path / "in").problems == [
        "not used: 1 (an image that is not part of this): preview.png"
    ]


def test_a_damaged_image_never_ends_a_run_that_skips_them(tmp_path: Path) -> None:
    """A GIF whose second frame is cut raised IndexError out of Pillow."""
    source = tmp_path / "in"
    source.mkdir()
    first, second = in_mode("P"), in_mode("P").transpose(Image.Transpose.ROTATE_180)
    film = saved(first, "GIF", save_all=True, append_images=[second])
    for number, length in enumerate(range(20, len(film), 9)):
        (source / f"{number}.gif").write_bytes(film[:length])
    (source / "fine.png").write_bytes(saved(in_mode("RGB"), "PNG"))
    (source / "empty.png").write_bytes(b"")
    built = prepare(source, scale=2, lmdb=True, root=tmp_path / "data", jobs=1, skip_bad=True)
    assert built.content.counts == {"train": 1}
    problems = inspect(source).problems
    assert any("fine.png" not in problem and "damaged image" in problem for problem in problems)


def test_plan_and_inspect_know_what_the_header_shows(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "deep.ppm").write_bytes(b"P6 8 8 1023\n" + bytes(8 * 8 * 6))
    (source / "grey.png").write_bytes(saved(in_mode("L"), "PNG", exif=exif(6)))
    told = inspect(source)
    assert "1 of 10 bits" in told.text
    assert "1 grey, 1 turned by EXIF orientation" in told.text
    assert "1 of 8x8, 1 of 11x14" in told.text
    [wanted] = told.problems
    assert wanted.startswith(
        f"{source}/deep.ppm: has 10 bits a sample: take 8 of them by --images depth16=round"
    )
    assert f"bad       {wanted}" in plan(source, scale=2, lmdb=True, root=tmp_path / "data")


@pytest.mark.parametrize(("bad", "last"), [(10, "bits a sample"), (12, "bad       and 2 more")])
def test_a_plan_names_ten_images_that_cannot_be_used(tmp_path: Path, bad: int, last: str) -> None:
    write_png(tmp_path / "in/fine.png", np.zeros((16, 16, 3), np.uint8))
    for number in range(bad):
        (tmp_path / f"in/{number:02d}.ppm").write_bytes(b"P6 8 8 1023\n" + bytes(8 * 8 * 6))
    text = plan(tmp_path / "in", scale=2, lmdb=True, root=tmp_path / "data")
    lines = [line for line in text.splitlines() if line.startswith("bad ")]
    assert len(lines) == min(bad, 11)
    assert last in lines[-1]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_plan_names_images_that_are_too_small_for_a_scale(tmp_path: Path, suffix: str) -> None:
    for name, side in (("fine", 64), ("small", 6)):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("RGB", (64, side)).save(tmp_path / f"in/{name}.{suffix}")
    text = plan(tmp_path / "in", scale=[2, 8], root=tmp_path)
    wanted = f"{tmp_path}/in/small.{suffix}: 64x6 is smaller than one LR pixel; leave it out"
    assert f"images    1\nbad       {wanted}\n" in text
    with pytest.raises(ImageError) as error:
        prepare(tmp_path / "in", scale=[2, 8], root=tmp_path, jobs=1)
    assert wanted in str(error.value)
    assert "bad" not in plan(tmp_path / "in", scale=2, root=tmp_path)


@pytest.mark.parametrize("layout", ["lmdb", "folder"])
def test_prepared_sets_below_a_folder_are_no_source(tmp_path: Path, layout: str) -> None:
    photos = tmp_path / "photos"
    write_png(photos / "one.png", np.zeros((32, 32, 3), np.uint8))
    write_png(photos / "more/two.png", np.zeros((32, 32, 3), np.uint8))
    (photos / "more/set.json").write_text("{}")  # somebody else's
    for _ in range(2):
        built = prepare(photos, scale=2, layout=layout, root=photos, jobs=1)
        assert built.content.counts == {"train": 2}
    listing = list_folder(photos)
    assert listing.names == ("more/two.png", "one.png")
    assert [one.path for one in listing.left_out if one.why == "a prepared set"] == [built.path]
    shutil.move(built.path, tmp_path / "sets/set")
    for use in (PairedDataset, lambda path: prepare(path, scale=2, root=tmp_path, jobs=1)):
        with pytest.raises(UsageError, match=r"holds prepared sets and no images: give one, such as .*set$"):
            use(tmp_path / "sets")


def test_headers_tell_what_is_no_pair(tmp_path: Path) -> None:
    hr, lr = tmp_path / "one.png", tmp_path / "onex4.png"
    write_png(hr, np.zeros((66, 64, 3), np.uint8))
    recipe = Recipe(name="mine", folder=str(tmp_path), scales=(Scale(4),), degradation="published:own")
    for width, said in ((16, "None"), (15, f"{lr}: is 15x16, but one.png at x4 asks for 16x16: the two")):
        write_png(lr, np.zeros((16, width, 3), np.uint8))
        found = looked_at(Item("one", "train", "mine", hr, {"x4": lr}), recipe)
        assert found.size == (66, 64)
        assert str(found.problem).startswith(said)


# Pairs that lie another way


def write_pair(folder: Path, hr: bytes, lr: bytes) -> Path:
    for name, data in (("HR/1.png", hr), ("LR/X2/1.png", lr)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def photograph(photographs: Path, side: tuple[int, int] = (96, 96)) -> Image.Image:
    with Image.open(photographs / "chelsea.png") as image:
        return image.convert("RGB").crop((100, 40, 100 + side[0], 40 + side[1]))


def tagged(image: Image.Image, orientation: int) -> bytes:
    return saved(image, "PNG", exif=exif(orientation))


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)


def take(folder: Path, root: Path) -> np.ndarray:
    built = prepare(
        folder,
        hr="HR/{key}.png",
        lr="LR/X{scale}/{key}.png",
        scale=2,
        lmdb=True,
        root=root,
        jobs=1,
        skip_bad=False,
    )
    images = PreparedImages(built.path)
    return images.read(0, "hr")


@pytest.mark.parametrize("side", [(96, 96), (96, 64)])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_pair_of_which_one_is_turned_is_refused(
    side: tuple[int, int], orientation: int, photographs: Path, tmp_path: Path
) -> None:
    image = photograph(photographs, side)
    hr_turned = write_pair(tmp_path / "a", tagged(image, orientation), saved(smaller(image), "PNG"))
    lr_turned = write_pair(tmp_path / "b", saved(image, "PNG"), tagged(smaller(image), orientation))
    for folder in (hr_turned, lr_turned):
        sideways = side[0] != side[1] and orientation > 4
        what = r"lies? sideways" if sideways else r"lies another way than .* EXIF orientations are"
        with pytest.raises(SrdataError, match=what):
            take(folder, tmp_path / "data")
        with pytest.raises(ImageError, match="LR image 1: lies another way than HR image 1"):
            PairedDataset(hr=folder / "HR", lr=folder / "LR/X2", scale=2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pair_that_is_turned_alike_or_for_good_is_taken(
    orientation: int, photographs: Path, tmp_path: Path
) -> None:
    image = photograph(photographs, (96, 64))
    alike = write_pair(tmp_path / "a", tagged(image, orientation), tagged(smaller(image), orientation))
    with Image.open(alike / "HR/1.png") as opened:
        assert opened.getexif()[ORIENTATION] == orientation
    baked = write_pair(tmp_path / "b", tagged(image, orientation), b"")
    upright = read_image(baked / "HR/1.png")
    write_png(baked / "LR/X2/1.png", np.asarray(smaller(Image.fromarray(upright))))
    for folder in (alike, baked):
        assert np.array_equal(take(folder, tmp_path / f"data-{folder.name}"), upright)
        assert len(PairedDataset(hr=folder / "HR", lr=folder / "LR/X2", scale=2)) == 1


def test_flat_pairs_lie_either_way(tmp_path: Path) -> None:
    flat = Image.new("RGB", (32, 32), (90, 90, 90))
    folder = write_pair(tmp_path / "a", tagged(flat, 3), saved(smaller(flat), "PNG"))
    assert take(folder, tmp_path / "data").shape == (32, 32, 3)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("side", [(96, 96), (96, 64)])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_sr_that_lies_another_way_than_hr_is_not_scored(
    side: tuple[int, int], orientation: int, mode: str, photographs: Path, tmp_path: Path
) -> None:
    """One of the two was turned for good, and not the other; the two alike have an infinite PSNR."""
    image = photograph(photographs, side).convert(mode)
    for name, hr, sr in (("a", orientation, 1), ("b", 1, orientation)):
        folder = tmp_path / name
        files = [("hr/1.png", hr), ("sr/1.png", sr)]
        for path, turn in files:
            (folder / path).parent.mkdir(parents=True)
            (folder / path).write_bytes(tagged(image, turn) if turn > 1 else saved(image, "PNG"))
        with pytest.raises(ImageError, match=r"sr/1.png: lies another way than HR image 1: .* EXIF orient"):
            evaluate(folder / "sr", hr=folder / "hr", scale=2)
        for path, _ in files:
            (folder / path).write_bytes(tagged(image, orientation))
        psnr = evaluate(folder / "sr", hr=folder / "hr", scale=2).columns[0].values
        assert psnr == (float("inf"),)


def test_lr_that_lies_another_way_is_no_baseline(photographs: Path, tmp_path: Path) -> None:
    image = photograph(photographs)
    folder = write_pair(tmp_path / "pairs", saved(image, "PNG"), tagged(smaller(image), 3))
    with pytest.raises(ImageError, match="LR image 1: lies another way than HR image 1"):
        evaluate_bicubic(folder, scale=2)
    (folder / "HR/1.png").write_bytes(tagged(image, 3))
    assert evaluate_bicubic(folder, scale=2).columns[0].values[0] > 20


def test_sr_that_lies_sideways_is_told_to_be_that(photographs: Path, tmp_path: Path) -> None:
    image = np.asarray(photograph(photographs, (96, 64)))
    write_png(tmp_path / "hr/1.png", image)
    write_png(tmp_path / "sr/1.png", np.rot90(image).copy())
    with pytest.raises(UsageError, match="SR is 64x96, HR 96x64: turn SR by 90 degrees"):
        evaluate(tmp_path / "sr", hr=tmp_path / "hr", scale=2)
