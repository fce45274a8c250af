"""accelerate in mixed precision: `prepare` takes the loader as a DataLoader, `save_state` keeps its place."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from loop_parts import loss_of, network, options, pairs


class Steps:
    """How many were taken, in the checkpoint as well."""

    def __init__(self) -> None:
        self.taken = 0

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.taken = state["taken"]


def main(arguments: Sequence[str] | None = None) -> None:
    args = options(__doc__ or "", arguments)
    accelerator, steps = Accelerator(cpu=args.device == "cpu", mixed_precision="bf16"), Steps()
    loader = pairs(args)
    model: Any = network(args, loader)
    if args.compile:
        model = torch.compile(model, backend=args.compile)
    optimiser = torch.optim.Adam(model.parameters(), 1e-3)
    model, optimiser, batches = accelerator.prepare(model, optimiser, loader.as_dataloader())
    accelerator.register_for_checkpointing(steps)
    if args.checkpoint.exists():
        accelerator.load_state(str(args.checkpoint))
    part = args.checkpoint.with_name(f"{args.checkpoint.name}.part")
    while steps.taken < args.steps:
        for batch in batches:
            with accelerator.autocast():
                loss = loss_of(model, batch.lr, batch.hr)
            optimiser.zero_grad()
            accelerator.backward(loss)
            optimiser.step()
            steps.taken += 1
            if steps.taken % args.save_every == 0 or steps.taken == args.steps:
                accelerator.print(f"step {steps.taken}: loss {loss.item():.4f}", flush=True)
                accelerator.save_state(str(part))
                accelerator.wait_for_everyone()
                if accelerator.is_main_process:  # the old one goes when the new one is whole
                    shutil.rmtree(args.checkpoint, ignore_errors=True)
                    part.rename(args.checkpoint)
                accelerator.wait_for_everyone()
            if steps.taken == args.steps:
                break
    accelerator.end_training()


if __name__ == "__main__":
    main()
