"""Degrading images, files and folders in one call; the tables of random numbers behind the noise."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import srdata.degrade
from srdata import PairedDataset, prepare
from srdata.cli import run
from srdata.degrade.chain import load_chain
from srdata.degrade.numerics.noise_tables import TABLED_PHOTONS, normal_quantiles, poisson_tables
from srdata.degrade.numerics.photon_counts import expanded_noise, photons_of, tabled_noise
from srdata.degrade.numerics.random_fields import half_planes, normal_planes
from srdata.degrade.whole_images import degrade, replay
from srdata.discovery.inspection import inspect
from srdata.errors import ImageError, UsageError
from srdata.images import read_image, write_png
from srdata.preparation import degrade_files
from srdata.prepared.set_images import PreparedImages
from srdata.resize import imresize
from srdata.store.export_json import DELTAS_FILE


def test_one_call_degrades_an_array(photographs: Path) -> None:
    hr = read_image(photographs / "chelsea.png")[:121, :203]
    made = degrade(hr, "bsrgan", seed=3, key="chelsea")
    assert made.lr.shape == (30, 50, 3)
    assert np.array_equal(made.hr, hr[:120, :200])
    chain = load_chain("bsrgan")
    assert np.array_equal(made.lr, replay(hr, chain, chain.sample(3, 0, "chelsea"), 4))
    assert np.array_equal(made.lr, replay(hr, load_chain("bsrgan"), made.delta, 4))
    assert not np.array_equal(made.lr, degrade(hr, "bsrgan", seed=4, key="chelsea").lr)
    assert not np.array_equal(made.lr, degrade(hr, "bsrgan", seed=3, key="other").lr)


def test_grey_images_stay_grey(photographs: Path) -> None:
    grey = read_image(photographs / "chelsea.png")[:120, :200, 1]
    assert np.array_equal(degrade(grey, scale=4).lr, imresize(grey, 1 / 4))
    made = degrade(grey, "realesrgan-x4")
    assert made.lr.shape == (30, 50)
    assert made.hr.shape == (120, 200)
    assert not np.array_equal(made.hr, grey)
    made = degrade(grey, "denoise-gray-25")
    assert np.abs(made.hr.astype(int) - grey).max() <= 1
    assert made.lr.shape == grey.shape


def test_the_package_is_the_function() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    assert srdata.degrade(image, "bicubic", 2).lr.shape == (4, 4, 3)
    code = "import numpy; from srdata import degrade; print(degrade(numpy.zeros((4, 8), 'u1'), scale=2).lr)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.count("0") == 8


def test_what_cannot_be_degraded_is_refused() -> None:
    with pytest.raises(UsageError, match="uint8, HWC or HW, not float32"):
        degrade(np.zeros((8, 8, 3), np.float32), scale=2)  # type: ignore[arg-type]  # the mistake itself
    for channels in (2, 4):
        with pytest.raises(UsageError, match="C is 3, or 1 for grey"):
            degrade(np.zeros((8, 8, channels), np.uint8), scale=2)
    with pytest.raises(UsageError, match="say for which scale, by scale= or --scale: "):
        degrade(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match="smaller than an LR pixel"):
        degrade(np.zeros((3, 8, 3), np.uint8), scale=4)


def test_a_folder_becomes_png_files_and_lines_of_delta(photographs: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "deep").mkdir(parents=True)
    shutil.copy(photographs / "rocket.jpg", source / "deep")
    shutil.copy(photographs / "chelsea.png", source)
    paths = degrade_files(source, tmp_path / "out", "realesrgan-x4", seed=5)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in paths] == [
        "lr/chelsea.png",
        "lr/deep/rocket.png",
    ]
    chain = load_chain("realesrgan-x4")
    for line, path in zip((tmp_path / "out" / DELTAS_FILE).read_text().splitlines(), paths, strict=True):
        told = json.loads(line)
        assert set(told) == {"key", "scale", "seed", "delta"}
        kept = read_image(tmp_path / "out/hr" / path.relative_to(tmp_path / "out/lr"))
        again = replay(kept, chain, told["delta"], float(told["scale"]), hr_done=True)
        assert np.array_equal(read_image(path), again)


def test_one_file_and_a_folder_agree_and_seeds_differ(photographs: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(photographs / "chelsea.png", source)
    (one,) = degrade_files(source, tmp_path / "a", "bsrgan", seed=5)
    (two,) = degrade_files(source / "chelsea.png", tmp_path / "b", "bsrgan", seed=5)
    (three,) = degrade_files(source, tmp_path / "c", "bsrgan", seed=6)
    assert one.read_bytes() == two.read_bytes() != three.read_bytes()


def test_bad_images_are_named_after_the_others_are_written(photographs: Path, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    shutil.copy(photographs / "chelsea.png", source / "b.png")
    (source / "a.png").write_bytes(b"no image")
    write_png(source / "c.png", np.zeros((3, 3, 3), np.uint8))
    with pytest.raises(ImageError, match=r"a\.png.*\n.*c.*smaller than an LR pixel"):
        degrade_files(source, tmp_path / "out", scale=4)
    assert (tmp_path / "out/lr/b.png").exists()
    assert len((tmp_path / "out" / DELTAS_FILE).read_text().splitlines()) == 1


def test_names_that_would_collide_and_empty_folders_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp"):
        write_png(tmp_path / name, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match=r"holds 'a' twice, as a.bmp and a.png"):
        degrade_files(tmp_path, tmp_path / "out", scale=2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no images"):
        degrade_files(tmp_path / "empty", tmp_path / "out", scale=2)


def test_no_image_that_is_read_is_written_over(tmp_path: Path) -> None:
    for name in ("hr/a.png", "lr/b.png"):
        write_png(tmp_path / "in" / name, np.full((8, 8, 3), 99, np.uint8))
    before = (tmp_path / "in/hr/a.png").read_bytes()
    for given in (tmp_path / "in/hr", tmp_path / "in/hr/a.png"):
        with pytest.raises(
            UsageError, match=r"hr/a\.png is read, and would be written over: give another OUT"
        ):
            degrade_files(given, tmp_path / "in", "realesrgan-x4")
    assert (tmp_path / "in/hr/a.png").read_bytes() == before
    write_png(tmp_path / "b.png", np.full((8, 8, 3), 99, np.uint8))
    with pytest.raises(UsageError, match=r"lr/b\.png is there already, and this command did not write it"):
        degrade_files(tmp_path / "b.png", tmp_path / "in", scale=2)


def test_what_is_written_is_read_back_as_it_is(photographs: Path, tmp_path: Path) -> None:
    """HR is altered, cut, or neither: then the pairs are LR beside the HR images that were given."""
    source = tmp_path / "photos/hr"
    for name, side in (("chelsea", 101), ("coffee", 96)):
        image = read_image(photographs / f"{name}.png")[:side, :128]
        write_png(source / "deep" / f"{name}.png", image)
    for number, degradation in enumerate(("bicubic", "realesrgan-x4")):
        out = tmp_path / f"out{number}"
        assert run(["degrade", str(source), str(out), "--degradation", degradation, "--scale", "x4"]) == 0
        assert sorted(path.name for path in out.iterdir()) == [DELTAS_FILE, "hr", "lr"]
        assert_read_back(out, tmp_path / f"root{number}", ["deep/chelsea", "deep/coffee"])
    (source / "deep/chelsea.png").unlink()
    degrade_files(source, tmp_path / "photos", scale=4)
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == [DELTAS_FILE, "hr", "lr"]
    assert_read_back(tmp_path / "photos", tmp_path / "root", ["deep/coffee"])


def assert_read_back(folder: Path, root: Path, keys: list[str]) -> None:
    """`folder` holds pairs of these keys for all who read it, LR as it was written."""
    assert inspect(folder).problems == []
    data = PairedDataset(folder, dtype=torch.uint8)
    assert (data.keys, str(data.scale)) == (keys, "4")
    images = PreparedImages(prepare(folder, lmdb=True, root=root, jobs=1))
    for row, item in enumerate(data):  # type: ignore[arg-type, var-annotated]  # by __getitem__
        lr = read_image(folder / f"lr/{item['key']}.png")
        assert np.array_equal(item["lr"].permute(1, 2, 0).numpy(), lr)
        assert np.array_equal(images.read(row, "x4"), lr)


def test_lr_images_beside_hr_are_not_degraded(photographs: Path, tmp_path: Path) -> None:
    image = read_image(photographs / "chelsea.png")[:96, :128]
    write_png(tmp_path / "in/HR/a.png", image)
    write_png(tmp_path / "in/LR/a.png", image[::4, ::4])
    assert degrade_files(tmp_path / "in", tmp_path / "out", scale=2) == [tmp_path / "out/lr/a.png"]
    assert read_image(tmp_path / "out/lr/a.png").shape == (48, 64, 3)


def test_old_hr_images_never_face_new_lr_images(photographs: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "in/a.png", read_image(photographs / "chelsea.png")[:96, :128])
    degrade_files(tmp_path / "in", tmp_path / "out", "realesrgan-x4")
    with pytest.raises(UsageError, match=r"out/hr/a\.png is of an earlier run with another degradation"):
        degrade_files(tmp_path / "in", tmp_path / "out", scale=4)


def test_the_command_says_how_to_take_the_pairs(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_png(tmp_path / "my photos/a.png", read_image(photographs / "chelsea.png")[:96, :128])
    assert run(["degrade", "my photos", "out", "--scale", "4"]) == 0
    command = capsys.readouterr().out.partition(": srdata ")[2].removesuffix(" takes both\n")
    assert run([*shlex.split(command), "--lmdb", "--name", "both", "--jobs", "1"]) == 0
    assert PreparedImages(tmp_path / "data/both").index.keys.to_pylist() == ["a"]


MAPPED = """
import ctypes
import numpy as np
from srdata.degrade.numerics import backend
class MallInfo(ctypes.Structure):
    _fields_ = [(str(number), ctypes.c_size_t) for number in range(10)]
