"""The picture of a report page in the README: `python -m docs.screenshot`; it needs a Chromium."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from srdata.difficulty import classify
from srdata.preparation import prepare
from srdata.report import write_report
from tests.browser import Browser, find_browser

PICTURE = Path(__file__).parent / "images" / "report.jpg"
WIDTH, PAGE, VIEWER, GAP = 1280, 752, 560, 12  # pixels: of both, and the heights
QUALITY = 80
NAME = "sample-realesrgan-x4"
PAIR = 1  # that the viewer shows


def main() -> int:
    """Prepare the sample photographs, write their page, and keep a picture of it and of its viewer."""
    path = find_browser()
    if path is None:
        sys.stderr.write("no Chromium found: apt-get install chromium\n")
        return 1
    with tempfile.TemporaryDirectory() as folder, Browser(path) as browser:
        page = _page(Path(folder))
        shots = [_shot(browser, page, PAGE, ""), _shot(browser, page, VIEWER, _VIEW)]
    sheet = Image.new("RGB", (WIDTH, PAGE + GAP + VIEWER), "white")
    sheet.paste(shots[0], (0, 0))
    sheet.paste(shots[1], (0, PAGE + GAP))
    sheet.save(PICTURE, "JPEG", quality=QUALITY, optimize=True, subsampling="4:4:4")
    return 0


_VIEW = f"document.querySelectorAll('.tile')[{PAIR}].click(); zoomBy(1.5); move(20, -40)"


def _page(folder: Path) -> Path:
    built = prepare("sample", scale=4, lmdb=True, degradation="realesrgan-x4", root=folder, name=NAME)
    for by in ("psnr", "deviation"):
        classify(built, by, windows=(120, 60, 0))
    return write_report(built, folder / "page.html", images=4)


def _shot(browser: Browser, page: Path, height: int, script: str) -> Image.Image:
    browser.open(page, WIDTH, height)
    if script:
        browser.run(script)
    return Image.open(io.BytesIO(browser.picture())).convert("RGB")


if __name__ == "__main__":
    sys.exit(main())
