"""Runs loops of examples/, alone or in several processes, and writes down how many steps each run took.

python -m torch.distributed.run --nproc-per-node 2 tests/run_loops.py SET OUT LOOP…

Each trains without a stop, and to another checkpoint with a stop in the middle of an epoch.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed

EXAMPLES = Path(__file__).parents[1] / "examples"
RUNS = (("whole", 14), ("parts", 7), ("parts", 14))  # of 10 steps an epoch alone, 5 in two processes
TINY = ("--patch_size=16", "--channels=4", "--batch_size=4", "--save_every=5", "--device=cpu")


def run(data: Path, out: Path, loop: str, *more: str) -> list[int]:
    """How many steps each of the runs of a loop took."""
    import loop_parts

    taken: list[int] = []
    plain = loop_parts.loss_of

    def counted(*given: Any) -> torch.Tensor:
        taken[-1] += 1
        return plain(*given)

    loop_parts.loss_of = counted
    try:
        main = runpy.run_path(str(EXAMPLES / f"{loop}.py"))["main"]
        for name, steps in RUNS:
            taken.append(0)
            main([*TINY, *more, f"--data={data}", f"--steps={steps}", f"--checkpoint={out / loop / name}"])
            if loop == "accelerate_loop":
                forget_accelerator()
    finally:
        loop_parts.loss_of = plain
    return taken


def forget_accelerator() -> None:
    """What the end of the process would do."""
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def keep_the_group() -> None:
    """One for all runs: under torchrun a process gets no second one."""
    begin = distributed.init_process_group

    def begin_once(*given: Any, **more: Any) -> None:
        if not distributed.is_initialized():
            begin(*given, **more)

    distributed.init_process_group = begin_once
    distributed.destroy_process_group = lambda *_: None


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_the_group()
    sys.path.insert(0, str(EXAMPLES))
    data, out, *loops = sys.argv[1:]
    found = {}
    for loop in loops:
        (Path(out) / loop).mkdir(parents=True, exist_ok=True)
        found[loop] = run(Path(data), Path(out), loop)
    (Path(out) / f"steps.{os.environ['RANK']}").write_text(json.dumps(found))
