"""Plain PyTorch in mixed precision, compiled if asked for; alone, or in several processes by torchrun."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from loop_parts import loss_of, network, options, pairs
from torch import distributed
from torch.nn.parallel import DistributedDataParallel


def save(path: Path, state: dict[str, Any]) -> None:
    """Whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    torch.save(state, part)
    part.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    args = options(__doc__ or "", arguments)
    device = args.device
    if several := distributed.is_torchelastic_launched():
        distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        device = f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" else device
    loader = pairs(args, device)
    model = network(args, loader).to(device)
    optimiser, step = torch.optim.Adam(model.parameters(), 1e-3), 0
    if args.checkpoint.exists():
        saved = torch.load(args.checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        loader.load_state_dict(saved["loader"])
        step = saved["step"]
    ready: Any = DistributedDataParallel(model) if several else model
    if args.compile:
        ready = torch.compile(ready, backend=args.compile)
    while step < args.steps:
        for batch in loader:  # every rank has its own batches, and as many as the others
            with torch.autocast(args.device, torch.bfloat16):
                loss = loss_of(ready, batch.lr, batch.hr)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            if (step % args.save_every == 0 or step == args.steps) and loader.rank == 0:
                print(f"step {step}: loss {loss.item():.4f}", flush=True)
                states = {"model": model, "optimiser": optimiser, "loader": loader}
                plain = {name: one.state_dict() for name, one in states.items()}
                save(args.checkpoint, {**plain, "step": step})
            if step == args.steps:
                break
    if several:
        distributed.barrier()  # until the first has saved
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
