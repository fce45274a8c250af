"""Conditions over scores: read as Python reads them, judged as Python judges them, and nothing else run."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from srdata.common.conditions import Condition, read_condition
from srdata.curation.unmet_parts import unmet_parts
from srdata.errors import UsageError

NUMBERS, FLAGS = ("blockiness", "laplacian", "noise"), ("duplicate", "leaked")


def read(text: str) -> Condition:
    return read_condition(text, NUMBERS, FLAGS)


def any_condition(rng: random.Random, depth: int = 0) -> str:
    kind = rng.choice(["compare", "chain", "flag"] + ["and", "or", "not"] * (depth < 3))
    if kind == "flag":
        return rng.choice(FLAGS)
    if kind == "not":
        return f"not ({any_condition(rng, depth + 1)})"
    if kind in ("and", "or"):
        parts = [f"({any_condition(rng, depth + 1)})" for _ in range(rng.randint(2, 3))]
        return f" {kind} ".join(parts)
    names = [rng.choice(NUMBERS), str(rng.randint(-3, 3)), rng.choice(NUMBERS)][: 2 + (kind == "chain")]
    ops = [rng.choice(["<", "<=", ">", ">=", "==", "!="]) for _ in names[1:]]
    return "".join(part for pair in zip(names, [*ops, ""], strict=True) for part in pair)


@pytest.mark.parametrize("seed", range(40))
def test_a_condition_holds_where_python_says_so(seed: int) -> None:
    rng = random.Random(seed)
    text = any_condition(rng)
    rows = [
        {name: rng.randint(-3, 3) for name in NUMBERS} | {name: rng.random() < 0.5 for name in FLAGS}
        for _ in range(20)
    ]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    expected = [bool(eval(text, {}, row)) for row in rows]  # noqa: S307  # of a text that is made here
    condition = read(text)
    assert condition.holds(columns).tolist() == expected
    assert [not why for why in unmet_parts(condition, columns, len(rows))] == expected
    again = read(condition.text)  # the one spelling means the same, and is its own
    assert again.text == condition.text
    assert again.holds(columns).tolist() == expected


def test_one_choice_has_one_spelling() -> None:
    spellings = ["blockiness<30 and not duplicate", " blockiness  < 30.0\nand (not(duplicate)) "]
    assert {read(text).text for text in spellings} == {"blockiness < 30 and not duplicate"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "laplacian > 1 and blokiness < 3",
            "column 19: unknown score 'blokiness', did you mean 'blockiness'?",
        ),
        ("laplacian", "column 1: laplacian is a number: compare it, as laplacian > 0"),
        ("duplicate > 1", "column 1: duplicate is so or not: write duplicate, or not duplicate"),
        ("blockiness < 30 and", "column 20: 'blockiness < 30 and' cannot be read there"),
        ("é < 1", "column 1: unknown score 'é'"),
        ("leaked and é < 1", "column 12: unknown score 'é'"),
        ("", "column 1: '' cannot be read there"),
        ("1 < 2", "column 1: compares numbers alone"),
        ("laplacian in (1, 2)", "column 14: there must be a number or the name of a score"),
        ("laplacian is 1", "column 1: Is is no comparison of numbers"),
        ("laplacian < True", "column 13: there must be a number"),
        ("laplacian < '1'", "column 13: there must be a number"),
        ("laplacian + 1 < 3", "column 1: there must be a number"),
        ("__import__('os').system('true')", "column 1: write comparisons"),
        ("(lambda: 1)()", "column 1: write comparisons"),
        ("[x for x in laplacian]", "column 1: write comparisons"),
        ("laplacian.real < 1", "column 1: there must be a number"),
        ("(laplacian := 1) < 2", "column 2: there must be a number"),
        ("f'{laplacian}' < 2", "column 1: there must be a number"),
        ("(" * 300 + "leaked" + ")" * 300, "cannot be read"),
        ("not " * 600 + "leaked", "the condition has 2406 letters, more than 2000"),
        ("laplacian < 1\0", "cannot be read"),
        ("laplacian < 1  # and\nnot leaked", "column 15: a condition has no comments"),
        ("laplacian < 1e999", "column 13: numbers go to 1e+300: write a smaller one"),
        ("laplacian > -1" + "0" * 400, "column 14: numbers go to 1e+300"),
    ],
)
def test_what_is_not_of_the_language_is_refused_where_it_stands(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=r"column|the condition") as refused:
        read(text)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_row_without_a_number_is_left_out_and_says_which() -> None:
    columns = {"laplacian": np.array([1.0, math.nan]), "duplicate": np.array([True, False])}
    why = unmet_parts(read("not (laplacian > 2) and not duplicate"), columns, 2)
    assert why == ["duplicate", "laplacian cannot be told"]
