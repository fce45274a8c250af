"""The page about a set in a real browser: no complaint, nothing hostile runs, both sides move in step."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srdata import preparation
from srdata.report import write_report
from tests.browser import NAMES, Browser, find_browser
from tests.reporting import EVIL, write_hostile_set

PANES = """[...document.querySelectorAll(".pane")].map(pane => {
  const [box, image] = [pane.getBoundingClientRect(), pane.querySelector("img").getBoundingClientRect()];
  return {left: image.left - box.left, top: image.top - box.top, width: image.width, height: image.height,
          x: box.left, y: box.top, wide: box.width, high: box.height};
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed: apt-get install chromium")
    with Browser(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def sample(folder: Path) -> Path:
    """The page of the photographs at two scales."""
    built = preparation.prepare("sample", scale=[2, 4], lmdb=True, root=folder, jobs=1)
    return write_report(built, folder / "sample.html", images=3, jobs=1)


@pytest.fixture(scope="module")
def hostile(folder: Path, photographs: Path) -> Path:
    """The page of a set that tries to break out."""
    written = write_hostile_set(folder / "hostile", photographs)
    return write_report(written, folder / "hostile.html", jobs=1)


def sides(browser: Browser) -> list[dict[str, float]]:
    """Where both images lie in their panes, in screen pixels; they must lie alike."""
    one, other = browser.run(PANES)
    for name in ("left", "top", "width", "height"):
        assert one[name] == pytest.approx(other[name], abs=0.01), name
    return [one, other]


def view(browser: Browser, page: Path, tile: int = 0) -> None:
    """Open a page, and a pair of it by the keyboard."""
    browser.open(page)
    browser.run(f"document.querySelectorAll('.tile')[{tile}].focus()")
    browser.press("Enter")
    browser.wait("document.getElementById('viewer').open")


def screen(browser: Browser) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(browser.picture())).convert("RGB"))


@pytest.mark.parametrize("which", ["sample", "hostile"])
@pytest.mark.parametrize(("width", "dark"), [(360, False), (768, True), (1280, False)])
def test_it_opens_without_a_complaint_or_a_request(
    browser: Browser, request: pytest.FixtureRequest, which: str, width: int, dark: bool
) -> None:
    browser.open(request.getfixturevalue(which), width=width, dark=dark)
    assert browser.complaints() == []
    assert browser.requests() == []
    assert browser.run("document.documentElement.scrollWidth") <= width
    browser.run("document.querySelector('.tile').click()")
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("[...document.querySelectorAll('.pane')].every(one => one.clientHeight > 200)")
    sides(browser)
    assert browser.complaints() == []
    assert browser.requests() == []


def test_what_is_watched_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<meta charset=utf-8><p>x</p><script>console.error('seen'); setTimeout(() => nothing())</script>"
        "<img src='http://127.0.0.1:9/outside.png'>"
    )
    browser.open(page)
    complaints = " ".join(browser.complaints())
    assert "seen" in complaints
    assert "nothing is not defined" in complaints
    assert browser.requests() == ["http://127.0.0.1:9/outside.png"]


