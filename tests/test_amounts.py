"""Numbers before nouns of the right form, and a search of the package's source for those that are not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import srdata
from srdata.common.wording.amounts import how_many, images_by_split

PACKAGE = Path(srdata.__file__).parent
NOUNS = (
    "augmentations batches benchmarks channels classes copies draws entries epochs files folders frames "
    "images items kernels keys layers lines numbers pairs parts problems records rows samples scales sets "
    "shards splits steps tiles values weights windows"
)
PLURAL = re.compile(
    rf" ((HR|LR|SR|more|new|other|stored|test|training|whole|\{{\}}) )?({NOUNS.replace(' ', '|')})\b"
)
VERB = re.compile(r" (are|do|have|were)\b")
ALLOWED = {  # what is no number, or never 1
    "{len(BENCHMARKS)} benchmarks",
    "{content.layout} files",
    "{info.frames} frames",
    "{len(kernels)} kernels",
    "{need.split} images",
    "{only.upper()} images",
    "{self.layout} files",
    "{width} samples",
}


def always_plural(source: str) -> Iterator[str]:
    """Values of f-strings that stand before a plural, or before the verb of one, though they may be 1."""
    for text in ast.walk(ast.parse(source)):
        if isinstance(text, ast.JoinedStr):
            for at, value in enumerate(text.values):
                if isinstance(value, ast.FormattedValue):
                    code, behind = ast.unparse(value.value), "".join(map(_shown, text.values[at + 1 :]))
                    takes_verb = isinstance(value.value, ast.Call) and code.startswith("how_many(")
                    pattern = VERB if takes_verb else PLURAL
                    if found := pattern.match(behind):
                        yield f"{{{code}}}{found.group()}"


def _shown(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else "{}"


def test_how_many() -> None:
    assert [how_many(number, "image") for number in (0, 1, 2, 1234)] == [
        "0 images",
        "1 image",
        "2 images",
        "1234 images",
    ]
    assert how_many(1234, "image", form=",") == "1,234 images"
    assert [how_many(number, "file is", "files are") for number in (1, 3)] == ["1 file is", "3 files are"]


def test_images_by_split() -> None:
    assert images_by_split({"train": 1}) == "1 train image"
    assert images_by_split({"train": 1, "validation": 1}) == "1 train, 1 validation images"
    assert images_by_split({"train": 0, "validation": 1}) == "0 train, 1 validation image"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f"{len(keys)} images in {place}"', ["{len(keys)} images"]),
        ('f"{done} of {total:,} HR images"', ["{total} HR images"]),
        (
            'log(f"{place}: {len(names)} "\n f"{side} images have none")',
            ["{len(names)} {} images", "{side} images"],
        ),
        ("f\"{how_many(count, 'shard')} are made anew\"", ["{how_many(count, 'shard')} are"]),
        ("f\"{how_many(count, 'shard is', 'shards are')} made anew, {how_many(1, 'image')} too\"", []),
        ('f"{place} holds images; part {number}/{count}: files"', []),
    ],
)
def test_what_the_search_finds(source: str, found: list[str]) -> None:
    assert [*always_plural(source)] == found


def test_no_number_stands_before_a_fixed_plural() -> None:
    """`how_many` of `srdata.common.wording` says "1 image"; a verb that changes too goes with the noun."""
    found = {
        what: f"{path.relative_to(PACKAGE)}: {what}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for what in always_plural(path.read_text(encoding="utf-8"))
    }
    assert not [found[what] for what in found.keys() - ALLOWED]
    assert not ALLOWED - found.keys(), "what is allowed has to be there"
