"""Folders of SR images against a set: names, sizes, sources of HR, the bicubic baseline, forms of results."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from srdata.cli import run
from srdata.errors import UnknownNameError, UsageError
from srdata.images import read_image, write_png
from srdata.metrics import PROTOCOLS, evaluate, evaluate_bicubic, psnr, ssim
from srdata.metrics.sr_names import match_sr
from srdata.resize import imresize
from srdata.scale import Scale

NAMES = ("astronaut", "chelsea", "coffee")

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def hr(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Path:
    """Three small HR images whose sides are not all multiples of 4."""
    folder = tmp_path_factory.mktemp("hr")
    for number, name in enumerate(NAMES):
        image = read_image(photographs / f"{name}.png")[50 : 150 + number, 60 : 200 + 2 * number]
        write_png(folder / f"{name}.png", image)
    return folder


def write_sr(folder: Path, hr: Path, template: str = "{key}") -> Path:
    """SR images by bicubic, in the size that x4 has."""
    for path in hr.iterdir():
        image = read_image(path)
        height, width = (side // 4 * 4 for side in image.shape[:2])
        sr = imresize(imresize(image[:height, :width], 1 / 4), 4)
        write_png(folder / f"{template.format(key=path.stem)}.png", sr)
    return folder


@pytest.fixture(scope="module")
def sr(tmp_path_factory: pytest.TempPathFactory, hr: Path) -> Path:
    return write_sr(tmp_path_factory.mktemp("sr"), hr)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def tell(*arguments: object) -> tuple[int, str, str]:
        status = run(["evaluate", *map(str, arguments)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return tell


def test_numbers_are_those_of_the_images_and_their_mean(sr: Path, hr: Path) -> None:
    result = evaluate(sr, hr, 4)
    pairs = [(read_image(sr / f"{name}.png"), read_image(hr / f"{name}.png")) for name in NAMES]
    assert result.keys == NAMES
    assert result.columns[0].values == tuple(psnr(*pair, 4) for pair in pairs)
    assert result.columns[1].values == tuple(ssim(*pair, 4) for pair in pairs)
    assert result.psnr == pytest.approx(np.mean([psnr(*pair, 4) for pair in pairs]))
    assert result.ssim == pytest.approx(np.mean([ssim(*pair, 4) for pair in pairs]))


@pytest.mark.parametrize(
    "template",
    [
        "{key}",  # ClassSR, and most
        "{key}x4",  # EDSR's LR names
        "{key}_x4",
        "{key}_x4_SR",  # EDSR-PyTorch
        "{key}_SRx4",
        "{key}_SwinIR",
        "{key}_HAT_SRx4_ImageNet-pretrain",  # BasicSR: {key}_{name of the run}
        "{key}_HR_x4",  # RCAN
        "set5_{key}_x4_RAMiT-1",
    ],
)
def test_sr_files_are_found_by_the_names_of_the_field(tmp_path: Path, hr: Path, template: str) -> None:
    result = evaluate(write_sr(tmp_path, hr, template), hr, 4)
    assert result.keys == NAMES
    assert result.psnr > 20


def test_a_key_that_is_part_of_another_is_not_mistaken() -> None:
    keys = ["1", "10", "11", "2"]
    assert match_sr(keys, [f"img1_{key}_x4" for key in keys]) == {key: f"img1_{key}_x4" for key in keys}


@pytest.mark.parametrize(
    ("names", "template"), [("{key}_HR_x4", "{key}"), ("img_{key}_SRF_4_HR", "img_{key}_SRF_4_LR")]
)
def test_hr_files_may_carry_more_than_the_name(tmp_path: Path, hr: Path, names: str, template: str) -> None:
    for path in hr.iterdir():
        write_png(tmp_path / "hr" / f"{names.format(key=path.stem)}.png", read_image(path))
        if "SRF" in names:
            write_png(tmp_path / "hr" / f"img_{path.stem}_SRF_4_LR.png", np.zeros((8, 8, 3), np.uint8))
    result = evaluate(write_sr(tmp_path / "sr", hr, template), "mine", 4, hr=tmp_path / "hr")
    assert len(result.keys) == 3
    assert result.psnr > 20


def test_all_missing_and_all_further_images_are_listed(tmp_path: Path, hr: Path) -> None:
    write_sr(tmp_path, hr, "{key}_x4")
    (tmp_path / "chelsea_x4.png").unlink()
    (tmp_path / "coffee_x4.png").rename(tmp_path / "cofee_x4.png")
    (tmp_path / "astronaut_x4.png").rename(tmp_path / "astronaut_x4.bmp")
    with pytest.raises(UsageError) as error:
        evaluate(tmp_path, hr, 4)
    assert "as {key}_x4: 2 missing (chelsea_x4, coffee_x4); 1 not of this set (cofee_x4)" in str(error.value)
    assert str(tmp_path) in str(error.value)


def test_several_images_of_each_key_need_a_name(tmp_path: Path, hr: Path) -> None:
    for kind in ("SR", "HR", "LR"):
        write_sr(tmp_path, hr, f"{{key}}_x4_{kind}")
    with pytest.raises(UsageError, match=r"say which are SR by --name '\{key\}_x4_HR' or .*_LR' or .*_SR'"):
        evaluate(tmp_path, hr, 4)
    assert evaluate(tmp_path, hr, 4, name="{key}_x4_SR").psnr > 20
    with pytest.raises(UsageError, match=r"must hold \{key\}"):
        evaluate(tmp_path, hr, 4, name="x4_SR")


def test_few_of_many_names_are_offered() -> None:
    """As where SR is searched in a folder of sub-images."""
    windows = [f"{key}_s{number}" for key in ("coffee", "rocket") for number in range(9)]
    with pytest.raises(UsageError, match=r"--name '\{key\}_s0' or .*_s1' or .*_s2' or 6 more$"):
        match_sr(["coffee", "rocket"], windows)


def test_every_wrong_size_is_listed(tmp_path: Path, hr: Path) -> None:
    write_sr(tmp_path, hr)
    for name in ("chelsea", "coffee"):
        path = tmp_path / f"{name}.png"
        write_png(path, read_image(path)[:-4])
    with pytest.raises(UsageError) as error:
        evaluate(tmp_path, hr, 4)
    assert re.search(
        r"chelsea: SR is 140x96, HR 142x101.*; coffee: SR is 144x96, HR 144x102", str(error.value)
    )
    assert "astronaut" not in str(error.value)


def test_an_image_too_small_for_ssim_is_named_and_the_remedy_works(told: Told, tmp_path: Path) -> None:
    for name, side in (("large", 24), ("small", 12)):
        for folder in ("sr", "hr"):
            write_png(tmp_path / folder / f"{name}.png", np.full((side, side, 3), 9, np.uint8))
    command = (tmp_path / "sr", "--hr", tmp_path / "hr", "--scale", 4)
    status, _, error = told(*command)
    assert status == 2
    assert "small: SSIM needs images of at least 11x11 pixels without the border: 4x4 is less" in error
    remedy = error.split("such as ")[1].strip()
    assert told(*command, "--protocol", remedy)[0] == 0


def test_hr_comes_from_prepared_sets_names_and_folders(tmp_path: Path, hr: Path, sr: Path) -> None:
    arguments = ["--scale", "4", "--root", str(tmp_path), "--jobs", "1"]
    for layout in ("lmdb", "folder"):
        assert run(["prepare", str(hr), *arguments, "--name", layout, "--layout", layout]) == 0
    direct = evaluate(sr, hr, 4)
    for layout in ("lmdb", "folder"):
        assert evaluate(sr, tmp_path / layout, 4).columns == direct.columns
        assert evaluate(sr, scale=4, hr=tmp_path / layout).columns == direct.columns
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "HR").symlink_to(hr)
    assert evaluate(sr, tmp_path / "set", 4).columns == direct.columns
    whole = evaluate_bicubic("sample", 4, "basicsr_y", root=tmp_path)
    assert len(whole.keys) == 5
    assert 20 < whole.psnr < 40
    with pytest.raises(UnknownNameError, match="unknown data set 'sampel', did you mean 'sample'"):
        evaluate(sr, "sampel", 4)
    with pytest.raises(UsageError, match="no split 'test': take train"):
        evaluate(sr, tmp_path / "lmdb", 4, split="test")


def test_the_baseline_takes_the_lr_of_a_prepared_set(tmp_path: Path, hr: Path, sr: Path) -> None:
    arguments = ["--scale", "4", "--root", str(tmp_path), "--jobs", "1"]
    for name, degradation in (("bicubic", "bicubic"), ("other", "bsrgan")):
        assert run(["prepare", str(hr), *arguments, "--name", name, "--degradation", degradation]) == 0
    of_hr = evaluate_bicubic(hr, 4, "basicsr_y")
    assert of_hr.columns == evaluate(sr, hr, 4).columns
    assert evaluate_bicubic(tmp_path / "bicubic", 4, "basicsr_y").columns == of_hr.columns
    assert evaluate_bicubic(tmp_path / "other", 4, "basicsr_y").psnr < of_hr.psnr - 1


def test_a_grey_file_stays_grey_where_the_protocol_wants_it(tmp_path: Path) -> None:
    """SRCNN's rule; a grey image seen as RGB would gain 1.32 dB by the smaller range of its Y."""
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (24, 24), np.uint8)
    write_png(tmp_path / "grey" / "one.png", grey)
    write_png(tmp_path / "rgb" / "one.png", np.repeat(grey[..., None], 3, axis=2))
    as_is, as_rgb = (evaluate_bicubic(tmp_path / name, 2, "srcnn_y").psnr for name in ("grey", "rgb"))
    assert as_rgb - as_is == pytest.approx(20 * math.log10(255 / 219), abs=0.02)
    assert evaluate_bicubic(tmp_path / "grey", 2, "basicsr_y").psnr == pytest.approx(
        evaluate_bicubic(tmp_path / "rgb", 2, "basicsr_y").psnr
    )


