"""The loops of examples/: each ends with the same weights, bit for bit, interrupted or not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import ranks
import run_loops
import safetensors.torch
import torch
from accelerate.state import AcceleratorState
from torch import Tensor

from srdata import prepare
from srdata.images import read_image, write_png

LOOPS = ("torch_loop", "accelerate_loop", "lightning_loop")
LONGEST = 100  # lines


@pytest.fixture(scope="module")
def prepared(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small parts of two photographs: an epoch is 40 crops."""
    folder = tmp_path_factory.mktemp("loops")
    for name in ("coffee", "chelsea"):
        write_png(
            folder / "few" / f"{name}.png", read_image(photographs / f"{name}.png")[100:148, 200:264].copy()
        )
    return prepare(folder / "few", scale=4, lmdb=True, root=folder, jobs=1).path


@pytest.fixture(autouse=True)
def new_accelerator() -> None:
    """accelerate keeps the settings of the first Accelerator of a process, which may be another test's."""
    AcceleratorState._reset_state(reset_partial_state=True)


def weights(checkpoint: Path) -> dict[str, Tensor]:
    """What a loop saved."""
    if (checkpoint / "model.safetensors").exists():
        return safetensors.torch.load_file(checkpoint / "model.safetensors")
    lightning = checkpoint / "last.ckpt"
    saved = torch.load(lightning if lightning.exists() else checkpoint, weights_only=True)
    return saved["state_dict" if lightning.exists() else "model"]  # type: ignore[no-any-return]


def check(out: Path, loop: str, steps: list[int]) -> None:
    assert steps == [14, 7, 7], "it goes on, and does not begin anew"
    whole, parts = (weights(out / loop / name) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(value, parts[name]) for name, value in whole.items())


@pytest.mark.filterwarnings("ignore")  # of Lightning's, accelerate's and torch.compile's own
@pytest.mark.parametrize(
    ("loop", "more"),
    [
        ("torch_loop", ["--compile=aot_eager"]),  # all of torch.compile but the C++, which takes a minute
        ("accelerate_loop", []),
        ("lightning_loop", []),
    ],
)
def test_a_loop_that_was_interrupted_ends_with_the_same_weights(
    loop: str, more: list[str], prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(loop.removesuffix("_loop"))
    monkeypatch.syspath_prepend(str(run_loops.EXAMPLES))
    (tmp_path / loop).mkdir()
    check(tmp_path, loop, run_loops.run(prepared, tmp_path, loop, *more))


@pytest.mark.linux
def test_in_two_processes(prepared: Path, tmp_path: Path) -> None:
    """All of them, in the same two processes of gloo: their start is what takes time."""
    pytest.importorskip("accelerate")
    pytest.importorskip("lightning")
    command = [sys.executable, "-W", "ignore", ranks.__file__, run_loops.__file__]
    paths = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [*command, str(prepared), str(tmp_path), *LOOPS],
        env={**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in range(2):
        steps = json.loads((tmp_path / f"steps.{rank}").read_text())
        for loop in LOOPS:
            check(tmp_path, loop, steps[loop])


@pytest.mark.parametrize("loop", [*LOOPS, "loop_parts"])
def test_a_loop_is_short(loop: str) -> None:
    assert len((run_loops.EXAMPLES / f"{loop}.py").read_text().splitlines()) < LONGEST


def test_commands_of_the_readme_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(run_loops.EXAMPLES))
    from loop_parts import options

    commands = re.findall(
        r"^    .*examples/(\w+_loop)\.py (.*)$", (run_loops.EXAMPLES / "README.md").read_text(), re.M
    )
    assert {loop for loop, _ in commands} == set(LOOPS)
    assert all(options("", words.split()).steps == 200 for _, words in commands)
