"""The site of the docs: built without a warning, complete, and it loads nothing from elsewhere."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.copied import COPIED, RESULTS, linked
from docs.plots import with_plots
from docs.reference import PACKAGES, about, as_rst, without_bounds
from tests.browser import Browser, find_browser

REPOSITORY = Path(__file__).parents[1]
PAGES = ("index", "start", "degradations", "project/results", "reference/srdata.data", "reference/commands")


class Page(HTMLParser):
    """What a page loads by itself, and the places of it that have names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        address = found.get("src") or (found.get("href") if tag == "link" else None)
        if address:
            self.loaded.append(address)

    @property
    def from_elsewhere(self) -> list[str]:
        return [one for one in self.loaded if "//" in one.partition("?")[0] and not one.startswith("data:")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("furo")
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-E",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        "docs",
        str(out),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return out


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    assert len(pages) > 30
    assert not {str(path): page.from_elsewhere for path, page in pages.items() if page.from_elsewhere}
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert "@import" not in styles
    assert "url(http" not in styles.replace('"', "").replace("'", "")


@pytest.mark.slow
def test_a_browser_asks_for_files_alone_and_has_nothing_to_complain_of(site: Path) -> None:
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium here")
    with Browser(path) as browser:
        for name in PAGES:
            for width in (400, 1280):
                browser.open(site / f"{name}.html", width)
                assert browser.complaints() == []
                assert [one for one in browser.requests() if not one.startswith("file:")] == []
                assert browser.run("document.documentElement.scrollWidth") <= width, (name, width)


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_its_place(site: Path, package: str) -> None:
    found = {
        id.rpartition(".")[2]
        for one in PACKAGES
        for id in Page(page_of(site, one)).ids
        if id.startswith("srdata.")
    }
    assert set(importlib.import_module(package).__all__) <= found


def page_of(site: Path, package: str) -> str:
    return (site / "reference" / f"{package}.html").read_text()


def test_what_a_page_loads_from_elsewhere_is_found() -> None:
    text = (
        '<link href="//fonts.example/a.css"><script src="https://b.example/x.js"></script><img src="c.png">'
    )
    assert Page(text).from_elsewhere == ["//fonts.example/a.css", "https://b.example/x.js"]
    assert Page('<a href="https://example.org/">a link</a>').from_elsewhere == []


def test_blocks_of_docstrings_become_lists_of_what_they_name() -> None:
    lines = [
        "What it takes",
        "    data   pairs,",
        "           of images",
        "    seed   of crops",
        "That is all.",
    ]
    expected = [
        "What it takes",
        "",
        "`data`",
        "   pairs,",
        "   of images",
        "`seed`",
        "   of crops",
        "",
        "That is all.",
    ]
    assert list(as_rst(lines)) == expected


def test_blocks_that_name_nothing_stay_as_they_are() -> None:
    lines = ["A tree:", "", "    A", "    └── B  ─ of A"]
    assert list(as_rst(lines)) == ["A tree:", "", "", "::", "", "    A", "    └── B  ─ of A", ""]


def test_a_package_is_told_without_its_modules() -> None:
    assert about(["What it is.", "", "loader  epochs", "", ">>> import srdata"]) == ["What it is.", ""]


def test_links_lead_from_where_the_page_is_on_the_site() -> None:
    source = REPOSITORY / "CONTRIBUTING.md"
    text = "[a](docs/format.md#copies) [b](README.md) [c](examples) [d](https://example.org) [e](LICENSE)"
    assert linked(text, source, COPIED[source]) == (
        "[a](../format.md#copies) [b](../index.rst) c [d](https://example.org) [e](../../LICENSE)"
    )


def test_a_table_gets_bars_as_long_as_its_numbers() -> None:
    table = (
        "|  | per image | speed |\n| --- | --- | --- |\n| a & b | 2.0 s | 1.0× |\n| srdata | 0.5 s | 4.0× |\n"
    )
    plot, _, rest = with_plots(f"# A\n\n{table}").partition(table)
    assert rest == ""
    assert re.findall(r'width="(\d+)"', plot) == ["360", "90"]
    assert re.findall(r">([^<]+)</text>", plot) == ["a &amp; b", "2.0 s", "srdata", "0.5 s"]
    assert "less is better" in plot


def test_a_table_of_several_units_gets_none() -> None:
    table = "|  | per image |\n| --- | --- |\n| a | 2.0 s |\n| b | 5 ms |\n"
    assert with_plots(table) == table


def test_the_results_have_their_bars() -> None:
    assert with_plots(RESULTS.read_text()).count("<svg") >= 6


def test_signatures_are_without_bounds() -> None:
    given = "(low: typing.Annotated[float, Ge(1)] = 1.0, of: Annotated[dict[str, int], Any([1])] | None)"
    assert without_bounds(given) == "(low: float = 1.0, of: dict[str, int] | None)"
