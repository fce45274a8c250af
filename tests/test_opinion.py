"""Mean opinion scores, by numbers worked out by hand."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from srdata.cli import run
from srdata.errors import MissingExtraError, UnknownNameError, UsageError
from srdata.metrics.mos import interval, mean_opinions, rater_bias, read_ratings, render_opinions

# Two methods, two images, three raters: the third is one point stricter than the others throughout.
RATINGS = """method,image,rater,score
ours,a,ann,5
ours,a,bob,5
ours,a,cyd,4
ours,b,ann,4
ours,b,bob,4
ours,b,cyd,3
bicubic,a,ann,2
bicubic,a,bob,2
bicubic,a,cyd,1
bicubic,b,ann,3
bicubic,b,bob,3
bicubic,b,cyd,2
"""


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    path = tmp_path / "ratings.csv"
    path.write_text(RATINGS)
    return path


def test_mean_and_interval_are_those_worked_out_by_hand(ratings: Path) -> None:
    ours, bicubic = mean_opinions(ratings)
    assert (ours.method, ours.ratings, bicubic.method) == ("ours", 6, "bicubic")
    assert ours.mos == pytest.approx(25 / 6)
    deviation = math.sqrt((2 * (5 - 25 / 6) ** 2 + 3 * (4 - 25 / 6) ** 2 + (3 - 25 / 6) ** 2) / 5)
    half = 2.570582 * deviation / math.sqrt(6)  # Student's t for 5 degrees, 97.5 %, from a printed table
    assert ours.high - ours.mos == pytest.approx(half, abs=1e-5)
    assert ours.mos - ours.low == pytest.approx(half, abs=1e-5)
    assert bicubic.mos == pytest.approx(13 / 6)


def test_a_strict_rater_is_corrected(ratings: Path) -> None:
    bias = rater_bias(read_ratings(ratings))
    assert bias == pytest.approx({"ann": 1 / 3, "bob": 1 / 3, "cyd": -2 / 3})
    ours, _ = mean_opinions(ratings)
    assert ours.unbiased_mos == pytest.approx(ours.mos), "all rated all, so that the means stay"
    deviation = math.sqrt(6 * 0.5**2 / 5)  # 14/3 three times and 11/3 three times
    half = 2.570582 * deviation / math.sqrt(6)
    assert ours.unbiased_high - ours.unbiased_mos == pytest.approx(half, abs=1e-5)
    assert ours.unbiased_high - ours.unbiased_low < ours.high - ours.low


def test_who_rated_what_matters_less_without_bias(ratings: Path) -> None:
    """The strict rater has not seen bicubic, which therefore looks 1/3 better beside ours; true is 2."""
    lines = [line for line in RATINGS.splitlines() if not line.startswith(("bicubic,a,cyd", "bicubic,b,cyd"))]
    ratings.write_text("\n".join(lines))
    ours, bicubic = mean_opinions(ratings)
    assert ours.mos - bicubic.mos == pytest.approx(25 / 6 - 10 / 4)
    assert rater_bias(read_ratings(ratings)) == pytest.approx({"ann": 1 / 6, "bob": 1 / 6, "cyd": -2 / 3})
    assert ours.unbiased_mos == pytest.approx((25 - 4 / 6 + 4 / 3) / 6)
    assert bicubic.unbiased_mos == pytest.approx((10 - 4 / 6) / 4)


def test_one_rating_has_no_interval() -> None:
    mean, low, high = interval([4.0])
    assert mean == 4
    assert math.isnan(low)
    assert math.isnan(high)


def test_the_command_prints_a_table(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "--ratings", str(ratings)]) == 0
    head, ours, bicubic, _, *bias = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "method",
        "ratings",
        "MOS",
        *["95", "%", "interval", "without", "bias", "95", "%", "interval"],
    ]
    assert ours.split() == ["ours", "6", "4.17", "3.38", "to", "4.96", "4.17", "3.59", "to", "4.74"]
    assert bicubic.startswith("bicubic        6   2.17")
    assert [one.split()[0] for one in bias] == ["rater", "ann", "bob", "cyd"]


def test_every_form_holds_the_opinions_and_the_bias(ratings: Path) -> None:
    first = mean_opinions(ratings)[0]
    bias = rater_bias(read_ratings(ratings))
    content = json.loads(render_opinions(ratings, "json"))
    assert (content["methods"][0], content["bias"]) == (asdict(first), bias)
    rows = list(csv.DictReader(io.StringIO(render_opinions(ratings, "csv"))))
    assert float(rows[0]["unbiased_mos"]) == first.unbiased_mos
    assert {row["rater"]: float(row["bias"]) for row in rows if row["rater"]} == bias
    assert f"| ours | 6 | {first.mos:.2f} |" in render_opinions(ratings, "markdown")
    with pytest.raises(UnknownNameError, match="'cvs', did you mean 'csv'"):
        render_opinions(ratings, "cvs")


def test_an_interval_that_is_not_known_is_no_number(ratings: Path) -> None:
    ratings.write_text("method,image,rater,score\nours,a,ann,4\n")
    assert "not known" in render_opinions(ratings)
    assert json.loads(render_opinions(ratings, "json"))["methods"][0]["low"] is None
    assert not any("nan" in render_opinions(ratings, form) for form in ("table", "csv", "json", "markdown"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("method,image,score\nours,a,5\n", "has no column rater: give method, image, rater, score"),
        ("method,image,rater,score\n", "holds no rating"),
        (
            RATINGS + "ours,c,ann,6\nours,c,bob,x\n",
            "line 14 has the score '6', not a number from 1 to 5; line 15",
        ),
        (RATINGS + "ours,c,ann,nan\n", "line 14 has the score 'nan'"),
        (RATINGS + ",c,ann,3\n", "line 14 lacks a method, image or rater"),
        (RATINGS + "ours,a,ann,3\n", "ann rated a of ours more than once"),
    ],
)
def test_every_wrong_line_is_named(ratings: Path, text: str, message: str) -> None:
    ratings.write_text(text)
    with pytest.raises(UsageError, match=message):
        mean_opinions(ratings)


def test_scipy_is_an_extra(ratings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtraError, match="needs scipy: run `pip install scipy`"):
        mean_opinions(ratings)
