"""`prepare benchmarks`: real downloads from this machine, and the folders of other code by its own rules."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from loopback import Loopback, digest_of, manifest_data, serve, status, zip_of
from test_basicsr_layout import IMPORT_BASICSR

from srdata import PairedDataset, catalog, evaluate, imresize, prepare
from srdata.cli import run
from srdata.errors import UsageError
from srdata.images import Pixels, encode_png, read_image
from srdata.papers.requirements import NeededSet, find_set
from srdata.prepared.set_images import PreparedImages
from srdata.prepared.verification import verify
from srdata.scale import Scale
from srdata.testsets import DEFAULT, STYLES

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs/benchmarks.md").read_text()
GOLDEN = REPOSITORY.parent / "shared/golden/set5"
SCALES = ("--scale", "2", "--scale", "3", "--scale", "4")
SMALL = {  # what stands in for a benchmark: a photograph, and the sides of the parts of it that are taken
    "set5": ("hubble_deep_field", [(85, 90)]),
    "set14": ("coffee", [(121, 97), (96, 144)]),
    "b100": ("chelsea", [(131, 118), (100, 100), (61, 75)]),
    "urban100": ("astronaut", [(144, 145)]),
    "manga109": ("rocket", [(118, 83), (117, 82)]),
}


def parts(photographs: Path, name: str) -> dict[str, Pixels]:
    """The stand-ins of a benchmark by key."""
    stem, sides = SMALL[name]
    image = read_image(next(photographs.glob(f"{stem}.*")))
    return {
        f"{stem}_{number}": image[number * 20 :, number * 30 :][:height, :width]
        for number, (height, width) in enumerate(sides)
    }


def set5() -> dict[str, bytes]:
    """The files of Set5 as EDSR ships them; none where they are not at hand."""
    paths = [path for path in GOLDEN.rglob("*.png") if "X8" not in path.parts]
    return {path.relative_to(GOLDEN).as_posix(): path.read_bytes() for path in paths}


def manifest(name: str, title: str, files: dict[str, bytes], address: str) -> str:
    """A data set whose files are in one archive."""
    tracks = sorted({path.rpartition("/")[0] for path in files})
    sets = []
    for track in tracks:
        count = sum(path.startswith(f"{track}/") for path in files)
        scale = {} if track == "HR" else {"scale": int(track[-1])}
        ending = "" if track == "HR" else f"x{track[-1]}"
        one = {"archives": [f"{name}.zip"], "paths": f"{track}/{{key}}{ending}.png"}
        variant = {"rounding": "each-pass", "border": "symmetric", "evidence": "MATLAB made them"}
        sets.append(
            {"split": "test", "track": "HR" if track == "HR" else "bicubic", "count": count, "sources": [one]}
            | scale
            | ({} if track == "HR" else {"bicubic": variant})
        )
    archive = {"urls": [f"{address}{name}.zip"], "digests": [digest_of(zip_of(files))]}
    data = manifest_data(name, sets=sets, archives={f"{name}.zip": archive})
    return yaml.safe_dump(data | {"title": title})


@pytest.fixture(scope="module")
def contents(photographs: Path) -> dict[str, dict[str, bytes]]:
    """The files of each benchmark that can be downloaded."""
    small = {
        name: {f"HR/{key}.png": encode_png(image) for key, image in parts(photographs, name).items()}
        for name in ("set14", "b100", "urban100")
    }
    [baby] = parts(photographs, "set5").values()
    return {"set5": {"HR/baby.png": encode_png(baby)}, **small}


@contextmanager
def installation(contents: dict[str, dict[str, bytes]], package: Path) -> Iterator[Loopback]:
    """srdata with benchmarks that come from this machine; Manga109 is as it is, but for its count."""
    for folder in ("manifests", "recipes"):
        shutil.copytree(REPOSITORY / folder, package / folder)
    manga = package / "manifests/manga109.yaml"
    manga.write_text(manga.read_text().replace("count: 109", "count: 2"))
    with serve({f"{name}.zip": zip_of(files) for name, files in contents.items()}) as found:
        for name, files in contents.items():
            text = manifest(name, name.capitalize(), files, found.url())
            (package / f"manifests/{name}.yaml").write_text(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(catalog, "_PACKAGED", package)
            yield found


@pytest.fixture
def server(contents: dict[str, dict[str, bytes]], tmp_path: Path) -> Iterator[Loopback]:
    with installation(contents, tmp_path / "package") as found:
        yield found


@pytest.fixture(scope="module")
def pages(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's copy of Manga109."""
    folder = tmp_path_factory.mktemp("mine")
    for key, image in parts(photographs, "manga109").items():
        (folder / f"{key}.png").write_bytes(encode_png(image))
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run(["prepare", "benchmarks", *map(str, arguments), "--jobs", "1"])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def data(
    contents: dict[str, dict[str, bytes]], pages: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """All benchmarks, in all styles."""
    root = tmp_path_factory.mktemp("made") / "data"
    styles = [word for style in STYLES for word in ("--style", style)]
    more = ["--from", str(pages), "--root", str(root), "--jobs", "1"]
    real = {"set5": set5() or contents["set5"]}
    with installation(contents | real, root.parent / "package"):
        assert run(["prepare", "benchmarks", *SCALES, *styles, *more]) == 0
    return root


def files_below(folder: Path) -> set[str]:
    """The files that a reader sees."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    return {path.relative_to(folder).as_posix() for path in paths}


def by_opencv(path: Path) -> Pixels:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return np.asarray(image[..., ::-1], np.uint8)


def test_edsr_gets_what_its_own_archive_holds(data: Path, golden: Path) -> None:
    theirs = {path for path in files_below(golden / "set5") if "X8" not in path}
    mine = data / "benchmark/Set5"
    assert files_below(mine) == theirs | {
        f"LR_{kind}/X3/{Path(path).stem}x3.png"
        for kind in ("BD", "DN")
        for path in theirs
        if path[:2] == "HR"
    }
    for path in theirs:
        assert np.array_equal(by_opencv(mine / path), by_opencv(golden / "set5" / path)), path


@pytest.mark.usefixtures("golden")
def test_lr_is_bit_exact(data: Path, contents: dict[str, dict[str, bytes]], tmp_path: Path) -> None:
    with installation(contents | {"set5": set5()}, tmp_path / "package"):
        report = verify(data / "set5-x2x3x4", golden=True)
    assert report.ok, report.text
    for scale in (2, 3, 4):
        assert re.search(rf"test bicubic x{scale}: 0 of \d+ samples in 5 images differ", report.text)


def test_all_sets_are_prepared_sets_with_their_kinds(data: Path) -> None:
    made = {path.parent.name for path in data.glob("*/set.json")}
    kinds = ("x2x3x4", "blur-downsample-x3", "bicubic-noise-x3", "mod12-x2x3x4")
    assert made == {f"{name}-{kind}" for name in SMALL for kind in kinds}
    for name in SMALL.keys() - {"set5"}:
        assert len(PairedDataset(data / f"{name}-x2x3x4", split="test", scale=2)) == len(SMALL[name][1])
        assert verify(data / f"{name}-bicubic-noise-x3", replay=3).ok
    assert find_set(data, NeededSet("set5", "test", Scale(4), "bicubic")) == data / "set5-x2x3x4"


def test_hr_that_was_cut_to_a_multiple_is_not_taken_for_hr(data: Path, tmp_path: Path) -> None:
    (tmp_path / "set5-mod12-x2x3x4").symlink_to(data / "set5-mod12-x2x3x4")
    for degradation in (None, "bicubic"):
        with pytest.raises(UsageError, match="has no test images of set5"):
            find_set(tmp_path, NeededSet("set5", "test", Scale(4), degradation))


def test_every_style_has_every_set(data: Path) -> None:
    upper = {"Set5", "Set14", "B100", "Urban100", "Manga109"}
    lower = {"Set5", "Set14", "BSDS100", "urban100", "manga109"}
    for folder, names in {
        "benchmark": upper,
        "basicsr": lower,
        "basicsr-mod12": lower,
        "rcan/HR": upper,
        "rcan/LR/LRBI": upper,
        "rcan/LR/LRBD": upper,
        "rcan/LR/LRDN": upper,
    }.items():
        assert {path.name for path in (data / folder).iterdir()} == names, folder


def test_files_are_those_of_the_prepared_sets(data: Path) -> None:
    """By the rule that each peer reads its folders with, written down here from its source."""
    for name, benchmark in {"b100": "B100", "manga109": "Manga109"}.items():
        images = PreparedImages(data / f"{name}-x2x3x4")
        for key, row in zip(images.index.keys.to_pylist(), range(len(images.index)), strict=True):
            hr = images.read(row, "hr")
            for s in (2, 3, 4):
                lr = images.read(row, f"x{s}")
                high, wide = lr.shape[0] * s, lr.shape[1] * s
                # yulunzhang/RCAN: RCAN_TestCode/Prepare_TestData_HR_LR.m
                theirs = data / f"rcan/LR/LRBI/{benchmark}/x{s}/{key}_LRBI_x{s}.png"
                assert np.array_equal(by_opencv(theirs), lr)
                theirs = data / f"rcan/HR/{benchmark}/x{s}/{key}_HR_x{s}.png"
                assert np.array_equal(by_opencv(theirs), hr[:high, :wide])
                # XPixelGroup/HAT: options/test/HAT_SRx2.yml
                folder = data / "basicsr" / {"B100": "BSDS100", "Manga109": "manga109"}[benchmark]
                assert np.array_equal(by_opencv(folder / f"GTmod{s}/{key}.png"), hr[:high, :wide])
                assert np.array_equal(by_opencv(folder / f"LRbicx{s}/{key}.png"), lr)


@pytest.mark.parametrize("benchmark", ["Set5", "B100", "Manga109"])
@pytest.mark.parametrize(("kind", "scales"), [("bicubic", (2, 3, 4)), ("BD", (3,)), ("DN", (3,))])
def test_edsr_finds_its_pairs(data: Path, benchmark: str, kind: str, scales: tuple[int, ...]) -> None:
    """sanghyun-son/EDSR-PyTorch: src/data/benchmark.py and src/data/srdata.py, _scan and get_patch."""
    folder = data / "benchmark" / benchmark
    names = sorted(str(path) for path in folder.glob("HR/*"))  # ext is ('', '.png'): any file is an image
    assert names
    for name in names:
        stem, _ = os.path.splitext(os.path.basename(name))  # noqa: PTH119, PTH122  # as it does
        hr = by_opencv(Path(name))
        for scale in scales:
            lr = by_opencv(folder / f"LR_{kind}" / f"X{scale}/{stem}x{scale}.png")
            high, wide = lr.shape[:2]
            assert hr[: high * scale, : wide * scale].shape == (high * scale, wide * scale, 3)
            assert 0 <= hr.shape[0] - high * scale < scale


def test_bd_is_a_gaussian_and_every_third_pixel(data: Path) -> None:
    """RCAN_TestCode/Prepare_TestData_HR_LR.m: fspecial('gaussian', 7, 1.6), then the middle of each 3x3."""
    hr = by_opencv(data / "basicsr/BSDS100/GTmod3/chelsea_0.png").astype(float)
    axis = np.exp(-(np.arange(-3, 4) ** 2) / (2 * 1.6**2))
    kernel = np.outer(axis, axis) / np.outer(axis, axis).sum()
    padded = np.pad(hr, ((3, 3), (3, 3), (0, 0)), mode="edge")
    high, wide = hr.shape[:2]
    blurred = sum(kernel[i, j] * padded[i : i + high, j : j + wide] for i in range(7) for j in range(7))
    for path in ("benchmark/B100/LR_BD/X3/chelsea_0x3.png", "basicsr/BSDS100/LRBDx3/chelsea_0.png"):
        found = by_opencv(data / path)
        assert np.abs(found - np.asarray(blurred)[1::3, 1::3]).max() <= 0.5 + 1e-6
        again = data / "rcan/LR/LRBD/B100/x3/chelsea_0_LRBD_x3.png"
        assert np.array_equal(found, by_opencv(again))


def test_dn_is_bicubic_with_noise_of_30_levels_and_the_same_each_time(
    data: Path, server: Loopback, tmp_path: Path
) -> None:
    arguments = [*SCALES, "--style", "rcan", "--root", str(tmp_path / "data"), "--jobs", "1"]
    assert run(["prepare", "benchmarks", *arguments]) == 0
    folder = Path("rcan/LR/LRDN/Urban100/x3")
    for name in ("astronaut_0_LRDN_x3.png",):
        assert (data / folder / name).read_bytes() == (tmp_path / "data" / folder / name).read_bytes()
    clean = by_opencv(data / "rcan/LR/LRBI/Urban100/x3/astronaut_0_LRBI_x3.png").astype(float)
    noisy = by_opencv(data / folder / "astronaut_0_LRDN_x3.png")
    inner = (clean > 100) & (clean < 155)  # where few samples are clipped
    assert abs((noisy - clean)[inner].std() - 30) < 2
    assert not (tmp_path / "data/benchmark").exists()


def test_gtmod12_is_what_the_script_of_basicsr_makes(data: Path) -> None:
    """generate_bicubic_img.m: im2double, modcrop by 12, imresize, saved with 8 bits."""
    for path in sorted((data / "basicsr-mod12/Set5/GTmod12").iterdir()):
        gt = by_opencv(path)
        whole = by_opencv(data / "benchmark/Set5/HR" / path.name)
        high, wide = (side // 12 * 12 for side in whole.shape[:2])
        assert np.array_equal(gt, whole[:high, :wide])
        for scale in (2, 3, 4):
            exact = imresize(gt.astype(float), size=(high // scale, wide // scale))
            found = by_opencv(data / f"basicsr-mod12/Set5/LRbicx{scale}/{path.name}")
            assert np.abs(found - np.clip(exact, 0, 255)).max() <= 0.5 + 1e-9


def test_again_there_is_nothing_to_do(
    data: Path, server: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()}
    asked = len(server.requests)
    code, out, err = told(capsys, *SCALES, "--root", data)  # not even the pages of Manga109 are needed
    assert code == 0, err
    assert f"{data}/benchmark: Manga109 is here" in out
    assert "written" not in out
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.is_file()} == before
    assert len(server.requests) == asked


def test_one_that_cannot_be_had_does_not_lose_the_others(
    server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, few = tmp_path / "data", ("--scale", 4, "--style", "edsr")
    server.next("b100.zip", status(404))
    code, out, err = told(capsys, *few, "--root", root)
    assert code == 1
    assert f"{root}/benchmark: Urban100 5 folders written" not in out  # at x4 there are two
    assert f"{root}/benchmark: Urban100 2 folders written" in out
    assert not (root / "b100-x4").exists() or not (root / "b100-x4/set.json").exists()
    assert "srdata: could not make 1 of 5 benchmarks, what is made stays: run the same command again" in err
    assert re.search(r"^  B100: .*b100\.zip", err, re.MULTILINE)
    [line] = [line for line in out.splitlines() if line.startswith("to do: ")]
    assert "Manga109 cannot be downloaded" in line
    assert "--from DIR" in line
    code, out, err = told(capsys, *few, "--root", root)
    assert code == 0, err
    assert f"{root}/benchmark: B100 2 folders written" in out
    assert f"{root}/benchmark: Set14 is here" in out


def test_the_licence_of_each_comes_once_and_before_its_download(
    server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = told(capsys, "--scale", 3, "--style", "edsr", "--root", tmp_path / "data")
    assert err.count("licence of Set5: test: for tests") == 1
    assert err.count("licence of Manga109") == 1


@pytest.mark.parametrize("layout", ["{}/{}.png", "{}/HR/{}.png", "benchmark/{}/HR/{}.png"])
def test_folders_of_the_user_are_taken_by_their_names(
    server: Loopback, photographs: Path, tmp_path: Path, layout: str
) -> None:
    for name, title in {"manga109": "Manga109", "b100": "BSD100"}.items():
        for key, image in parts(photographs, name).items():
            path = tmp_path / "mine" / layout.format(title, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(image))
    asked = len(server.asked("b100.zip"))
    more = ["--from", str(tmp_path / "mine"), "--root", str(tmp_path / "data"), "--jobs", "1"]
    assert run(["prepare", "benchmarks", "--scale", "2", "--style", "basicsr", *more]) == 0
    assert len(server.asked("b100.zip")) == asked
    assert len(list((tmp_path / "data/basicsr/manga109/GTmod2").iterdir())) == 2


def test_other_files_in_a_folder_are_never_taken_for_these(
    server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data/benchmark/Set5/LR_bicubic/X2"
    folder.mkdir(parents=True)
    (folder / "babyx2.png").write_bytes(b"of somebody else")
    code, _, err = told(capsys, "--scale", 2, "--style", "edsr", "--root", tmp_path / "data")
    assert code == 2
    assert f"{folder} is there and holds other files than" in err
    assert "delete it, or give another --root" in err
    assert (folder / "babyx2.png").read_bytes() == b"of somebody else"


def test_scales_may_come_one_after_the_other(
    server: Loopback, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """HR is as large as the scales so far need; 121 is 120 at x4 and x2, but 121 at x11."""
    root = tmp_path / "data"
    styles = ("--style", "edsr", "--style", "basicsr", "--root", root)
    whole = parts(photographs, "set14")["coffee_0"]
    for scales, sides, lines in (
        (("4",), (120, 96), ("benchmark: Set14 2 folders", "basicsr: Set14 2 folders")),
        (("2", "4"), (120, 96), ("benchmark: Set14 1 folder", "basicsr: Set14 2 folders")),
        (("11", "4"), (121, 96), ("benchmark: Set14 2 folders", "basicsr: Set14 2 folders")),
        (("2",), (121, 96), ()),
    ):
        code, out, err = told(capsys, *(word for one in scales for word in ("--scale", one)), *styles)
        assert code == 0, err
        assert all(f"{root}/{line} written" in out for line in lines), out
        assert bool(lines) == ("written" in out)
        hr = by_opencv(root / "benchmark/Set14/HR/coffee_0.png")
        assert np.array_equal(hr, whole[: sides[0], : sides[1]])
    assert files_below(root / "basicsr/Set14") == {
        f"{folder}{scale}/coffee_{number}.png"
        for folder in ("GTmod", "LRbicx")
        for scale in (2, 4, 11)
        for number in (0, 1)
    }
    code, _, err = told(capsys, "--scale", "5", *styles)  # of 118 columns 115, of 131 rows 130
    assert code == 2
    assert "benchmark/B100/HR is there and holds other files" in err


def test_a_dry_run_says_what_would_be_made(
    server: Loopback, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = told(capsys, "--root", tmp_path / "data", "--dry-run")
    assert code == 0
    assert f"target    {tmp_path}/data/b100-blur-downsample-x3 (lmdb)" in out
    assert f"files     {tmp_path}/data: basicsr/BSDS100/GTmod2, basicsr/BSDS100/GTmod3" in out
    assert "to do: Manga109 may not be passed on" in out
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["benchmarks", "--degradation", "bsrgan"],
            "benchmarks says itself how its sets are made: leave --degradation",
        ),
        (["benchmarks", "--codec", "png", "--seed", "3"], "leave --codec, --seed out"),
        (["benchmarks", "--style", "kair"], "is not one of 'edsr', 'basicsr', 'basicsr-mod12', 'rcan'"),
        (["benchmarks", "--scale", "0"], "scale 0 must lie between"),
        (["sample", "--style", "edsr"], "--style says how the files of benchmarks are called: leave it out"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prepare", *arguments, "--root", str(tmp_path / "data")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_list_and_show_name_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list"]) == 0
    assert "\n  benchmarks   the five test sets in one go" in capsys.readouterr().out
    assert run(["show", "benchmarks"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "benchmarks: Set5, Set14, B100, Urban100, Manga109 at x2, x3, x4, at x3 with BD and DN"
    )
    assert all(f"\n{name} " in out and style.lr in out for name, style in STYLES.items())
    with pytest.raises(UsageError, match="srdata prepare benchmarks makes them"):
        prepare("benchmarks")


def test_all_styles_but_rcan_are_written_unless_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(DEFAULT) == set(STYLES) - {"rcan"}
    assert run(["prepare", "--help-all"]) == 0
    assert "All but rcan if not given." in capsys.readouterr().out


def test_what_is_written_can_be_read_and_evaluated_here(data: Path) -> None:
    pairs = PairedDataset(data / "benchmark/B100", split="test", track="DN")
    assert len(pairs) == len(SMALL["b100"][1])
    for scale in (2, 4):
        for folder in ("benchmark/Set14", "basicsr/Set14"):
            sr = data.parent / f"sr{scale}"
            sr.mkdir(exist_ok=True)
            for path in (data / f"basicsr/Set14/GTmod{scale}").iterdir():
                if path.name[0] != ".":
                    shutil.copy(path, sr)
            result = evaluate(sr, set=data / folder, scale=scale)
            assert result.psnr == float("inf")


READ_WITH_BASICSR = f"""{IMPORT_BASICSR}
told = lambda gt, lq: [gt.shape[1:], lq.shape[1:], total(gt), total(lq)]
for gt, lq, scale in zip(*[iter(folders)] * 3):
    dataset = PairedImageDataset({{
        "dataroot_gt": gt, "dataroot_lq": lq, "io_backend": {{"type": "disk"}}, "scale": int(scale),
        "phase": "val",
    }})
    items = [dataset[i] for i in range(len(dataset))]
    print(json.dumps({{Path(item["gt_path"]).name: told(item["gt"], item["lq"]) for item in items}}))
"""


@pytest.mark.peers
def test_basicsr_reads_them(data: Path, basicsr: Path) -> None:
    wanted = [
        (data / gt.format(name), data / lq.format(name), scale)
        for name in ("Set5", "BSDS100")
        for gt, lq, scale in (
            *((f"basicsr/{{}}/GTmod{s}", f"basicsr/{{}}/LRbicx{s}", s) for s in (2, 3, 4)),
            *(("basicsr/{}/GTmod3", f"basicsr/{{}}/LR{kind}x3", 3) for kind in ("BD", "DN")),
            *(("basicsr-mod12/{}/GTmod12", f"basicsr-mod12/{{}}/LRbicx{s}", s) for s in (2, 3, 4)),
        )
    ]
    words = [str(word) for one in wanted for word in one]
    command = [sys.executable, "-c", READ_WITH_BASICSR, str(basicsr), *words]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    for (gt, lq, scale), line in zip(wanted, lines, strict=True):
        items = json.loads(line)
        assert set(items) == files_below(gt)
        for file, (gt_size, lq_size, gt_sum, lq_sum) in items.items():
            hr, lr = by_opencv(gt / file), by_opencv(lq / file)
            assert gt_size == [scale * side for side in lq_size] == list(hr.shape[:2])
            assert (gt_sum, lq_sum) == (hr.sum(), lr.sum())


def test_the_page_names_every_style_and_its_commands_run(
    server: Loopback, pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert all(f"| `{style}` |" in PAGE for style in STYLES)
    commands = [
        line.partition("#")[0].split()[1:] for line in PAGE.splitlines() if line.startswith("srdata ")
    ]
    assert len(commands) == 3
    for command in commands:
        words = [str(pages) if word == "~/Manga109" else word for word in command]
        assert run([*words, "--jobs", "1"] if "prepare" in words else words) == 0
    for path in re.findall(r"`((?:data|benchmark|basicsr|basicsr-mod12|rcan)/[^`]*)`", PAGE):
        assert Path("data", path.removeprefix("data/")).exists() or path.startswith("benchmark/B100"), path
