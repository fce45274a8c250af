"""Trains in one of several processes, as `torchrun` starts them, and writes down which images it was given.

python -m torch.distributed.run --nproc-per-node 2 tests/distributed_loops.py OUT LOOP=SET ...
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from srdata import Loader, PairedDataset
from srdata.data import StreamedPairs
from srdata.errors import UsageError

BATCH = 4
_NUMBERS = count()


def loader_of(path: Path) -> Loader:
    return Loader(PairedDataset(path, windows=True, patch_size=48), BATCH, seed=2)


@contextmanager
def process_group() -> Iterator[None]:
    """A group of all ranks for one loop; they meet at a file, as the store of torchrun knows one group."""
    file = Path(sys.argv[1], f"group-{next(_NUMBERS)}").absolute()
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.distributed.init_process_group("gloo", f"file://{file}", rank=rank, world_size=ranks)
    yield
    torch.distributed.destroy_process_group()


def before_the_group(path: Path) -> dict[str, Any]:
    run = os.environ.pop("TORCHELASTIC_RUN_ID")  # as where something else than torchrun starts the ranks
    loader = loader_of(path)
    alone = len(loader)
    with process_group():
        found = {"keys": [list(batch.keys) for batch in loader], "alone": alone, "length": len(loader)}
    os.environ["TORCHELASTIC_RUN_ID"] = run
    of_ranks = re.compile(r"MASTER_|TORCHELASTIC_|(\w+_)?(RANK|WORLD_SIZE)$|ROLE_")
    return {**found, "environment": [name for name in os.environ if of_ranks.match(name)]}


def stream_before_the_group(path: Path) -> dict[str, Any]:
    data = StreamedPairs(path, patch_size=8)
    batches = DataLoader(data, BATCH, num_workers=1, multiprocessing_context="spawn")
    found = []
    with process_group():
        for batch in batches:
            torch.distributed.all_reduce(torch.ones(1))  # which waits for ever where the other has fewer
            found.append(batch["key"])
    return {"keys": found}


def loader_of_a_stream(path: Path) -> dict[str, Any]:
    """The beginning of an epoch, and its rest by a loader that goes on in larger batches."""
    loader = Loader(StreamedPairs(path, patch_size=8, crops=2), BATCH, seed=2)
    with process_group():
        batches = iter(loader)
        taken = [list(next(batches).keys) for _ in range(3)]
        again = Loader(StreamedPairs(path, patch_size=8, crops=2), 2 * BATCH, seed=2)
        again.load_state_dict(loader.state_dict())
        return {"taken": taken, "rest": [list(batch.keys) for batch in again]}


def accelerate(path: Path) -> dict[str, Any]:
    """With gradients of three batches added up, as the end of an epoch of a DataLoader ends that."""
    from accelerate import Accelerator

    loader = loader_of(path)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
    model, batches = accelerator.prepare(nn.Conv2d(3, 3, 1), loader.as_dataloader())
    found, steps = [], []
    for batch in batches:
        with accelerator.accumulate(model):
            accelerator.backward(model(batch["hr"]).mean())
            steps.append(accelerator.sync_gradients)
        found.append(list(batch.keys))
    return {"keys": found, "steps": steps, "length": len(batches)}


def accelerate_stream(path: Path) -> dict[str, Any]:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    batches = accelerator.prepare(DataLoader(StreamedPairs(path, patch_size=8), BATCH))
    try:
        return {"keys": [batch["key"] for batch in batches]}
    except UsageError as error:
        return {"error": str(error)}


def accelerate_stream_as_told(path: Path) -> dict[str, Any]:
    from accelerate import Accelerator
    from accelerate.utils import DataLoaderConfiguration

    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(dispatch_batches=False))
    data = StreamedPairs(path, patch_size=8, rank=0, world_size=1)
    return {"keys": [batch["key"] for batch in accelerator.prepare(DataLoader(data, BATCH))]}


def lightning(path: Path) -> dict[str, Any]:
    import lightning

    class Net(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 1)
            self.given: list[tuple[int, list[str]]] = []

        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            self.given.append((self.current_epoch, list(batch.keys)))
            loss = self.layer(batch.hr).mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    net = Net()
    ranks = int(os.environ.get("WORLD_SIZE", 1))
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=ranks,
        max_epochs=3,
        precision="bf16-mixed",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(net, loader_of(path))
    epochs = [[keys for epoch, keys in net.given if epoch == number] for number in range(3)]
    return {"keys": epochs[0], "epochs": epochs}


LOOPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    loop.__name__: loop
    for loop in (
        before_the_group,
        stream_before_the_group,
        loader_of_a_stream,
        accelerate,
        accelerate_stream,
        accelerate_stream_as_told,
        lightning,
    )
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    out, *loops = sys.argv[1:]
    rank = os.environ["RANK"]
    for name, path in (loop.split("=", 1) for loop in loops):
        found = LOOPS[name](Path(path))
        Path(out, f"{name}.{rank}").write_text(json.dumps(found))
    if torch.distributed.is_initialized():
        gc.collect()  # or a wrapped model keeps the group, whose threads then abort as the interpreter ends
        torch.distributed.destroy_process_group()