def test_all_protocols_are_shown_with_what_they_do(told: Told, sr: Path, hr: Path, tmp_path: Path) -> None:
    status, out, _ = told(sr, "--hr", hr, "--scale", 4, "--all-protocols")
    assert status == 0
    left_out = {name for name, one in PROTOCOLS.items() if one.place == "centre"}
    for name, one in PROTOCOLS.items():
        rows = [line for line in out.splitlines() if line.startswith(f"{name} ")]
        assert len(rows) == (name not in left_out)
        assert all(one.what in row and one.source in row for row in rows)
    assert "note: dip is left out: it crops HR in the centre" in out
    whole = evaluate_bicubic(hr, 4, "all")
    assert {one.name for one in whole.definitions} == set(PROTOCOLS)
    assert "2 images" not in whole.render()


def test_the_table_says_what_it_shows(told: Told, sr: Path, hr: Path) -> None:
    status, out, _ = told(sr, "--hr", hr, "--scale", 4)
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == f"{sr} of {hr}, x4, 3 images"
    assert lines[1] == f"basicsr_y: {PROTOCOLS['basicsr_y'].what}"
    assert lines[3].split() == ["image", "PSNR", "(dB)", "SSIM"]
    assert [line.split()[0] for line in lines[4:]] == [*NAMES, "mean"]
    value = evaluate(sr, hr, 4)
    assert lines[-1].split() == ["mean", f"{value.psnr:.4f}", f"{value.ssim:.4f}"]


