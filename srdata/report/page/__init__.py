"""One HTML file that shows a person what a prepared set is; it loads nothing from anywhere.

about             what a set is, its licence, what was left out, how to load it
charts            histograms as SVG
counts            images, windows and sizes by split
drawn_parameters  what was drawn for the images
duplicate_images  images that stand there twice, and those of test sets
frame             what every page has
hardest_windows   how hard the windows are, and which are at either end
html              HTML from values, escaped
pair_tiles        tiles of HR beside LR, and their viewer
pictures          pictures inside the page
taken_and_left    what was taken and what was left out, by the scores that chose
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srdata.common.files import write_file
from srdata.common.output_paths import check_output, starts_with
from srdata.common.progress import counted
from srdata.errors import given_path
from srdata.prepared.set_images import PreparedImages
from srdata.report.page import (
    about,
    counts,
    drawn_parameters,
    duplicate_images,
    hardest_windows,
    pair_tiles,
    taken_and_left,
)
from srdata.report.page.frame import Section, section, whole_page
from srdata.report.page.html import el
from srdata.report.page.pictures import within

_TITLE = "srdata report"
_is_page = starts_with(f"{_TITLE}</title>".encode(), 4096)
_PICTURES = 4_000_000  # letters of the page that are pictures of pairs; the rest is text and charts
_ENDS = 4  # windows, of the hardest and of the flattest


def write_report(
    path: str | Path,
    out: str | Path,
    *,
    images: int = 12,
    against: Sequence[str | Path] = (),
    jobs: int = -1,
) -> Path:
    """Write the page of the prepared set at `path` to the file `out`; see `report_page`.

    Raises UsageError where `out` is there and no such page, before any work.
    """
    out = given_path(out)
    check_output(out, ours=_is_page)
    page = report_page(path, images=images, against=against, jobs=jobs)
    write_file(out, page.encode("utf-8", "backslashreplace"))
    return out


def report_page(
    path: str | Path, *, images: int = 12, against: Sequence[str | Path] = (), jobs: int = -1
) -> str:
    """The page of the prepared set at `path`, as HTML of at most about 5 MB.

    It shows `images` of the set, evenly spread, and the hardest and flattest windows if they were scored; the
    more there are, the smaller the part of each that is shown. `against` are prepared sets or folders of
    images to search for in the set, besides the test sets that are prepared beside it; `jobs` processes read
    the images. The same set gives the same page. Raises SetError, UsageError for a folder without images,
    CorruptRecordError, ImageError.
    """
    prepared = PreparedImages(path)
    sheet, difficulty = _with_pictures(prepared, images)
    sections = [
        sheet,
        section("sizes", "Counts and sizes", counts.splits(prepared), *counts.sizes(prepared)),
        section("draws", "What was drawn", *drawn_parameters.distributions(prepared)),
        difficulty,
        section(
            "copies", "Duplicates and leakage", *duplicate_images.same(prepared, [*map(Path, against)], jobs)
        ),
        section("recipe", "Recipe and files", *about.identity(prepared), about.recipe(prepared.content)),
        section("choice", "Choice", *taken_and_left.choice(prepared)),
        section("quarantine", "Left out", *about.quarantine(prepared.content)),
        section("licence", "Licence", *about.licence(prepared.content)),
        section("load", "Loading it", *about.loading(prepared)),
    ]
    title = f"{prepared.content.name} · {_TITLE}"
    return whole_page(title, about.head(prepared), sections, pair_tiles.viewer())


def _with_pictures(prepared: PreparedImages, count: int) -> tuple[Section, Section]:
    """The contact sheet, and difficulty with its windows: they share the bytes for pictures."""
    ends = hardest_windows.ends(prepared, _ENDS)
    groups = [*ends.values(), pair_tiles.chosen(prepared, count)]
    parts = [one.part for group in groups for one in group]
    shown = iter(list(counted(within(prepared, parts, _PICTURES), "pictures", len(parts))))
    *ends_shown, sheet = (pair_tiles.tiles(group, [next(shown) for _ in group]) for group in groups)
    titled = [part for title, one in zip(ends, ends_shown, strict=True) for part in (el("h3", title), one)]
    lead = el("p", "HR on the left, LR on the right. Open a pair to compare.")
    return (
        section("pairs", "Pairs", lead, sheet),
        section("difficulty", "Difficulty", *hardest_windows.difficulty(prepared), *titled),
    )