info = ctypes.CDLL(None).mallinfo2
info.restype = MallInfo
backend.keep_memory()
mapped = lambda: getattr(info(), "4")  # hblkhd: the bytes in blocks that go back to the kernel when freed
before = mapped()
image = np.empty(4 << 20, np.uint8)
print(mapped() - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc 2.33 has it"
)
def test_memory_of_images_is_kept_for_the_next() -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}  # dask's

    def mapped(code: str) -> int:
        command = [sys.executable, "-c", code]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, env=plain).stdout)

    assert mapped(MAPPED) < 4 << 20
    assert mapped(MAPPED.replace("backend.keep_memory()", "")) >= 4 << 20  # so that this test can fail


def counts_of(levels: np.ndarray, photons: float) -> np.ndarray:
    bits = half_planes(3, (1, 1, levels.size)).reshape(levels.shape)
    draw = tabled_noise if photons in TABLED_PHOTONS else expanded_noise
    counts = draw(bits, levels, photons) * photons + levels * (photons / 255)
    assert np.abs(counts - counts.round()).max() < 1e-3
    return counts.round().astype(int)


@pytest.mark.parametrize(("level", "photons"), [(1, 256), (5, 256), (40, 8), (128, 64), (255, 256), (255, 1)])
def test_tabled_counts_follow_poissons_law(level: int, photons: int) -> None:
    counts = counts_of(np.full(400_000, level, np.uint8), photons)
    observed = np.bincount(counts)
    expected = stats.poisson(level * photons / 255).pmf(np.arange(len(observed))) * counts.size
    enough = expected > 10
    expected *= observed[enough].sum() / expected[enough].sum()
    assert stats.chisquare(observed[enough], expected[enough]).pvalue > 1e-4


