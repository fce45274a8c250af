"""The results of every op, kept: a change of results must come with a new `version` of the op.

After raising a version, or adding an op or example, write the file anew: python tests/test_degrade_golden.py
"""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from degrade_examples import CASES, drawn, op_of, photographs

from srdata.degrade.numerics import backend

GOLDEN = Path(__file__).parent / "golden_ops.json"
SIDE = 20
SAMPLES_THAT_MAY_DIFFER = 0.01  # by one level, as vector units round in different ways
FOREIGN = {"avif", "jxl", "video", "webp"}  # made by codecs whose releases differ; their own tests judge them

KEPT = [case for case in CASES if case[0] not in FOREIGN]


def name_of_case(case: tuple[str, int]) -> str:
    return f"{case[0]} version {op_of(case).version} example {case[1]}"


def result(case: tuple[str, int]) -> np.ndarray:
    op = op_of(case)
    x = photographs(SIDE, SIDE, count=1)
    return backend.to_levels(backend.images(op.apply(x, drawn(op, 1, SIDE, SIDE, seed=5)))[0])


def packed(image: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(image).tobytes(), 9)).decode()
    return {"shape": list(image.shape), "data": data}


def unpacked(kept: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(kept["data"])), np.uint8).reshape(kept["shape"])


def difference(one: np.ndarray, other: np.ndarray) -> str:
    """What sets two results apart, or nothing."""
    if one.shape != other.shape:
        return f"shapes {one.shape} and {other.shape}"
    apart = np.abs(one.astype(int) - other)
    if apart.max() > 1 or (apart > 0).mean() > SAMPLES_THAT_MAY_DIFFER:
        return f"{(apart > 0).mean():.1%} of samples, by up to {apart.max()} levels"
    return ""


@pytest.mark.parametrize("case", KEPT, ids=lambda case: f"{case[0]}-{case[1]}")
def test_results_are_those_of_this_version(case: Any) -> None:
    kept = json.loads(GOLDEN.read_text()).get(name_of_case(case))
    assert kept, "no result is kept for this version; write the file anew as the docstring says"
    apart = difference(result(case), unpacked(kept))
    assert not apart, f"{case[0]} gives other results ({apart}): raise its version"


def test_nothing_is_kept_for_what_is_gone() -> None:
    assert set(json.loads(GOLDEN.read_text())) == {name_of_case(case) for case in KEPT}


def test_a_change_of_two_levels_is_seen() -> None:
    image = result(("gamma", 0))
    other = image.copy()
    other[0, 0, 0] ^= 2
    assert difference(image, image.copy()) == ""
    assert "2 levels" in difference(image, other)


if __name__ == "__main__":
    table = {name_of_case(case): packed(result(case)) for case in KEPT}
    GOLDEN.write_text(json.dumps(table, indent=0) + "\n")
