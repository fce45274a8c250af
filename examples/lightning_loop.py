"""Lightning in mixed precision: the loader goes to `fit` as it is, and checkpoints hold where it stands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from loop_parts import loss_of, network, options, pairs
from torch import Tensor, nn


class Task(lightning.LightningModule):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: Any, number: int) -> Tensor:
        loss = loss_of(self.model, batch.lr, batch.hr)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 1e-3)


def main(arguments: Sequence[str] | None = None) -> None:
    args = options(__doc__ or "", arguments)
    loader = pairs(args)
    model: Any = network(args, loader)
    last = args.checkpoint / "last.ckpt"
    every = {"every_n_train_steps": args.save_every, "enable_version_counter": False}
    saving = ModelCheckpoint(last.parent, last.stem, **every)
    trainer = lightning.Trainer(
        accelerator=args.device,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", 1)),  # as many as torchrun starts here
        precision="bf16-mixed",
        max_steps=args.steps,
        callbacks=[saving],
        logger=False,
        use_distributed_sampler=False,  # ranks share the batches without it
    )
    task = Task(torch.compile(model, backend=args.compile) if args.compile else model)
    trainer.fit(task, loader, ckpt_path=last if last.exists() else None, weights_only=True)
    trainer.save_checkpoint(last)


if __name__ == "__main__":
    main()