@pytest.mark.parametrize(("level", "photons"), [(0, 1), (3, 2), (100, 256), (255, 256)])
def test_tables_hold_poissons_law_to_a_draw_of_65536(level: int, photons: int) -> None:
    part = slice(level * 256, level * 256 + 256)
    kept, alias, noise = (table[part] for table in poisson_tables(photons))
    kept = kept.astype(int)
    shares = kept + np.bincount(alias, 256 - kept, 256)
    counts = noise * photons + level * photons / 255
    assert shares.sum() == 65536
    assert np.abs(shares - 65536 * stats.poisson(level * photons / 255).pmf(counts.round())).max() < 1.01
    assert shares @ counts / 65536 == pytest.approx(level * photons / 255, abs=5e-3)


def test_photons_are_the_distinct_levels_wherever_they_stand() -> None:
    assert photons_of(np.full((20, 30, 3), 7, np.uint8)) == 1
    for count, photons in ((5, 8), (128, 128), (129, 256), (256, 256)):
        for row in (0, 3, 8, 19):
            levels = np.zeros((20, 300, 1), np.uint8)
            levels[row, :count, 0] = np.arange(count)
            assert photons_of(levels) == photons


def test_no_light_gives_no_photons() -> None:
    for photons in (256, 1000.5):
        assert not counts_of(np.zeros(10_000, np.uint8), photons).any()


def test_counts_beside_each_other_have_nothing_to_do_with_each_other() -> None:
    levels = np.tile(np.array([10, 200], np.uint8), 200_000)
    counts = counts_of(levels, 256).reshape(-1, 2)
    assert abs(np.corrcoef(counts.T)[0, 1]) < 0.01
    assert abs(np.corrcoef(counts[:-1, 0], counts[1:, 0])[0, 1]) < 0.01


def test_tabled_normal_numbers_are_normal() -> None:
    numbers = normal_planes(3, (1, 1, 300_001)).ravel()
    assert stats.kstest(numbers, "norm").pvalue > 1e-3
    assert normal_quantiles().var(dtype=np.float64) == pytest.approx(1, abs=1e-4)
    assert np.array_equal(normal_quantiles(), -normal_quantiles()[::-1])
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.01
