"""What an evaluation found: numbers for each image and their means, as a table, CSV, JSON or Markdown."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from srdata.common.wording.amounts import how_many
from srdata.errors import UnknownNameError

MEAN = "mean"
_WIDEST_NUMBER = 40  # characters, with a head such as the name of a function


@dataclass(frozen=True)
class Column:
    """One number for every image; `by` is the protocol or measure that defines it."""

    by: str
    quantity: str  # PSNR, SSIM, or the measure
    unit: str
    digits: int
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over images, of decibels too, as the field has it."""
        return math.fsum(self.values) / len(self.values)

    @property
    def title(self) -> str:
        """`PSNR (dB)`."""
        return f"{self.quantity} ({self.unit})" if self.unit else self.quantity

    def shown(self, value: float) -> str:
        """A value with the digits that are usual for it."""
        return f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class Definition:
    """What a protocol or a measure does, in a sentence, and where that is from."""

    name: str
    what: str
    source: str

    @property
    def told(self) -> str:
        """What it does and who uses it."""
        return f"{self.what} From {self.source}"


@dataclass(frozen=True)
class Evaluation:
    """The numbers of one set at one scale, with the definition of each."""

    title: str
    scale: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    definitions: tuple[Definition, ...]
    notes: tuple[str, ...] = ()

    @property
    def psnr(self) -> float:
        """Mean PSNR in dB under the first protocol."""
        return self.mean("PSNR")

    @property
    def ssim(self) -> float:
        """Mean SSIM under the first protocol that has it."""
        return self.mean("SSIM")

    def mean(self, quantity: str, by: str | None = None) -> float:
        """The mean of a quantity under a protocol (None: the first that has it); raises UnknownNameError."""
        for column in self.columns:
            if column.quantity == quantity and by in (None, column.by):
                return column.mean
        known = [f"{column.by} {column.quantity}" for column in self.columns]
        raise UnknownNameError.among("number", f"{by or ''} {quantity}".strip(), known)

    def render(self, form: str = "table") -> str:
        """The evaluation as text: `table`, `csv`, `json` or `markdown`; raises UnknownNameError."""
        return render([self], form)


def render(evaluations: Sequence[Evaluation], form: str = "table") -> str:
    """Several evaluations as one text, in JSON as an array; raises UnknownNameError."""
    if form not in FORMS:
        raise UnknownNameError.among("format", form, FORMS)
    return FORMS[form](evaluations)


def _table(evaluation: Evaluation) -> str:
    cells = _cells(evaluation)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_aligned(row, widths) for row in cells]
    return "\n".join([_heading(evaluation), *_told(evaluation), "", *lines])


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    """Numbers to the right; the first column, and one of sentences, to the left."""
    cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
    cells[0] = row[0].ljust(widths[0])
    if widths[-1] > _WIDEST_NUMBER:
        cells[-1] = row[-1]
    return "  ".join(cells).rstrip()


def _markdown(evaluation: Evaluation) -> str:
    head, *rows = _cells(evaluation)
    last = "---" if _is_summary(evaluation) else "---:"  # a sentence, or a number
    lines = [_row(head), _row(["---", *["---:"] * (len(head) - 2), last]), *map(_row, rows)]
    told = (f"- {one}" for one in _told(evaluation))
    return "\n".join([f"**{_heading(evaluation)}**", "", *told, "", *lines])


def _heading(evaluation: Evaluation) -> str:
    return f"{evaluation.title}, {evaluation.scale}, {how_many(len(evaluation.keys), 'image')}"


def _told(evaluation: Evaluation) -> list[str]:
    """What the numbers are, where that does not stand in their rows, and notes."""
    definitions = [] if _is_summary(evaluation) else evaluation.definitions
    return [
        *(f"{one.name}: {one.what}" for one in definitions),
        *(f"note: {one}" for one in evaluation.notes),
    ]


def _is_summary(evaluation: Evaluation) -> bool:
    """Whether means alone are shown: there are several protocols."""
    return sum(column.quantity == "PSNR" for column in evaluation.columns) > 1


def _cells(evaluation: Evaluation) -> list[list[str]]:
    """Head and rows: images and their mean, or the mean of each protocol and measure beside what it does."""
    columns = evaluation.columns
    if _is_summary(evaluation):
        rows = [[one.name, *_means(columns, one.name), one.told] for one in evaluation.definitions]
        return _without_empty([["mean of images", "PSNR (dB)", "SSIM", "value", "what, who uses it"], *rows])
    head = ["image", *(column.title for column in columns)]
    images = [
        [key, *(column.shown(column.values[number]) for column in columns)]
        for number, key in enumerate(evaluation.keys)
    ]
    return [head, *images, [MEAN, *(column.shown(column.mean) for column in columns)]]


def _means(columns: Sequence[Column], name: str) -> list[str]:
    own = {column.quantity: column.shown(column.mean) for column in columns if column.by == name}
    return [own.pop("PSNR", ""), own.pop("SSIM", ""), "".join(own.values())]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _without_empty(cells: list[list[str]]) -> list[list[str]]:
    """The columns in which a row says something."""
    kept = [number for number in range(len(cells[0])) if any(row[number] for row in cells[1:])]
    return [[row[number] for number in kept] for row in cells]


def _csv(evaluations: Sequence[Evaluation]) -> str:
    """A line for each number, with its definition."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["set", "scale", "image", "by", "quantity", "unit", "value", "what"])
    for evaluation in evaluations:
        what = {one.name: one.what for one in evaluation.definitions}
        for column in evaluation.columns:
            for key, value in zip((*evaluation.keys, MEAN), (*column.values, column.mean), strict=True):
                told = [key, column.by, column.quantity, column.unit, repr(value), what[column.by]]
                writer.writerow([evaluation.title, evaluation.scale, *told])
    return text.getvalue().rstrip("\n")


def _json(evaluations: Sequence[Evaluation]) -> str:
    contents = [_content(evaluation) for evaluation in evaluations]
    content = contents[0] if len(contents) == 1 else contents
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def _content(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "set": evaluation.title,
        "scale": evaluation.scale,
        "definitions": {one.name: {"what": one.what, "source": one.source} for one in evaluation.definitions},
        "means": [_number(column, column.mean) for column in evaluation.columns],
        "images": {
            key: [_number(column, column.values[number]) for column in evaluation.columns]
            for number, key in enumerate(evaluation.keys)
        },
        "notes": list(evaluation.notes),
    }


def _number(column: Column, value: float) -> dict[str, str | float]:
    finite = value if math.isfinite(value) else str(value)  # JSON has no infinity
    return {"by": column.by, "quantity": column.quantity, "unit": column.unit, "value": finite}


FORMS: dict[str, Callable[[Sequence[Evaluation]], str]] = {
    "table": lambda several: "\n\n".join(map(_table, several)),
    "csv": _csv,
    "json": _json,
    "markdown": lambda several: "\n\n".join(map(_markdown, several)),
}
