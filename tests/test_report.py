"""Contact sheets: the pictures that they show are the images that the chain makes, and text can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MakeSample
from PIL import Image
from scipy import stats

from srdata.degrade.chain import load_chain
from srdata.errors import UnknownNameError, UsageError
from srdata.images import read_image
from srdata.prepared.set_images import PreparedImages
from srdata.report import contact_sheet, histograms, preview, write_preview
from srdata.report.bars import bars_of
from srdata.report.canvas import GAP, LINE, Cell, fitted, in_rows, page, scaled
from srdata.report.delta_steps import applied
from srdata.report.draw_histograms import collected
from srdata.report.lettering import visible, width_of, write
from srdata.report.sheets import spread

TOP = LINE + 2 * GAP
CHAIN: dict[str, Any] = {
    "title": "all kinds of steps",
    "hr": [{"op": "gamma", "exponent": [0.5, 2]}],
    "steps": [
        {"op": "banding", "levels": [20, 30]},
        {"op": "maybe", "p": 0.25, "steps": {"op": "saturation", "factor": [0, 1]}},
        {
            "op": "one_of",
            "branches": [
                {"weight": 3, "steps": {"op": "gamma", "exponent": 2}},
                {"weight": 1, "steps": [{"op": "levels"}, {"op": "halo", "kind": ["both", "bright"]}]},
            ],
        },
        {"op": "shuffled", "items": [{"op": "rain_streaks"}, {"op": "pixelate", "size": [1, 3]}]},
        {"op": "repeat", "times": [0, 2], "steps": {"op": "chroma_shift"}},
        {"op": "imresize"},
    ],
}


@pytest.fixture(scope="module")
def coffee(photographs: Path) -> np.ndarray:
    return read_image(photographs / "coffee.png")


@pytest.fixture(scope="module")
def prepared(sample: MakeSample) -> Path:
    return sample(scale=(3, 4), lmdb=True)


def pixels(sheet: Image.Image, left: int, top: int, side: int) -> np.ndarray:
    return np.asarray(sheet)[top : top + side, left : left + side]


def darkness(sheet: Image.Image, left: int, top: int, width: int) -> int:
    """How many dark pixels a line of text has."""
    return int((np.asarray(sheet.convert("L"))[top : top + LINE, left : left + width] < 128).sum())


def test_a_page_shows_hr_every_step_and_lr(coffee: np.ndarray) -> None:
    chain = load_chain([{"op": "banding", "levels": 4}, {"op": "imresize"}])
    sheet = preview(chain, coffee, scale=3, seeds=[7], side=96)
    hr = coffee[152:248, 252:348]
    lr = chain.apply_image(hr, chain.sample(7), 3)
    left = [GAP + column * (96 + GAP) for column in range(4)]
    assert np.array_equal(pixels(sheet, left[0], TOP, 96), hr)
    assert len(np.unique(pixels(sheet, left[1], TOP, 96))) == 4
    for column in (2, 3):
        assert np.array_equal(pixels(sheet, left[column], TOP, 96), lr.repeat(3, 0).repeat(3, 1))
    assert sheet.width == left[3] + 96 + GAP
    for column in range(4):
        assert darkness(sheet, left[column], TOP + 96, 96) > 20


def test_seeds_stand_below_each_other_and_long_chains_are_wrapped(coffee: np.ndarray) -> None:
    steps = [{"op": "gamma", "exponent": 1}] * 9 + [{"op": "imresize"}]
    one, two = (preview(steps, coffee, seeds=seeds, side=32) for seeds in ([1], [1, 2]))
    assert one.width == two.width == 8 * (32 + GAP) + GAP
    assert two.height - TOP == 2 * (one.height - TOP)


def test_the_default_image_and_every_kind_of_step() -> None:
    sheet = preview(CHAIN, seeds=[1, 2, 3], side=60)
    assert sheet.width <= 8 * (60 + GAP) + GAP
    assert sheet.height > 3 * 60


def test_fractional_scales(photographs: Path) -> None:
    sheet = preview("bicubic", photographs / "rocket.jpg", scale=1.5, seeds=[1], side=50)
    assert sheet.width == 3 * (48 + GAP) + GAP


def test_the_scale_is_one_that_the_degradation_is_made_for(coffee: np.ndarray) -> None:
    steps = {"scales": [2.0, 3.0], "steps": [{"op": "imresize"}]}
    assert np.array_equal(preview(steps, coffee, side=40), preview(steps, coffee, scale=2, side=40))
    assert np.array_equal(preview("bicubic", coffee, side=40), preview("bicubic", coffee, scale=4, side=40))


def test_an_image_without_an_lr_pixel_is_refused() -> None:
    with pytest.raises(UsageError, match="3x9 has no LR pixel at x4"):
        preview("bicubic", np.zeros((9, 3, 3), np.uint8))


def test_unknown_degradations_are_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'bicubic'"):
        preview("bicubix")


def test_what_is_collected_is_what_the_chain_draws() -> None:
    values = collected(load_chain(CHAIN), 1000, seed=3)
    exponents = np.array(values[("hr 1 gamma", "exponent")])
    assert stats.kstest(exponents, stats.uniform(0.5, 1.5).cdf).pvalue > 0.001
    assert set(values[("1 banding", "levels")]) == set(range(20, 31))
    applied = len(values[("2.1 saturation", "factor")])
    assert applied == values[("2 maybe", "applied")].count("yes")
    assert stats.binomtest(applied, 1000, 0.25).pvalue > 0.001
    branches = values[("3 one_of", "branch")]
    assert stats.binomtest(branches.count("b"), 1000, 0.25).pvalue > 0.001
    assert (
        branches.count("b")
        == len(values[("3b.2 halo", "kind")])
        == len(values[("3b.1 levels", "output_black")])
    )
    assert set(values[("4 shuffled", "order[0]")]) == {"a", "b"}
    assert len(values[("4b.1 pixelate", "size")]) == 1000
    assert 850 < len(values[("5.1 chroma_shift", "shifts[1][0]")]) < 1150
    assert not [where for where in values if where[1] == "key"]


def test_the_page_of_histograms_leaves_out_what_never_changes() -> None:
    drawn = [{"op": "gamma", "exponent": [1, 2]}, {"op": "banding", "levels": 8}, {"op": "imresize"}]
    one = histograms(drawn, draws=100)
    many = histograms(CHAIN, draws=100)
    assert one.width < many.width
    assert one.height - TOP < 200
    bars = np.asarray(one)[TOP : TOP + 90, GAP : GAP + 190]
    blue = (bars == (66, 113, 174)).all(2)
    assert 0.2 < blue.mean() < 0.95
    assert blue.any(0).mean() > 0.8


def test_bars_are_as_high_as_their_counts() -> None:
    branches = [{"weight": weight, "steps": []} for weight in (1, 1, 2)]
    sheet = histograms([{"op": "one_of", "branches": branches}])
    bars = (np.asarray(sheet)[TOP : TOP + 90, GAP : GAP + 190] == (66, 113, 174)).all(2).sum(0)
    assert bars[10] > 1.7 * bars[150]
    assert abs(int(bars[90]) - int(bars[150])) < 12


def test_a_sheet_of_a_set_shows_pairs_that_face_each_other(prepared: Path) -> None:
    sheet = contact_sheet(prepared, count=3, side=100)
    images = PreparedImages(prepared)
    row = spread(range(5), 3)[1]
    hr = images.read(row, "hr")
    assert sheet.width == 3 * (96 + GAP) + GAP
    height = (sheet.height - TOP) // 3
    tall, wide = ((length - 96) // 2 // 12 * 12 for length in hr.shape[:2])
    top = TOP + height
    assert np.array_equal(pixels(sheet, GAP, top, 96), hr[tall : tall + 96, wide : wide + 96])
    for column, factor in ((1, 3), (2, 4)):
        lr = images.read(row, f"x{factor}")
        part = lr[tall // factor : (tall + 96) // factor, wide // factor : (wide + 96) // factor]
        shown = pixels(sheet, GAP + column * (96 + GAP), top, 96)
        assert np.array_equal(shown, part.repeat(factor, 0).repeat(factor, 1))
        assert np.abs(shown.astype(float).mean() - hr[tall : tall + 96, wide : wide + 96].mean()) < 2


def test_a_sheet_of_a_folder(photographs: Path, coffee: np.ndarray) -> None:
    sheet = contact_sheet(photographs, count=5, side=64)
    assert np.array_equal(pixels(sheet, GAP + 2 * (64 + GAP), TOP, 64), coffee[168:232, 268:332])


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no prepared set and holds no images"):
        contact_sheet(tmp_path)


def test_pages_are_written_as_png_files(tmp_path: Path, prepared: Path) -> None:
    written = write_preview("bicubic", out=tmp_path / "page.png", seeds=[1])
    assert [path.name for path in written] == ["page.png", "page-draws.png"]
    assert [path.name for path in write_preview(prepared, out=tmp_path / "set.png")] == ["set.png"]
    for path in (*written, tmp_path / "set.png"):
        assert read_image(path).shape[2] == 3
    assert np.array_equal(read_image(written[0]), np.asarray(preview("bicubic", seeds=[1])))


def test_names_of_applied_ops_follow_the_order_of_the_draw() -> None:
    chain = load_chain(CHAIN)
    image = np.zeros((8, 8, 3), np.uint8)
    for seed in range(20):
        delta = chain.sample(seed)
        assert list(applied(delta)) == [name for name, _, _ in chain.stages(image, delta, 4)]


def test_text_is_cut_to_the_width_of_its_picture() -> None:
    assert fitted("short", 200) == "short"
    cut = fitted("a name that is far too long for its picture", 100)
    assert cut.endswith("…")
    assert 8 < len(cut) < 20


def test_pictures_are_enlarged_by_repeating_and_shrunk_by_averaging() -> None:
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert np.array_equal(np.asarray(scaled(image, 8, 8)), image.repeat(2, 0).repeat(2, 1))
    means = image.reshape(2, 2, 2, 2, 3).mean((1, 3))
    assert np.abs(np.asarray(scaled(image, 2, 2)) - means).max() <= 0.5
    assert len(in_rows([Cell(scaled(image, 2, 2), "")] * 5, 2)) == 3
    assert page("nothing", []).height == TOP


@pytest.mark.parametrize(
    ("values", "counts", "axis"),
    [
        ([3, 4, 4, 7], [1, 2, 0, 0, 1], ["3", "4", "5", "6", "7"]),
        ([30, 31, *range(40, 96)], [1, 1, *[0] * 8, *[1] * 56], ["40", "60", "80"]),
        (list(range(0, 1000)), [27] * 37 + [1], ["0", "200", "400", "600", "800"]),
        ([64, 64, 256, 256, 512, 512], [2, 2, 2], ["64", "256", "512"]),
        ([0.25, 0.25, 0.5, 0.5], [2, 2], ["0.25", "0.5"]),
        (["b", "a", "b"], [2, 1], []),
    ],
)
def test_whole_numbers_have_a_bar_each_and_an_axis(values: list, counts: list[int], axis: list[str]) -> None:
    bars = bars_of(values)
    assert bars.counts == counts
    assert [tick.text for tick in bars.axis] == axis
    assert all(0 <= tick.place <= 1 for tick in bars.axis)


def test_numbers_of_an_axis_stand_where_they_are() -> None:
    bars = bars_of(np.random.default_rng(1).uniform(-179, 179, 500).tolist())
    assert [tick.text for tick in bars.axis] == ["-100", "0", "100"]
    assert [round(tick.place, 2) for tick in bars.axis] == pytest.approx([0.22, 0.5, 0.78], abs=0.01)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("日本語 한국어 Ωδσ Привет", "日本語 한국어 Ωδσ Привет"),
        ("cafe\u0301", "café"),
        ("party🎉🙂", "partyU+1F389U+1F642"),
        ("שלום abc", "abc םולש"),
        ("abc שלום", "abc םולש"),
        ("مرحبا 12", "12 ابحرم"),
    ],
)
def test_names_in_any_script_are_drawn_or_told_by_their_numbers(name: str, drawn: str) -> None:
    assert visible(name) == drawn


def test_letters_of_other_scripts_are_not_the_sign_for_unknown_ones() -> None:
    pictures = []
    for text in ("日本", "عر", "??"):
        picture = Image.new("RGB", (80, 40), (255, 255, 255))
        write(picture, (2, 2), text, (0, 0, 0), 20)
        assert width_of(text, 20) < 78
        pictures.append(np.asarray(picture))
    assert all((one < 128).any() for one in pictures)
    assert not any(np.array_equal(one, pictures[-1]) for one in pictures[:-1])