def test_nothing_hostile_runs(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    assert browser.run("document.title").startswith(EVIL[1])
    assert (
        browser.run("document.querySelectorAll('main script, main svg[onload], [onerror], [onfocus]').length")
        == 0
    )
    for number, key in enumerate(EVIL):
        view(browser, hostile, number)
        assert browser.run("document.getElementById('viewer-title').textContent") == key
        assert browser.run("document.querySelector('.pane img').alt") == f"HR of {key}"
        assert browser.complaints() == []


def test_the_policy_stops_what_would_run_or_load(browser: Browser, sample: Path) -> None:
    browser.open(sample)
    browser.run(
        """document.querySelector("main").insertAdjacentHTML("beforeend",
        `<img src="data:," onerror="window.ran = 1"><img src="http://127.0.0.1:9/x.png">`)"""
    )
    browser.run(
        "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 2'}))"
    )
    complaints = browser.complaints()
    assert browser.run("window.ran === undefined")
    assert len([one for one in complaints if "Content Security Policy" in one]) >= 3


def test_both_sides_zoom_and_move_in_step(browser: Browser, sample: Path) -> None:
    view(browser, sample)
    start, other = sides(browser)
    assert start["width"] <= start["wide"] + 0.01
    assert start["height"] <= start["high"] + 0.01
    browser.press("+")
    zoomed, _ = sides(browser)
    assert zoomed["width"] == pytest.approx(1.25 * start["width"], rel=1e-6)
    browser.press("ArrowRight")
    moved, _ = sides(browser)
    assert moved["left"] == pytest.approx(zoomed["left"] - 64, abs=0.01)
    assert moved["top"] == pytest.approx(zoomed["top"], abs=0.01)
    x, y = other["x"] + 200, other["y"] + 150
    browser.mouse("Pressed", x, y, button="left", buttons=1, clickCount=1)
    browser.mouse("Moved", x - 30, y + 20, button="left", buttons=1)
    browser.mouse("Released", x - 30, y + 20, button="left", clickCount=1)
    dragged, _ = sides(browser)
    assert dragged["left"] == pytest.approx(moved["left"] - 30, abs=0.01)
    assert dragged["top"] == pytest.approx(moved["top"] + 20, abs=0.01)
    browser.mouse("Moved", x, y)
    assert sides(browser)[0] == dragged, "a pointer that holds nothing moves nothing"
    browser.press("0")
    assert sides(browser)[0] == start


def test_the_wheel_zooms_about_the_pointer(browser: Browser, sample: Path) -> None:
    view(browser, sample)
    before, _ = sides(browser)
    x, y = 200.0, 150.0  # in the pane
    browser.mouse("Wheel", before["x"] + x, before["y"] + y, deltaX=0, deltaY=-400)
    after, _ = sides(browser)
    factor = after["width"] / before["width"]
    assert factor == pytest.approx(np.e, rel=1e-3)
    for place, side in ((x, "left"), (y, "top")):  # images lie at whole pixels of the screen
        assert place - after[side] == pytest.approx(factor * (place - before[side]), abs=(factor + 1) / 2)


def test_a_screen_pixel_is_a_stored_pixel(browser: Browser, sample: Path) -> None:
    """At 100 % HR is shown as it is, and each LR pixel as a square of the scale."""
    view(browser, sample)
    browser.press("1")
    browser.wait("[...document.querySelectorAll('.pane img')].every(one => one.complete)")
    shown, panes = screen(browser), sides(browser)
    sources = browser.run("[...document.querySelectorAll('.pane img')].map(one => one.src.split(',')[1])")
    for pane, source, factor in zip(panes, sources, (1, 4), strict=True):
        stored = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB"))
        large = stored.repeat(factor, 0).repeat(factor, 1)
        assert large.shape[:2] == (pane["height"], pane["width"])
        left, top = round(pane["x"] + pane["left"]), round(pane["y"] + pane["top"])
        part = slice(100, 300)
        assert np.array_equal(shown[top + 100 : top + 300, left + 100 : left + 300], large[part, part])


def test_keys_lead_from_pair_to_pair_and_out(browser: Browser, sample: Path) -> None:
    view(browser, sample, 1)
    titles = browser.run("[...document.querySelectorAll('.tile')].map(one => one.dataset.title)")
    for key, number in (("n", 2), ("n", 0), ("p", 2), ("P", 1)):
        browser.press(key)
        assert browser.run("document.getElementById('viewer-title').textContent") == titles[number]
        sides(browser)
    browser.press("Escape")
    browser.wait("!document.getElementById('viewer').open")
    assert browser.run("document.activeElement.dataset.title") == titles[1]


def test_another_layer_is_shown_at_the_same_place(browser: Browser, sample: Path) -> None:
    view(browser, sample)
    browser.press("+")
    before = sides(browser)
    source = "document.querySelectorAll('.pane img')[1]"
    assert browser.run(f"{source}.alt").startswith("LR x4")
    browser.run(
        """const layer = document.getElementById("viewer-layer"); layer.value = "x2";
        layer.dispatchEvent(new Event("change"))"""
    )
    assert browser.run(f"{source}.alt").startswith("LR x2")
    assert sides(browser) == before
    width, factor = browser.run(f"[{source}.naturalWidth, Number({source}.dataset.factor)]")
    assert factor == 2
    assert width == browser.run("document.querySelector('.tile img').naturalWidth") / 2
    browser.press("n")
    assert browser.run(f"{source}.alt").startswith("LR x2")


def test_buttons_do_what_keys_do(browser: Browser, sample: Path) -> None:
    view(browser, sample)
    start = sides(browser)[0]
    for button, key in (("in", "+"), ("out", "-"), ("full", "1"), ("fit", "0")):
        browser.run(f"document.querySelector('[data-do={button}]').click()")
        by_button = sides(browser)
        browser.press("0")
        browser.press(key)
        assert sides(browser)[0]["width"] == pytest.approx(by_button[0]["width"]), button
        browser.press("0")
        assert sides(browser)[0] == start
    browser.run("document.querySelector('[data-do=close]').click()")
    assert not browser.run("document.getElementById('viewer').open")
