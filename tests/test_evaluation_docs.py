"""The page of evaluation names every protocol and measure, and its examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from srdata.metrics import PROTOCOLS, evaluate_bicubic
from srdata.metrics.measures.measure_table import MEASURES, ROLES

PAGE = (Path(__file__).parents[1] / "docs" / "evaluation.md").read_text()
ROWS = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}
PUBLISHED = [row.strip("| ").split(" | ") for row in PAGE.splitlines() if row.startswith("| Set5 |")]


def test_every_protocol_measure_and_role_has_a_row_and_nothing_else_has() -> None:
    assert set(ROWS) == {*PROTOCOLS, *MEASURES, *ROLES}


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_row_says_what_a_protocol_does(name: str) -> None:
    assert PROTOCOLS[name].what in ROWS[name]
    assert PROTOCOLS[name].source in ROWS[name]


def test_numbers_of_the_page_are_those_of_set5(golden: Path, tmp_path: Path) -> None:
    assert len(PUBLISHED) == 3
    for _, scale, _, ours, _, *others in PUBLISHED:
        for protocol, told in zip(("drcn_y", "srcnn_y", "basicsr_y"), (ours, *others), strict=True):
            found = evaluate_bicubic("set5", scale, protocol, from_dir=golden / "set5", root=tmp_path)
            assert f"{found.psnr:.3f} / {found.ssim:.4f}" == told


def test_examples_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [python] = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    scope: dict[str, object] = {}
    exec(compile(python, "evaluation.md", "exec"), scope)  # our own page
    assert len(scope["result"].keys) == 5  # type: ignore[attr-defined]
