"""A page to choose images by: histograms of scores, and the images just below and above each threshold."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdata.common.conditions import number_text
from srdata.common.files import write_file
from srdata.common.output_paths import check_output, starts_with
from srdata.curation.source_scores import SCORES
from srdata.curation.survey import Survey
from srdata.discovery.image_bytes import ImageFile, pixels_of
from srdata.images import ImagePolicy, Pixels
from srdata.report.page.charts import histogram
from srdata.report.page.frame import section, whole_page
from srdata.report.page.html import Html, code, definitions, el, name, table
from srdata.report.page.pictures import Picture, thumbnail
from srdata.report.sheets import middle

Numbers = NDArray[np.float64]

_TITLE = "srdata curate"
_is_page = starts_with(f"{_TITLE}</title>".encode(), 4096)
_FLAGS = {"test_images": "--test-images", "scores_folder": "--scores"}
_SIDE = 208  # of a picture, in pixels
_AT_ONCE = 6  # pictures on each side of a threshold
_PAIRS = 24  # of images that show the same
# Scores of what is only to be seen pixel by pixel: their pictures are the middle of the image as it is.
_CLOSE = frozenset({"laplacian", "blockiness", "block_steps", "noise", "aliasing", "jpeg_quality", "niqe"})


def check_choice_page(out: Path) -> None:
    """Raise UsageError where `out` is something else than such a page."""
    check_output(out, ours=_is_page)


def write_choice_page(found: Survey, source: str, policy: ImagePolicy, out: Path) -> Path:
    """Write the page of a survey to `out`; raises UsageError for a file that is not such a page."""
    check_choice_page(out)
    write_file(out, choice_page(found, source, policy).encode())
    return out


def choice_page(found: Survey, source: str, policy: ImagePolicy) -> str:
    """The page as HTML; the same survey gives the same page."""
    pictures = _Pictures(found, policy)
    sections = [
        section("where", "The choice", *_condition(found, source, policy)),
        section("thresholds", "Thresholds", *_thresholds(found, pictures)),
        section("alike", "Alike", *_alike(found, pictures)),
        section("scores", "All scores", *_scores(found, pictures)),
    ]
    if found.bad:
        rows = [[name(key), reason] for key, reason in found.bad.items()]
        sections.append(section("bad", "Not readable", table(["image", "why"], rows)))
    return whole_page(f"{source} · {_TITLE}", _head(found, source), sections)


def _head(found: Survey, source: str) -> Html:
    numbers = [
        ("images", f"{len(found.why):,}"),
        ("taken", f"{found.kept:,}"),
        ("left out", f"{len(found.why) - found.kept:,}"),
        ("not readable", f"{len(found.bad):,}"),
    ]
    return el(
        "header",
        el("p", "images to choose from", class_="kind"),
        el("h1", name(source)),
        definitions(numbers, class_="stats"),
    )


def where_lines(found: Survey, source: str, policy: ImagePolicy) -> tuple[str, str]:
    """The lines for a recipe, and the command that prepares what it leaves."""
    where, settings = found.condition.text, found.settings
    mappings = {"scores": settings.choice.own_scores, "weights": settings.weights or {}}
    paths = {"test_images": settings.test_images, "scores_folder": settings.scores_folder}
    read = policy.model_dump(mode="json", exclude_defaults=True)
    given = {name: value for name, value in {**mappings, **paths, "images": read}.items() if value}
    lines = [f"where: {where}", *(f"{name}: {json.dumps(value)}" for name, value in given.items())]
    options = [("--where", where)]
    options += [("--score", f"{name}={one}") for name, one in mappings["scores"].items()]
    options += [("--weights", f"{name}={one}") for name, one in mappings["weights"].items()]
    options += [("--images", f"{name}={one}") for name, one in read.items()]
    options += [(_FLAGS[name], path) for name, path in paths.items() if path]
    told = " ".join(f"{flag} {shlex.quote(value)}" for flag, value in options)
    return "\n".join(lines), f"srdata prepare {shlex.quote(source)} {told}"


def left_out_by(found: Survey) -> list[tuple[str, int, int]]:
    """Of each part of the condition: its text, how many images do not meet it, and how many nothing else."""
    parts = found.condition.parts
    names = found.condition.names
    columns = {name: found.flags[name] if name in found.flags else found.scores[name] for name in names}
    missed = np.array([~part.holds(columns) for part in parts])
    alone = missed.sum(0) == 1
    rows = zip(parts, missed, strict=True)
    return [(part.text, int(row.sum()), int((row & alone).sum())) for part, row in rows]


def _condition(found: Survey, source: str, policy: ImagePolicy) -> Iterator[Html]:
    yield el("p", "An image is taken where all of this holds:")
    yield code(found.condition.text)
    rows = [[code_word(text), f"{count:,}", f"{alone:,}"] for text, count, alone in left_out_by(found)]
    yield table(["condition", "images that do not meet it", "and nothing else"], rows, class_="numbers")
    yield el(
        "p", "Change it by --where, and look at this page again: the scores are kept, so that takes no time."
    )
    lines, command = where_lines(found, source, policy)
    yield el("p", "In a recipe, and as a command:")
    yield code(lines)
    yield code(f"{command} --scale 4 --lmdb")


def code_word(text: str) -> Html:
    """A word of code in a line."""
    return el("code", text)


def _thresholds(found: Survey, pictures: _Pictures) -> Iterator[Html]:
    bounds = found.condition.thresholds
    told = "A green frame: the image is taken; a red one: it is left out." if bounds else "It has no numbers."
    yield el("p", told, class_="note")
    for score, number in bounds:
        yield el("h3", f"{score} {number_text(number)}", el("span", _what(score), class_="note"))
        values = found.scores[score]
        yield _chart(score, values[_in_order(values)], f"threshold {number_text(number)}")
        below, above = _beside(values, number)
        for side, rows in (("just below", below[::-1]), ("just above, or equal", above)):
            yield el("h4", f"{side} {number_text(number)}")
            yield pictures.sheet(rows, score) if rows else el("p", "none", class_="note")


def _beside(values: Numbers, number: float) -> tuple[list[int], list[int]]:
    """The images whose scores are next below a number, nearest last, and next above, nearest first."""
    order = _in_order(values)
    below = int(np.searchsorted(values[order], number))
    return order[max(0, below - _AT_ONCE) : below].tolist(), order[below : below + _AT_ONCE].tolist()


def _in_order(values: Numbers) -> NDArray[np.int64]:
    """The images that have a score, from the lowest to the highest."""
    order: NDArray[np.int64] = np.argsort(values, kind="stable")
    return order[: len(values) - int(np.isnan(values).sum())]  # those without come last


def _alike(found: Survey, pictures: _Pictures) -> Iterator[Html]:
    rows = [row for row, why in enumerate(found.why) if why in ("duplicate", "leaked")]
    if not rows:
        yield el("p", "No image is left out for what it shows.", class_="good")
        return
    kept = {found.like[row] for row in rows[:_PAIRS]}
    places = {key: row for row, key in enumerate(found.keys) if key in kept}
    shown = [
        [
            pictures.image(row),
            *pictures.named(row),
            "shows the same as",
            *pictures.other(found.like[row], places),
        ]
        for row in rows[:_PAIRS]
    ]
    yield table(["left out", "image", "", "kept", "image"], shown, class_="copies")
    if len(rows) > _PAIRS:
        yield el("p", f"and {len(rows) - _PAIRS:,} more", class_="note")


def _scores(found: Survey, pictures: _Pictures) -> Iterator[Html]:
    for score in found.scores:
        yield el("h3", score, el("span", _what(score), class_="note"))
        values = found.scores[score]
        order = _in_order(values)
        yield _chart(score, values[order])
        if len(order) and values[order[0]] < values[order[-1]]:
            ends = (("lowest", order[:_AT_ONCE]), ("highest", order[: -_AT_ONCE - 1 : -1]))
            parts = [
                part for end, rows in ends for part in (el("h4", end), pictures.sheet(rows.tolist(), score))
            ]
            yield el("details", el("summary", "the images at either end"), *parts)


def _chart(score: str, values: Numbers, note: str = "") -> Html:
    if not len(values):
        return el("p", "cannot be told of any of these images", class_="note")
    return histogram(score, values, note)


def _what(score: str) -> str:
    return SCORES[score].what if score in SCORES else ""


class _Pictures:
    """Pictures of the images of a survey, each made once."""

    def __init__(self, found: Survey, policy: ImagePolicy) -> None:
        self._found = found
        self._keys = keys = found.keys
        files: Mapping[str, ImageFile] = found.files

        @lru_cache(maxsize=256)
        def picture(row: int, close: bool) -> Picture:
            image = pixels_of(files[keys[row]], policy)
            return thumbnail(_middle(image) if close else image, _SIDE)

        self._picture = picture

    def sheet(self, rows: Sequence[int], score: str) -> Html:
        """Images beside each other, each with its score; those that are left out are marked."""
        values = self._found.scores[score][rows].tolist()
        pairs = zip(rows, values, strict=True)
        return el("div", *(self._one(row, score, value) for row, value in pairs), class_="sheet")

    def _one(self, row: int, score: str, value: float) -> Html:
        picture = self._picture(row, score in _CLOSE)
        why = self._found.why[row]
        return el(
            "figure",
            el("img", src=picture.address, width=picture.width, height=picture.height, alt=self._keys[row]),
            el("figcaption", el("b", number_text(value)), name(self._keys[row])),
            class_="out" if why else "in",
            title=f"left out: {why}" if why else "taken",
        )

    def image(self, row: int) -> Html:
        """A small picture of an image."""
        picture = self._picture(row, close=False)
        return el("img", src=picture.address, width=picture.width // 2, height=picture.height // 2, alt="")

    def named(self, row: int) -> list[Html]:
        """The key of an image."""
        return [name(self._keys[row])]

    def other(self, key: str, places: dict[str, int]) -> list[Html | str]:
        """What an image shows the same as: another one of these, or one of a test set, which is not here."""
        if key not in places:
            return ["", name(key)]
        return [self.image(places[key]), *self.named(places[key])]


def _middle(image: Pixels) -> Pixels:
    """The middle of an image as it is, pixel by pixel."""
    rows, columns = (middle(side, _SIDE, 1) for side in image.shape[:2])
    return np.ascontiguousarray(image[rows, columns])
