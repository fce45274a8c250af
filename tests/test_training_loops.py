"""Loaders inside the loops of torch, accelerate, Lightning and Fabric, with real processes of gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import distributed_loops
import pytest
import ranks
import torch
from pairs import write_shards
from tables import noise_pairs, table
from torch.utils.data import DataLoader

from srdata import Batch, Loader, PairedDataset
from srdata.data import Alternating, StreamedPairs
from srdata.data.loading.dataloader_form import LoaderBatches
from srdata.errors import UsageError
from srdata.scale import Scale
from srdata.store.windows import Windows

ROWS = 39


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = noise_pairs(10, 96, 96)
    return write_shards(tmp_path_factory.mktemp("set"), pairs, Scale(4), windows=Windows(size=48, step=48))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    for number, count in enumerate((20, 15, 4)):
        start = sum((20, 15, 4)[:number])
        part = dict(islice(noise_pairs(ROWS).items(), start, start + count))
        table(part).to_parquet(folder / f"train-{number:05d}.parquet")
    return folder


@pytest.fixture
def data(prepared: Path) -> PairedDataset:
    return PairedDataset(prepared, windows=True, patch_size=48)


Loops = dict[str, list[dict[str, Any]]]


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def by_ranks(folder: Path, start: tuple[str, ...], **loops: Path) -> Loops:
    """What each of two ranks of these loops wrote down, which run one after another in the same processes."""
    script = [distributed_loops.__file__, str(folder), *(f"{name}={path}" for name, path in loops.items())]
    paths = os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *start, *script],
        env={**os.environ, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {
        name: [json.loads((folder / f"{name}.{rank}").read_text()) for rank in range(2)] for name in loops
    }


@pytest.fixture(scope="module")
def plain(prepared: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Loops:
    """Loops that make their group themselves."""
    return by_ranks(
        tmp_path_factory.mktemp("plain"),
        TORCHRUN,
        before_the_group=prepared,
        stream_before_the_group=rows,
        loader_of_a_stream=rows,
    )


@pytest.fixture(scope="module")
def accelerated(prepared: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Loops:
    """Loops of accelerate, and of Lightning."""
    pytest.importorskip("accelerate")
    pytest.importorskip("lightning")
    return by_ranks(
        tmp_path_factory.mktemp("accelerated"),
        (ranks.__file__,),
        accelerate=prepared,
        accelerate_stream=rows,
        accelerate_stream_as_told=rows,
        lightning=prepared,
    )


def alone(data: PairedDataset, epochs: int = 1) -> list[list[list[str]]]:
    """The names of images in the batches of one process, epoch by epoch."""
    loader = Loader(data, distributed_loops.BATCH, seed=2)
    return [[list(batch.keys) for batch in loader] for _ in range(epochs)]


def in_turn(shares: list[list[list[str]]]) -> list[list[str]]:
    return [batch for step in zip(*shares, strict=True) for batch in step]


def test_a_loader_made_before_there_is_a_group(data: PairedDataset, plain: Loops) -> None:
    found = plain["before_the_group"]
    for rank, one in enumerate(found):
        assert set(ranks.settings(rank, 0)) <= set(one["environment"]), "what the other loops have too"
    assert in_turn([one["keys"] for one in found]) == alone(data)[0]
    assert [(one["alone"], one["length"]) for one in found] == [(10, 5), (10, 5)]


def test_a_stream_made_before_there_is_a_group(plain: Loops) -> None:
    found = plain["stream_before_the_group"]
    seen = Counter(key for one in found for batch in one["keys"] for key in batch)
    assert sorted(seen) == list(noise_pairs(ROWS))
    assert len({len(one["keys"]) for one in found}) == 1


def test_ranks_take_the_batches_of_a_stream_in_turn_and_go_on_with_larger_ones(
    rows: Path, plain: Loops
) -> None:
    found = plain["loader_of_a_stream"]
    loader = Loader(StreamedPairs(rows, patch_size=8, crops=2), 1, seed=2)
    alone = [key for batch in loader for key in list(batch.keys)]
    taken = in_turn([one["taken"] for one in found])
    rest = in_turn([one["rest"] for one in found])
    together = [key for batch in taken + rest for key in batch]
    assert [len(batch) for batch in taken + rest] == [4] * 6 + [8] * len(rest)
    assert together[: 24 + 48] == alone[: 24 + 48]


@pytest.mark.linux
def test_accelerate_sees_every_image_once(data: PairedDataset, accelerated: Loops) -> None:
    found = accelerated["accelerate"]
    assert in_turn([one["keys"] for one in found]) == alone(data)[0]
    for one in found:
        assert one["steps"] == [False, False, True, False, True], "what is left at the end is applied"
        assert one["length"] == 5


def test_accelerate_cannot_dispatch_the_names_of_a_stream(rows: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    configuration = accelerate.utils.DataLoaderConfiguration
    for settings, refused in (({}, True), ({"dispatch_batches": False}, False)):
        accelerator = accelerate.Accelerator(cpu=True, dataloader_config=configuration(**settings))
        batches = accelerator.prepare(DataLoader(StreamedPairs(rows, patch_size=8), 4))
        if refused:
            with pytest.raises(UsageError, match="dispatch_batches=False"):
                next(iter(batches))
        else:
            assert sorted(key for batch in batches for key in batch["key"]) == list(noise_pairs(ROWS))


@pytest.mark.linux
def test_accelerate_does_not_share_a_stream_twice(accelerated: Loops) -> None:
    for one in accelerated["accelerate_stream"]:
        assert "accelerate would share out again what StreamedPairs shares out itself" in one["error"]
    found = accelerated["accelerate_stream_as_told"]
    seen = Counter(key for one in found for batch in one["keys"] for key in batch)
    assert sorted(seen) == list(noise_pairs(ROWS))
    assert len({len(one["keys"]) for one in found}) == 1


@pytest.mark.linux
def test_lightning_takes_a_loader(data: PairedDataset, accelerated: Loops) -> None:
    found = accelerated["lightning"]
    epochs = alone(data, 3)
    for number in range(3):
        assert in_turn([one["epochs"][number] for one in found]) == epochs[number]


def test_a_batch_is_a_mapping_of_its_tensors(data: PairedDataset) -> None:
    batch = next(iter(Loader(data, 4)))
    assert dict(batch) == {**batch} == {"lr": batch.lr, "hr": batch.hr}
    assert list(batch) == list(batch.keys()) == ["lr", "hr"]
    assert len(batch) == len(batch.keys) == 4
    assert "lr" in batch
    assert "coord" not in batch
    moved = batch.to("meta", non_blocking=True)
    assert moved["lr"].device.type == "meta"
    assert (moved.keys, moved.params, moved.scale) == (batch.keys, batch.params, 4)
    assert batch.lr.device.type == "cpu"
    batch["mask"] = torch.ones(4)
    assert batch.mask.sum() == 4
    del batch["mask"]
    assert "mask" not in batch


def test_torch_keeps_what_is_known_of_a_batch(data: PairedDataset) -> None:
    loader = Loader(data, 4)
    plain = torch.utils.data.DataLoader(LoaderBatches(loader), batch_size=None)
    for batch in plain:
        assert isinstance(batch, Batch)
        assert len(batch.keys) == 4
        assert batch.scale == 4
    with pytest.raises(UsageError, match="a Loader has workers of its own"):
        next(iter(torch.utils.data.DataLoader(LoaderBatches(loader), batch_size=None, num_workers=1)))


@pytest.mark.filterwarnings("ignore:The `srun` command")  # of Lightning, where Slurm is installed
def test_fabric_takes_the_dataloader_form(data: PairedDataset) -> None:
    fabric = pytest.importorskip("lightning.fabric").Fabric(accelerator="cpu", devices=1)
    batches = fabric.setup_dataloaders(Loader(data, 4, seed=2).as_dataloader())
    assert [list(batch.keys) for batch in batches] == alone(data)[0]


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")
def test_the_state_is_found_by_torchdata(data: PairedDataset) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    whole = alone(data, 2)
    loader = stateful(LoaderBatches(Loader(data, 4, seed=2)), batch_size=None)
    taken = [list(batch.keys) for batch in islice(loader, 3)]
    again = stateful(LoaderBatches(Loader(data, 4, seed=2)), batch_size=None)
    again.load_state_dict(loader.state_dict())
    assert taken + [list(batch.keys) for batch in again] == whole[0]
    assert [list(batch.keys) for batch in again] == whole[1]


def test_the_end_is_seen_after_a_resume(data: PairedDataset) -> None:
    loader = Loader(data, 4)
    state = [loader.state_dict() for _ in islice(loader, 8)][-1]
    loader.load_state_dict(state)
    assert [loader.at_end for _ in loader] == [False, True]
    several = Alternating({"one": Loader(data, 4), "two": Loader(data, 4)}, batches=2)
    assert [several.at_end for _ in several.as_dataloader()] == [False, True]


def test_another_number_of_ranks_is_said(data: PairedDataset, tmp_path: Path) -> None:
    loader = Loader(data, 4)
    next(iter(loader))
    torch.distributed.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        next(iter(loader))
    finally:
        torch.distributed.destroy_process_group()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHELASTIC_RUN_ID", "x")
        patch.setenv("RANK", "1")
        patch.setenv("WORLD_SIZE", "2")
        assert (loader.rank, loader.world_size, len(loader)) == (1, 2, 5)
        with pytest.warns(UserWarning, match=r"was used by 1 rank\(s\) before and is now by 2"):
            next(iter(loader))


def test_accelerate_saves_where_it_stands(data: PairedDataset, tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    accelerator = accelerate.Accelerator(cpu=True)
    batches = accelerator.prepare(Loader(data, 4, seed=2).as_dataloader())
    taken = []
    for batch in batches:
        taken.append(list(batch.keys))
        if len(taken) == 3:
            accelerator.save_state(str(tmp_path))
            break
    accelerator.load_state(str(tmp_path))
    assert taken + [list(batch.keys) for batch in batches] == alone(data)[0]
    assert not accelerator.gradient_state.in_dataloader


@pytest.mark.filterwarnings("ignore")  # of Lightning's own
def test_lightning_resumes_in_mid_epoch(data: PairedDataset, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")

    class Net(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 3, 1)
            self.given: list[list[str]] = []

        def training_step(self, batch: Batch, number: int) -> torch.Tensor:
            self.given.append(list(batch.keys))
            return self.layer(batch.hr).mean()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    def trained(steps: int, resumed: str | None = None) -> list[list[str]]:
        net = Net()
        trainer = lightning.Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=steps,
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )
        trainer.fit(net, Loader(data, 4, seed=2), ckpt_path=resumed)
        trainer.save_checkpoint(tmp_path / "now.ckpt")
        return net.given

    taken = trained(13)
    whole = [keys for epoch in alone(data, 3) for keys in epoch]
    assert taken == whole[:13]
    assert taken + trained(25, str(tmp_path / "now.ckpt")) == whole[:25]
