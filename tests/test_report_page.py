"""The page about a set: sound HTML, its numbers and pixels are those of the set, names stay names."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from srdata import preparation
from srdata.cli import run
from srdata.difficulty import classify
from srdata.errors import SetError, UsageError
from srdata.images import write_png
from srdata.prepared.set_images import PreparedImages
from srdata.report import report_page, write_report
from srdata.report.page.html import Html, el, table
from srdata.scale import Scale
from srdata.store.set_json import read_set, write_set
from tests.pairs import position_pairs, write_shards
from tests.reporting import EVIL, Element, bar_counts, figures, parsed, write_hostile_set

LIMIT = 5_000_000  # bytes of a page
CHAIN = """
steps:
  - {op: gamma, exponent: [0.8, 1.2]}
  - {op: imresize}
  - {op: one_of, branches: [{weight: 1, steps: {op: jpeg, quality: [30, 95]}}, {weight: 1, steps: []}]}
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs at two scales with drawn degradations, scored."""
    root = tmp_path_factory.mktemp("data")
    (root / "chain.yaml").write_text(CHAIN)
    built = preparation.prepare(
        "sample",
        scale=[2, 4],
        lmdb=True,
        degradation=str(root / "chain.yaml"),
        root=root,
        name="shown",
        jobs=1,
    )
    for by in ("psnr", "deviation"):
        classify(built, by, windows=(120, 60, 0), scales=[4], jobs=1)
    return built.path


@pytest.fixture(scope="module")
def page(prepared: Path) -> Element:
    return parsed(report_page(prepared, jobs=1))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, photographs: Path) -> Element:
    folder = write_hostile_set(tmp_path_factory.mktemp("hostile") / "set", photographs)
    return parsed(report_page(folder, jobs=1))


def section(page: Element, id_: str) -> Element:
    return page.one("section", id=id_)


def photograph(photographs: Path, key: str) -> np.ndarray:
    [path] = photographs.glob(f"{key}.[pj]*g")
    return np.asarray(Image.open(path).convert("RGB"))


def pixels(image: Element) -> np.ndarray:
    """What a browser would decode."""
    kind, _, text = (image.attributes["src"] or "").partition(",")
    assert kind == "data:image/webp;base64"
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))
    assert [image.attributes["height"], image.attributes["width"]] == [str(n) for n in found.shape[:2]]
    return found


def noise(folder: Path, count: int, side: int) -> Path:
    """Images that no codec makes small."""
    folder.mkdir()
    rng = np.random.default_rng(3)
    for number in range(count):
        write_png(folder / f"{number:03d}.png", rng.integers(0, 256, (side, side, 3), np.uint8))
    return folder


# What a page is


@pytest.mark.parametrize("which", ["page", "hostile"])
def test_a_page_is_sound_and_holds_all_it_needs(which: str, request: pytest.FixtureRequest) -> None:
    page: Element = request.getfixturevalue(which)
    everything = page.all()
    ids = [one.attributes["id"] for one in everything if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    for one in everything:
        assert not [name for name in one.attributes if name.startswith("on") or name == "style"]
        assert (one.attributes.get("src") or "data:").startswith("data:")
        assert one.name not in {"link", "iframe", "object", "embed", "base", "form"}
        assert one.name != "img" or "alt" in one.attributes
    assert len(page.all("script")) == len(page.all("style")) == 1
    for link in page.all("a"):
        target = link.attributes["href"] or ""
        assert target[1:] in ids if target.startswith("#") else target.startswith("https://")
    assert [one.text for one in page.one("nav").all("a")] == [one.text for one in page.one("main").all("h2")]
    assert all(one.text for one in page.all("h2") if one.attributes["id"] != "viewer-title")


def test_the_policy_admits_nothing_but_what_the_page_holds(page: Element) -> None:
    [policy] = [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes]
    rules = dict(rule.split(" ", 1) for rule in (policy or "").split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in (policy or "")
    assert rules["script-src"].startswith("'sha256-")


def test_the_same_set_gives_the_same_page(prepared: Path) -> None:
    assert report_page(prepared, images=2, jobs=1) == report_page(prepared, images=2, jobs=2)


def test_a_page_is_bounded_however_much_is_shown(tmp_path: Path) -> None:
    built = preparation.prepare(noise(tmp_path / "noise", 60, 256), scale=4, lmdb=True, root=tmp_path, jobs=1)
    few, many = (report_page(built, images=images, jobs=1) for images in (3, 60))
    assert 800_000 < len(few.encode()) < len(many.encode()) < LIMIT
    assert [len(parsed(one).all("button", class_="tile")) for one in (few, many)] == [3, 60]
    assert pixels(parsed(few).all("img", data_layer="hr")[0]).shape == (256, 256, 3)
    assert pixels(parsed(many).all("img", data_layer="hr")[0]).shape[0] < 200


# Its numbers


def test_counts_are_those_of_the_files(page: Element, prepared: Path, photographs: Path) -> None:
    sizes = [photograph(photographs, path.stem).shape[:2] for path in photographs.glob("*.[pj]*g")]
    sizes = [(height // 2 * 2, width // 2 * 2) for height, width in sizes]
    [row] = section(page, "sizes").one("tbody").all("tr")
    shown = [cell.text for cell in row.all("td")]
    windows = sum(
        np.prod([1 + -(-(side - 240) // 120) for side in size]) for size in sizes if min(size) >= 240
    )
    megapixels = f"{sum(height * width for height, width in sizes) / 1e6:.1f}"
    assert shown[:4] == ["train", "5", str(windows), str(windows)]
    assert shown[5:] == ["450 × 300", "1000 × 872", megapixels]
    stored = sum(
        path.stat().st_size for path in prepared.rglob("*") if path.is_file() and path.name != "set.json"
    )
    numbers = {one.one("dt").text: one.one("dd").text for one in page.one("dl", class_="stats").all("div")}
    assert numbers["images"] == "5"
    assert float(numbers["on disk"].removesuffix("MB")) == pytest.approx(stored / 1e6, abs=0.006)


@pytest.mark.parametrize("scale", ["x2", "x4"])
def test_charts_count_every_value_that_was_drawn(page: Element, prepared: Path, scale: str) -> None:
    texts = pq.read_table(prepared / "index.parquet", columns=["params"]).column(0).to_pylist()
    drawn = [json.loads(text)[scale] for text in texts]
    exponents = [delta[0]["params"]["exponent"] for delta in drawn]
    branches = [delta[2]["params"]["branch"] for delta in drawn]
    half = {"x2": 0, "x4": 1}[scale]
    exponent, branch = (figures(section(page, "draws"), name)[half] for name in ("exponent", "branch"))
    assert bar_counts(exponent) == np.histogram(exponents, 12)[0].tolist()
    shares = {one.one("dt").text: one.one("dd").text for one in branch.all("div") if one.all("dt")}
    assert shares == {"ab"[number]: str(count) for number, count in Counter(branches).items()}


@pytest.mark.parametrize("by", ["psnr", "deviation"])
def test_difficulty_is_that_of_the_scores(page: Element, prepared: Path, by: str) -> None:
    scores = pq.read_table(prepared / f"scores/{by}-x4-120-60-0.parquet").to_pandas()
    [chart] = figures(section(page, "difficulty"), f"^{by} at x4")
    counts = bar_counts(chart)
    assert counts == np.histogram(scores[by], len(counts))[0].tolist()
    lowest = scores.loc[scores.groupby("key")[by].idxmin()].sort_values(by).head(4)
    names = [f"{one.key}_s{one.order + 1:03d}" for one in lowest.itertuples()]
    shown = [one.attributes["data-title"] for one in section(page, "difficulty").all("button")]
    assert shown[:4] == names if by == "psnr" else shown[4:] == names


def test_without_scores_the_page_says_how_to_make_them(tmp_path: Path) -> None:
    built = preparation.prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1)
    page = parsed(report_page(built, images=0, jobs=1))
    commands = section(page, "difficulty").one("pre").text.splitlines()
    assert not page.all("button", class_="tile")
    assert run([*commands[0].split()[1:], "--jobs", "1"]) == 0
    assert run([*commands[1].split()[1:], "--jobs", "1"]) == 0
    assert len(parsed(report_page(built, images=0, jobs=1)).all("button", class_="tile")) == 8
    assert "Every image was degraded alike" in section(page, "draws").text


# Its pictures


def test_every_pixel_of_a_pair_is_a_stored_one(page: Element, prepared: Path, photographs: Path) -> None:
    images = PreparedImages(prepared)
    tiles = page.all("button", class_="tile")
    assert len(tiles) == 5 + 4 + 4
    for tile in tiles:
        key = re.sub(r"_s\d+$", "", tile.attributes["data-title"] or "")
        width, height, left, top = map(int, re.findall(r"\d+", tile.attributes["data-where"] or ""))
        stored = photograph(photographs, key)[top : top + height, left : left + width]
        assert np.array_equal(pixels(tile.one("img", data_layer="hr")), stored)
        for layer, factor in (("x2", 2), ("x4", 4)):
            lr = images.read(images.index.row(key), layer)
            part = lr[top // factor : (top + height) // factor, left // factor : (left + width) // factor]
            assert np.array_equal(pixels(tile.one("img", data_layer=layer)), part)


def test_windows_show_the_middle_of_what_was_scored(page: Element, prepared: Path) -> None:
    scores = pq.read_table(prepared / "scores/psnr-x4-120-60-0.parquet").to_pandas()
    for tile in section(page, "difficulty").all("button"):
        key, _, order = (tile.attributes["data-title"] or "").rpartition("_s")
        window = scores[(scores.key == key) & (scores.order == int(order) - 1)].iloc[0]
        assert tile.attributes["data-where"] == f"120 × 120 from ({window.left}, {window.top})"


# Duplicates


@pytest.fixture
def copied(tmp_path: Path, photographs: Path) -> Path:
    """The photographs, and one of them again at half size, compressed."""
    folder = tmp_path / "photos"
    shutil.copytree(photographs, folder)
    image = Image.open(folder / "coffee.png").convert("RGB")
    image.resize((image.width // 2, image.height // 2)).save(folder / "small.jpg", quality=30)
    return folder


def test_a_smaller_and_compressed_copy_is_found(tmp_path: Path, copied: Path) -> None:
    built = preparation.prepare(copied, scale=4, lmdb=True, root=tmp_path, jobs=1)
    page = parsed(report_page(built, images=0, jobs=1))
    [row] = section(page, "copies").one("tbody").all("tr")
    assert [one.text for one in row.all("bdi")] == ["coffee", "small"]
    assert "1 pair shows the same." in section(page, "copies").text
    assert "600 × 400" in row.text
    assert "300 × 200" in row.text


def test_nothing_is_found_among_the_photographs(page: Element) -> None:
    assert "No image stands in it twice." in section(page, "copies").text
    assert not section(page, "copies").all("table")


def test_images_of_test_sets_and_given_folders_are_found(
    tmp_path: Path, prepared: Path, copied: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(prepared, root / "shown")
    for path in copied.iterdir():
        if path.name != "small.jpg":
            path.unlink()
    test = preparation.prepare(copied, scale=2, lmdb=True, root=root, name="set5-x2", splits=["test"], jobs=1)
    content = read_set(test.path)
    write_set(test.path, content.model_copy(update={"recipe": {**content.recipe, "source": "set5"}}))
    copies = section(parsed(report_page(root / "shown", against=[copied], images=0, jobs=1)), "copies")
    beside, given = copies.all("h4")
    assert beside.one("bdi").text.endswith("data/set5-x2 test")
    assert given.one("bdi").text == str(copied)
    found = [[one.text for one in row.all("bdi")] for body in copies.all("tbody") for row in body.all("tr")]
    assert found == [["coffee", "small"], ["coffee", "small.jpg"]]
    absent = copies.text.partition("Not prepared")[2]
    assert "Set14" in absent
    assert "Set5" not in absent


def test_copies_at_other_sizes_do_not_move_the_images_that_are_compared(tmp_path: Path, copied: Path) -> None:
    (copied / "small.jpg").unlink()
    for path in copied.iterdir():
        if path.stem not in ("coffee", "rocket"):
            path.unlink()
    built = preparation.prepare(copied, scale=4, lmdb=True, copies="classsr", root=tmp_path / "data", jobs=1)
    shutil.copytree(copied, other := tmp_path / "other")
    found = section(parsed(report_page(built, against=[other], images=0, jobs=1)), "copies")
    [body] = found.all("tbody")
    assert [row.all("bdi")[0].text for row in body.all("tr")] == ["coffee", "rocket"]


def test_how_to_get_the_test_sets_that_are_not_here(page: Element, prepared: Path) -> None:
    copies = section(page, "copies")
    for title in ("Set5", "Set14", "Urban100", "B100"):
        assert title in copies.text
    assert f"--root {prepared.parent}" in copies.one("pre").text


def test_a_folder_without_images_is_refused(tmp_path: Path, prepared: Path) -> None:
    with pytest.raises(UsageError, match="no prepared set and holds no images"):
        report_page(prepared, images=0, against=[tmp_path], jobs=1)


# What people wrote


def test_names_and_texts_of_others_stay_text(hostile: Element) -> None:
    body = hostile.one("body")
    assert EVIL[1] in hostile.one("head").one("title").text
    assert body.one("h1").text == EVIL[1]
    assert [row.all("td")[1].text for row in section(hostile, "quarantine").one("tbody").all("tr")] == EVIL
    pairs = section(hostile, "pairs").all("button")
    assert [one.attributes["data-title"] for one in pairs] == EVIL
    assert {one.one("span", class_="note").text for one in pairs} == {EVIL[0]}
    [texts, _] = figures(section(hostile, "draws"), "1 ")
    assert EVIL[1] in texts.one("figcaption").text
    assert {one.text for one in texts.all("bdi")} == set(EVIL)
    assert EVIL[0] in section(hostile, "load").text
    for name in ("svg", "b"):
        assert not [one for one in body.all(name) if "onload" in one.attributes]
    assert len(hostile.all("script")) == 1


def test_code_with_hostile_names_is_still_what_it_says(hostile: Element) -> None:
    python, shell = (one.text for one in section(hostile, "load").all("pre"))
    compile(python, "page", "exec")
    assert f"split={EVIL[0]!r}" in python
    assert "explain" in shell


def test_html_is_escaped_unless_it_is_html() -> None:
    assert el("p", "<&>\"'", Html("<br>"), None, 3) == "<p>&lt;&amp;&gt;&quot;&#x27;<br>3</p>"
    assert el("img", alt='">', hidden=True, class_="a", data_x=1, title=None) == (
        '<img alt="&quot;&gt;" hidden class="a" data-x="1">'
    )
    assert "<td>&lt;i&gt;</td>" in table(["<b>"], [["<i>"]])


# How it is asked for


def test_the_code_of_the_page_loads_the_set(page: Element) -> None:
    python = section(page, "load").all("pre")[0].text
    scope: dict[str, Any] = {}
    exec(compile(python.replace('"cuda"', '"cpu"'), "page", "exec"), scope)  # our own page
    assert scope["batch"].hr.shape == torch.Size([5, 3, 192, 192])
    assert scope["batch"].lr.shape == torch.Size([5, 3, 48, 48])


def test_licence_and_citation_are_those_of_the_manifest(page: Element, tmp_path: Path, copied: Path) -> None:
    licence = section(page, "licence").text
    assert "public domain and CC0" in licence
    assert "PeerJ 2:e453" in licence
    assert "may be passed on" in licence
    built = preparation.prepare(copied, scale=4, root=tmp_path, jobs=1)
    own = section(parsed(report_page(built, images=1, jobs=1)), "licence").text
    assert "Nothing is known of the rights" in own


def test_images_that_were_left_out_are_listed(tmp_path: Path, copied: Path) -> None:
    (copied / "cut.png").write_bytes((copied / "coffee.png").read_bytes()[:1000])
    built = preparation.prepare(copied, scale=4, lmdb=True, root=tmp_path, skip_bad=True, jobs=1)
    [row] = section(parsed(report_page(built, images=0, jobs=1)), "quarantine").one("tbody").all("tr")
    key, reason = (one.text for one in row.all("td"))
    assert key == "cut"
    assert "damaged image" in reason


def test_the_command_writes_the_page(
    tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["report", str(prepared), "--images", "2", "--jobs", "1"]) == 0
    assert capsys.readouterr().out == "shown.html\n"
    assert Path("shown.html").read_text() == report_page(prepared, images=2, jobs=1)
    written = write_report(prepared, "other/page.html", images=2, jobs=1)
    assert written.read_bytes() == Path("shown.html").read_bytes()


def test_published_lr_at_a_broken_scale(tmp_path: Path) -> None:
    scale = Scale(1.5)
    pairs = position_pairs(scale, [(90, 120), (48, 48), (3, 6)])
    page = parsed(report_page(write_shards(tmp_path / "set", pairs, scale), jobs=1))
    assert "LR was published with the data set" in section(page, "draws").text
    assert "published LR" in page.one("ul", class_="words").text
    for tile, (lr, hr) in zip(page.all("button", class_="tile"), pairs.values(), strict=True):
        assert np.array_equal(pixels(tile.one("img", data_layer="hr")), hr)
        assert np.array_equal(pixels(tile.one("img", data_layer="x1.5")), lr)


def test_layouts_without_whole_images_are_refused(tmp_path: Path) -> None:
    built = preparation.prepare("sample", scale=4, layout="basicsr", root=tmp_path, jobs=1)
    with pytest.raises(SetError, match="keeps no index of whole images"):
        report_page(built)
