"""`srdata curate`: what it prints, and the page that it writes, in a real browser too."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from srdata.cli import cli
from srdata.errors import SourceError
from srdata.preparation import prepare
from srdata.recipes.read_recipe import read_set_recipe
from srdata.report import curate_source, write_report
from tests.browser import Browser, find_browser
from tests.reporting import parsed


@pytest.fixture(scope="module")
def pictures(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five photographs, one of them saved again with a low quality, a small copy, and a damaged file."""
    folder = tmp_path_factory.mktemp("curate") / "pictures"
    folder.mkdir()
    for path in photographs.iterdir():
        if path.suffix in (".png", ".jpg"):
            Image.open(path).crop((40, 40, 240, 240)).save(folder / f"{path.stem}.png")
    Image.open(folder / "rocket.png").save(folder / "low.jpg", quality=10)
    Image.open(folder / "coffee.png").resize((120, 120)).save(folder / "copy.png")
    (folder / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder


def brightness(image: np.ndarray) -> float:
    return float(image.mean())


def curated(pictures: Path, out: Path, *options: str) -> list[str]:
    command = ["curate", str(pictures), "--jobs", "1", "--out", str(out), *options]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [line for line in done.output.splitlines() if not line.startswith("scores in")]


def test_it_says_what_each_part_leaves_out_and_what_to_put_into_a_recipe(
    pictures: Path, tmp_path: Path
) -> None:
    where = "blockiness < 30 and laplacian > 80 and not duplicate"
    lines = curated(pictures, tmp_path / "page.html", "--where", where)
    assert lines[0] == "the condition is met by 5 of 7 images"
    assert re.sub(" +", " ", lines[1]) == " 1 not meeting blockiness < 30, 1 of them meeting all else"
    assert re.sub(" +", " ", lines[3]) == " 1 not meeting not duplicate, 1 of them meeting all else"
    assert lines[4].startswith("cannot be read: bad: ")
    assert lines[-2] == f"where: {where}"
    assert lines[-1] == f"srdata prepare {pictures} --where '{where}'"
    bright = f"bright={__name__}:brightness"
    lines = curated(pictures, tmp_path / "page.html", "--where", "bright > 60", "--score", bright)
    assert lines[-2:] == [
        f'scores: {{"bright": "{__name__}:brightness"}}',
        f"srdata prepare {pictures} --where 'bright > 60' --score {bright}",
    ]
    (pictures / "bad.png").rename(tmp_path / "bad.png")
    built = prepare(pictures, scale=4, lmdb=True, root=tmp_path, jobs=1, where=where)
    (tmp_path / "bad.png").rename(pictures / "bad.png")
    assert built.content.counts == {"train": 5}
    report = write_report(built, tmp_path / "report.html", images=0, jobs=1).read_text()
    section = report[report.index('id="choice"') :]
    for told in (f"where: {where}", "5 of 7 images taken", "duplicate of coffee", "taken: 5", "left out: 2"):
        assert told.replace("<", "&lt;").replace(">", "&gt;") in section


def test_the_page_shows_the_images_beside_each_threshold(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    curated(pictures, out, "--where", "blockiness < 30 and 50 < laplacian < 9000 and not duplicate")
    page = out.read_text()
    parsed(page)
    thresholds = page[page.index('id="thresholds"') : page.index('id="alike"')]
    for number in ("blockiness 30", "laplacian 50", "laplacian 9000"):
        assert f"<h3>{number}" in thresholds
    below = thresholds[thresholds.index("just below 30") : thresholds.index("just above, or equal 30")]
    above = thresholds[thresholds.index("just above, or equal 30") : thresholds.index("<h3>laplacian 50")]
    assert below.count("<img") == 6
    assert above.count("<img") == 1
    assert 'alt="low"' in above
    assert "copy" in page[page.index('id="alike"') : page.index('id="scores"')]
    curated(pictures, out)  # over its own page, and by the condition to begin with
    other = tmp_path / "mine.html"
    other.write_text("mine")
    done = CliRunner().invoke(cli, ["curate", str(pictures), "--out", str(other)])
    assert "is there already" in str(done.exception)
    assert other.read_text() == "mine"


@pytest.mark.skipif(find_browser() is None, reason="needs a Chromium")
def test_a_browser_shows_it_without_a_complaint(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    curated(pictures, out)
    with Browser(str(find_browser())) as browser:
        for width in (1280, 400):
            browser.open(out, width, 900)
            assert browser.run("document.documentElement.scrollWidth") <= width
            broken = "[...document.images].filter(one => one.complete && !one.naturalWidth).length"
            assert browser.run(broken) == 0
            assert Image.open(io.BytesIO(browser.picture())).size[0] == width
        assert not [event for event in browser.events if event["method"] == "Log.entryAdded"]


def test_a_folder_that_changes_meanwhile_is_told(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey = curate_source.survey

    def and_another(*arguments: object) -> object:
        found = survey(*arguments)  # type: ignore[arg-type]
        (pictures / "late.png").write_bytes((pictures / "coffee.png").read_bytes())
        return found

    monkeypatch.setattr(curate_source, "survey", and_another)
    try:
        with pytest.raises(SourceError, match=r"1 image came or went, such as late; run the same command"):
            list(curate_source.curate(read_set_recipe(pictures), "p", tmp_path / "page.html", jobs=1))
    finally:
        (pictures / "late.png").unlink(missing_ok=True)
    assert not (tmp_path / "page.html").exists()


def test_images_too_small_for_a_score_have_a_page_too(tmp_path: Path) -> None:
    tiny = tmp_path / "tiny"
    tiny.mkdir()
    for number in range(2):
        Image.new("RGB", (9, 9), (0, number, 255)).save(tiny / f"{number}.png")
    lines = curated(tiny, tmp_path / "page.html", "--where", "blockiness < 30", "--images", "alpha=drop")
    assert lines[0] == "the condition is met by 0 of 2 images"
    assert "cannot be told of any of these images" in (tmp_path / "page.html").read_text()
    assert lines[-1] == f"srdata prepare {tiny} --where 'blockiness < 30' --images alpha=drop"
