"""Pages of the site that lie elsewhere in the repository, and links that lead out of docs/."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from docs.notebooks import NOTEBOOKS, as_page
from docs.plots import with_plots

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "project"  # made anew by every build
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
INDEX = ROOT / "docs" / "index.rst"  # includes the README
COPIED = {  # and where each is on the site
    ROOT / "README.md": INDEX,
    ROOT / "CONTRIBUTING.md": FOLDER / "contributing.md",
    ROOT / "CHANGELOG.md": FOLDER / "changelog.md",
    ROOT / "examples" / "README.md": FOLDER / "examples.md",
    RESULTS: FOLDER / "results.md",
    ROOT / "benchmarks" / "README.md": FOLDER / "measuring.md",
}
SHOWN = {path: FOLDER / f"{path.stem}.md" for path in NOTEBOOKS}
_LINK = re.compile(r"\[([^\]\[]+)\]\(((?!https?:|mailto:|#)[^)\s#]+)(#[^)\s]*)?\)")


def write_copies() -> None:
    """Copy the pages, with links that fit their new place."""
    FOLDER.mkdir(exist_ok=True)
    for source, page in COPIED.items():
        copy = FOLDER / "readme.txt" if page == INDEX else page
        text = linked(source.read_text(), source, page)
        copy.write_text(with_plots(text) if source == RESULTS else text)
    for path, page in SHOWN.items():
        page.write_text(as_page(json.loads(path.read_text()), page.with_suffix("")))


def linked(text: str, source: Path, page: Path) -> str:
    """The text of `source` with links as the site has them on `page`; those to folders are left out."""

    def link(found: re.Match[str]) -> str:
        target = (source.parent / found[2]).resolve()
        if target.is_dir():
            return found[1]
        there = os.path.relpath((COPIED | SHOWN).get(target, target), page.parent)
        return f"[{found[1]}]({there}{found[3] or ''})"

    return _LINK.sub(link, text)