def test_csv_json_and_markdown_hold_the_same_numbers(told: Told, sr: Path, hr: Path) -> None:
    arguments = (sr, "--hr", hr, "--scale", 4, "--protocol", "basicsr_y", "--protocol", "div2k_rgb")
    value = evaluate(sr, hr, 4, ["basicsr_y", "div2k_rgb"])
    _, out, _ = told(*arguments, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == 3 * 4
    means = {(row["by"], row["quantity"]): float(row["value"]) for row in rows if row["image"] == "mean"}
    assert means == {(one.by, one.quantity): one.mean for one in value.columns}
    assert {row["what"] for row in rows} == {PROTOCOLS["basicsr_y"].what, PROTOCOLS["div2k_rgb"].what}
    _, out, _ = told(*arguments, "--format", "json")
    content = json.loads(out)
    assert content["images"]["coffee"][0]["value"] == value.columns[0].values[2]
    assert content["means"][2]["value"] == value.mean("PSNR", "div2k_rgb")
    assert content["definitions"]["div2k_rgb"]["source"] == PROTOCOLS["div2k_rgb"].source
    _, out, _ = told(*arguments, "--format", "markdown")
    mean, rule = value.mean("PSNR", "div2k_rgb"), PROTOCOLS["div2k_rgb"]
    assert f"| div2k_rgb | {mean:.4f} |  | {rule.what} From {rule.source} |" in out


def test_markdown_sets_every_number_to_the_right(sr: Path, hr: Path) -> None:
    assert "| --- | ---: | ---: |" in evaluate(sr, hr, 4).render("markdown")
    assert evaluate(sr, hr, 4, ["basicsr_y", "div2k_rgb"]).render("markdown").count("---: | --- |") == 1


def test_the_folders_of_selfexsr_are_read_by_scale(hr: Path, tmp_path: Path) -> None:
    for scale in (2, 4):
        folder = tmp_path / f"image_SRF_{scale}"
        folder.mkdir()
        for path in hr.iterdir():
            shutil.copy(path, folder / f"{path.stem}_SRF_{scale}_HR.png")
    assert evaluate_bicubic(tmp_path, 4).keys == tuple(NAMES)


def test_a_function_in_this_folder_is_found_by_the_command(sr: Path, hr: Path, tmp_path: Path) -> None:
    (tmp_path / "mytask.py").write_text("def score(sr, hr, key):\n    return 0.25\n")
    command = "import sys; from srdata.cli import run; sys.path.remove(''); sys.exit(run(sys.argv[1:]))"
    arguments = ["evaluate", sr, "--hr", hr, "--scale", "4", "--measure", "mytask:score"]
    told = subprocess.run(
        [sys.executable, "-c", command, *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True
    )
    assert told.stdout.splitlines()[-1].endswith("0.2500"), told.stderr


def test_equal_images_are_infinitely_alike_in_every_form(hr: Path) -> None:
    result = evaluate(hr, hr, 4)
    assert result.psnr == math.inf
    assert json.loads(result.render("json"))["means"][0]["value"] == "inf"
    assert "inf" in result.render("csv")
    with pytest.raises(UnknownNameError, match="unknown format 'cvs', did you mean 'csv'"):
        result.render("cvs")
    with pytest.raises(UnknownNameError, match="unknown number 'LPIPS'"):
        result.mean("LPIPS")


def test_several_scales_have_a_folder_each(told: Told, tmp_path: Path, hr: Path) -> None:
    for scale in ("2", "1.5"):
        exact = Scale(scale)
        for path in hr.iterdir():
            image = read_image(path)
            image = image[: exact.crop(image.shape[0]), : exact.crop(image.shape[1])]
            write_png(tmp_path / f"X{scale}" / path.name, image)
    status, out, _ = told(tmp_path, "--hr", hr, "--scale", 2, "--scale", 1.5, "--format", "json")
    assert status == 0
    assert [one["scale"] for one in json.loads(out)] == ["x2", "x1.5"]
    status, out, _ = told(tmp_path, "--hr", hr, "--scale", 2, "--scale", 1.5)
    assert out.count("images\nbasicsr_y: ") == 2
    status, _, err = told(tmp_path, "--hr", hr, "--scale", 2, "--scale", 3)
    assert (status, "holds neither X3 nor x3" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either SR_DIR"),
        (("SR", "--baseline", "bicubic", "--hr", "HR"), "give either SR_DIR"),
        (("SR", "--hr", "HR"), "give --scale, HR size over LR size"),
        (("SR", "--protocol", "basicsr_y"), "give --set or --hr"),
        (("SR",), "HR images are missing for PSNR and SSIM"),
        (("SR", "--measure", "gmsd"), "HR images are missing for gmsd"),
        (("SR", "--hr", "HR", "--scale", "4", "--protocol", "basicsr_yy"), "did you mean 'basicsr_y'"),
        (("SR", "--hr", "HR", "--scale", "4", "--measure", "lpisp"), "did you mean 'lpips'"),
        (("SR", "--hr", "HR", "--scale", "4", "--weights", "alexnet"), "give ROLE=FILE"),
        (("SR", "--hr", "HR", "--scale", "4", "--weights", "alexnett=a"), "did you mean 'alexnet'"),
        (("SR", "--hr", "HR", "--scale", "4", "--measure", "lpips"), "alexnet=FILE, torchvision's AlexNet"),
        (("SR", "--hr", "HR", "--scale", "x"), "scale 'x' is no number"),
        (("SR", "--hr", "HR", "--scale", "4", *["--measure", "gmsd"] * 2), "several numbers are called gmsd"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    told: Told, sr: Path, hr: Path, arguments: tuple[str, ...], message: str
) -> None:
    filled = [{"SR": str(sr), "HR": str(hr)}.get(one, one) for one in arguments]
    status, _, err = told(*filled)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_sr_and_the_baseline_are_scored_alike(told: Told, sr: Path, hr: Path) -> None:
    """Unless the rule of published tables is asked for."""
    common = ("--hr", hr, "--scale", 4)
    rows = [out.splitlines()[1] for _, out, _ in (told(sr, *common), told("--baseline", "bicubic", *common))]
    assert rows[0] == rows[1]
    assert rows[0].startswith("basicsr_y: ")
    _, out, _ = told("--baseline", "bicubic", *common, "--protocol", "published")
    assert out.splitlines()[1].startswith("drcn_y: ")


def test_odd_files_are_read_as_it_is_told(told: Told, tmp_path: Path) -> None:
    for folder, level in (("SR", 10), ("HR", 12)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "one.png"), np.full((24, 24, 3), level * 257, np.uint16))
    ask = (tmp_path / "SR", "--hr", tmp_path / "HR", "--scale", 2, "--protocol", "rgb_border0")
    status, _, err = told(*ask)
    assert status == 1
    assert "--images depth16=round" in err
    status, out, _ = told(*ask, "--images", "depth16=round")
    assert status == 0
    assert f"{20 * math.log10(255 / 2):.4f}" in out
