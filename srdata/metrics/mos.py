"""Mean opinion scores (MOS) of a file of ratings."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, TypeVar

from srdata.errors import MissingExtraError, UnknownNameError, UsageError, given_path

LOWEST, HIGHEST = 1.0, 5.0  # bad and excellent
CONFIDENCE = 0.95
COLUMNS = ("method", "image", "rater", "score")

Key = TypeVar("Key")


@dataclass(frozen=True)
class Rating:
    """What one rater said of one image that a method made."""

    method: str
    image: str
    rater: str
    score: float


@dataclass(frozen=True)
class Opinion:
    """The MOS of a method with its 95 % interval, as rated and without the bias of the raters."""

    method: str
    ratings: int
    mos: float
    low: float
    high: float
    unbiased_mos: float
    unbiased_low: float
    unbiased_high: float


def mean_opinions(path: str | Path) -> list[Opinion]:
    """The MOS of every method in a CSV file of method, image, rater and score (1–5), best first.

    The interval is mean ± t · s / √n over all ratings of a method, with Student's t where ITU-R BT.500 has
    1.96. The bias of a rater is the mean, over what they rated, of their score less the mean score of that
    image and method; it is taken off their scores (ITU-T P.913).

    Raises UsageError listing each line that is wrong, and MissingExtraError without scipy.
    """
    ratings = read_ratings(path)
    bias = rater_bias(ratings)
    raw = _by([(one.method, one.score) for one in ratings])
    unbiased = _by([(one.method, one.score - bias[one.rater]) for one in ratings])
    opinions = [
        Opinion(method, len(scores), *interval(scores), *interval(unbiased[method]))
        for method, scores in raw.items()
    ]
    return sorted(opinions, key=lambda one: -one.mos)


def rater_bias(ratings: Sequence[Rating]) -> dict[str, float]:
    """How much higher than all others together each rater scores."""
    rated = _by((_of(one), one.score) for one in ratings)
    means = {stimulus: fmean(scores) for stimulus, scores in rated.items()}
    away = _by([(one.rater, one.score - means[_of(one)]) for one in ratings])
    return {rater: fmean(differences) for rater, differences in away.items()}


def interval(scores: Sequence[float]) -> tuple[float, float, float]:
    """Mean and the ends of its 95 % interval; of a single score the ends are not known (NaN)."""
    mean = fmean(scores)
    if len(scores) < 2:
        return mean, math.nan, math.nan
    half = _student(len(scores) - 1) * stdev(scores) / math.sqrt(len(scores))
    return mean, mean - half, mean + half


def read_ratings(path: str | Path) -> list[Rating]:
    """The ratings of a CSV file; raises UsageError listing each line that is wrong."""
    path = given_path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(f"{path} has no column {', '.join(missing)}: give {', '.join(COLUMNS)}")
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read the ratings in {path}: {error}") from error
    read = [_rating(line, row) for line, row in rows]
    ratings = [one for one in read if isinstance(one, Rating)]
    problems = [*(one for one in read if isinstance(one, str)), *_twice(ratings)]
    if problems or not ratings:
        raise UsageError(f"{path}: {'; '.join(problems) or 'holds no rating'}")
    return ratings


def render_opinions(path: str | Path, form: str = "table") -> str:
    """`mean_opinions` of a file and the bias of its raters: `table`, `csv`, `json` or `markdown`.

    CSV and Markdown have empty cells, and JSON has null, for the ends of an interval that are not known.
    Raises what `mean_opinions` raises, and UnknownNameError.
    """
    opinions, bias = mean_opinions(path), rater_bias(read_ratings(path))
    if form not in FORMS:
        raise UnknownNameError.among("format", form, FORMS)
    return FORMS[form](opinions, bias)


def _table(opinions: Sequence[Opinion], bias: Mapping[str, float]) -> str:
    width = max(len("rater"), *map(len, bias))
    raters = (f"{rater:{width}}  {one:+5.2f}" for rater, one in bias.items())
    return "\n".join([opinion_table(opinions), "", f"{'rater':{width}}   bias", *raters])


def _csv(opinions: Sequence[Opinion], bias: Mapping[str, float]) -> str:
    """A line for each method, then one for each rater."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(field.name for field in fields(Opinion)), "rater", "bias"])
    writer.writerows([*map(_known, astuple(one)), "", ""] for one in opinions)
    writer.writerows([*[""] * len(fields(Opinion)), rater, one] for rater, one in bias.items())
    return text.getvalue().rstrip("\n")


def _json(opinions: Sequence[Opinion], bias: Mapping[str, float]) -> str:
    methods = [{name: _known(value, None) for name, value in asdict(one).items()} for one in opinions]
    return json.dumps({"methods": methods, "bias": bias}, indent=2, ensure_ascii=False, allow_nan=False)


def _markdown(opinions: Sequence[Opinion], bias: Mapping[str, float]) -> str:
    head = ["method", "ratings", "MOS", "low", "high", "MOS without bias", "low", "high"]
    methods = [[one.method, str(one.ratings), *map(_digits, astuple(one)[2:])] for one in opinions]
    raters = [[rater, f"{one:+.2f}"] for rater, one in bias.items()]
    return f"{_rows(head, methods)}\n\n{_rows(['rater', 'bias'], raters)}"


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    line = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, line, *rows))


def _digits(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _known(value: Any, else_: Any = "") -> Any:
    return else_ if isinstance(value, float) and math.isnan(value) else value


FORMS: dict[str, Callable[[Sequence[Opinion], Mapping[str, float]], str]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
}


def opinion_table(opinions: Sequence[Opinion]) -> str:
    """The opinions as a table."""
    width = max(len("method"), *(len(one.method) for one in opinions))
    lines = [f"{'method':{width}}  ratings   MOS  95 % interval   without bias  95 % interval"]
    for one in opinions:
        raw = f"{one.mos:5.2f}  {_between(one.low, one.high)}  "
        unbiased = f"{one.unbiased_mos:13.2f}  {_between(one.unbiased_low, one.unbiased_high)}"
        lines.append(f"{one.method:{width}}  {one.ratings:7}  {raw}  {unbiased}")
    return "\n".join(lines)


def _between(low: float, high: float) -> str:
    return "not known   " if math.isnan(low) else f"{low:.2f} to {high:.2f}"


def _rating(line: int, row: Mapping[str, str | None]) -> Rating | str:
    """A rating, or what is wrong with its line."""
    method, image, rater, text = ((row.get(name) or "").strip() for name in COLUMNS)
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    if not (method and image and rater):
        return f"line {line} lacks a method, image or rater"
    if not LOWEST <= score <= HIGHEST:
        return f"line {line} has the score {text!r}, not a number from {LOWEST:g} to {HIGHEST:g}"
    return Rating(method, image, rater, score)


def _twice(ratings: Iterable[Rating]) -> list[str]:
    counts = _by(((*_of(one), one.rater), one.score) for one in ratings)
    several = (stimulus for stimulus, scores in counts.items() if len(scores) > 1)
    return [f"{rater} rated {image} of {method} more than once" for method, image, rater in several]


def _of(rating: Rating) -> tuple[str, str]:
    return rating.method, rating.image


def _by(pairs: Iterable[tuple[Key, float]]) -> dict[Key, list[float]]:
    grouped: defaultdict[Key, list[float]] = defaultdict(list)
    for key, value in pairs:
        grouped[key].append(value)
    return grouped


def _student(freedom: int) -> float:
    """How many standard errors the 95 % interval reaches."""
    try:
        from scipy.stats import t
    except ImportError as error:
        raise MissingExtraError.of("scipy") from error
    quantile: Callable[[float, int], float] = t.ppf
    return float(quantile((1 + CONFIDENCE) / 2, freedom))
