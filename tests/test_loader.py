"""`Loader`: the right batches, in the order of their addresses, for any workers, ranks and interruptions."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pairs import Pair, position_pairs, where, write_folders, write_shards
from scipy import stats

from srdata import Batch, Loader, PairedDataset, imresize
from srdata.data import StreamedPairs
from srdata.data.sampling.orders import Sequential, Weighted
from srdata.data.sampling.schedule import Schedule
from srdata.errors import UsageError
from srdata.images import list_images, read_image
from srdata.scale import Scale
from srdata.store.codecs import CODECS
from srdata.store.windows import Windows

FOUR = Scale(4)


@pytest.fixture(scope="module")
def pairs(photographs: Path) -> dict[str, Pair]:
    """Photographs, cut to multiples of 4, and their bicubic LR images."""
    found: dict[str, Pair] = {}
    for number, path in enumerate(list_images(photographs)):
        hr = read_image(path)[100:][: 200 + 4 * number, : 300 - 4 * number]
        found[f"{number + 1:04d}"] = (imresize(hr, 1 / 4), hr)
    return found


@pytest.fixture(scope="module")
def prepared(pairs: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("set"), pairs, FOUR, windows=Windows(size=96, step=48))


@pytest.fixture
def data(prepared: Path) -> PairedDataset:
    return PairedDataset(prepared, windows=True, patch_size=48)


def prints(batches: Iterable[Batch]) -> list[tuple[list[str], bytes, bytes]]:
    """All of what batches hold, to compare."""
    return [(list(one.keys), one.lr.numpy().tobytes(), one.hr.numpy().tobytes()) for one in batches]


def test_it_says_what_it_is(data: PairedDataset, prepared: Path) -> None:
    text = f"{len(data)} pairs at x4, patch_size=48), batch_size=2, device='cpu', seed=3)"
    assert repr(Loader(data, batch_size=2, seed=3)) == f"Loader(PairedDataset({text}"
    stream = StreamedPairs(prepared, patch_size=48)
    items = f"StreamedPairs({len(stream.rows)} items at x4, patch_size=48)"
    assert repr(Loader(stream, batch_size=2)) == f"Loader({items}, batch_size=2, device='cpu', seed=0)"
    assert repr(stream) == items


def test_batches_are_the_crops_of_the_data_set(data: PairedDataset, prepared: Path) -> None:
    """Batch k of epoch e against `PairedDataset.batch`, asked for the items that the order says."""
    turning = PairedDataset(prepared, windows=True, patch_size=48, dihedral=True, seed=3)
    loader = Loader(data, 8, seed=3, augment=["dihedral"], order=Sequential())
    for epoch in range(2):
        for number, batch in enumerate(loader):
            expected = turning.batch(np.arange(number * 8, number * 8 + 8), epoch)
            assert batch.keys == expected.keys
            for side in ("lr", "hr"):
                planes = torch.from_numpy(getattr(expected, side).astype(np.float32) / 255)
                assert torch.equal(batch.tensors[side], planes.permute(0, 3, 1, 2))
    assert batch.lr.shape == (8, 3, 12, 12)
    assert batch.scale == 4
    assert len(batch) == 8
    assert len(loader) == number + 1 == len(data) // 8


@pytest.mark.parametrize(
    "settings",
    [
        {"workers": 0},
        {"workers": 1},
        {"workers": 3, "ahead": 3},
        {"workers": 2, "kind": "process"},
        {"residency": "host"},
        {"residency": "device"},
    ],
)
@pytest.mark.parametrize(
    "making", [{}, {"degrade": "realesrgan-x4"}, {"augment": ["dihedral", "cutmix"]}, {"dtype": torch.uint8}]
)
def test_who_reads_makes_no_difference(
    data: PairedDataset, settings: dict[str, Any], making: dict[str, Any]
) -> None:
    plain = {"augment": ["dihedral"], **making}
    expected = [prints(islice(Loader(data, 8, seed=1, workers=0, **plain), 3))]
    loader = Loader(data, 8, seed=1, **plain, **settings)
    found = [prints(islice(loader, 3))]
    assert found == expected


@pytest.mark.parametrize("codec", [*CODECS, "folders"])
def test_every_kind_of_source(codec: str, pairs: dict[str, Pair], prepared: Path, tmp_path: Path) -> None:
    if codec == "folders":
        source = write_folders(tmp_path, pairs, FOUR)
    else:
        source = write_shards(tmp_path, pairs, FOUR, codec)
    for residency in ("mapped", "host", "device"):
        loader = Loader(PairedDataset(source, patch_size=48), 5, augment=["dihedral"], residency=residency)
        assert prints(loader) == prints(Loader(PairedDataset(prepared, patch_size=48), 5, augment="dihedral"))


def test_epochs_follow_each_other_and_differ(data: PairedDataset) -> None:
    loader = Loader(data, 8, seed=1)
    first, second = prints(loader), prints(loader)
    assert first != second
    loader.set_epoch(0)
    assert prints(loader) == first
    assert prints(islice(loader.forever(), len(loader) + 1))[0] == second[0]
    assert prints(Loader(data, 8, seed=2)) != first


def test_an_epoch_holds_every_item_once(data: PairedDataset) -> None:
    keys = [key for batch in Loader(data, 7, drop_last=False) for key in batch.keys]
    assert sorted(keys) == sorted(data.keys)
    assert keys != data.keys
    keys = [key for batch in Loader(data, 7, shuffle=False, drop_last=False) for key in batch.keys]
    assert keys == data.keys


def test_repeat_lengthens_the_epoch_and_crops_anew(data: PairedDataset) -> None:
    batches = list(Loader(data, 8, repeat=3, drop_last=False))
    keys = [key for batch in batches for key in batch.keys]
    assert sorted(keys) == sorted(3 * data.keys)
    assert sorted(keys[: len(data)]) == sorted(data.keys)
    crops = {image.numpy().tobytes() for batch in batches for image in batch.hr}
    assert len(crops) > 2.9 * len(data)


def test_what_a_fraction_of_repeat_leaves_out_comes_first_in_the_next_epoch(data: PairedDataset) -> None:
    loader = Loader(data, 8, repeat=1.7, drop_last=False)
    first, second = ([key for batch in loader for key in batch.keys] for _ in range(2))
    assert len(first) == len(second) == int(1.7 * len(data)) > 1.6 * len(data)
    assert sorted(first[: len(data)]) == sorted(data.keys)
    both = first + second
    assert sorted(both[len(data) : 2 * len(data)]) == sorted(data.keys)


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_a_resumed_loader_gives_the_very_next_batch(data: PairedDataset, kind: Any) -> None:
    """Also through JSON, with other workers, in the middle of an epoch and at its end."""
    settings: dict[str, Any] = {"seed": 4, "augment": ["dihedral", "mixup"]}
    steps = len(Loader(data, 8))
    whole = prints(islice(Loader(data, 8, **settings).forever(), 2 * steps + 3))
    for stop in (1, 5, steps - 1, steps, steps + 1, 2 * steps):
        first = Loader(data, 8, workers=3, **settings)
        assert prints(islice(first.forever(), stop)) == whole[:stop]
        state = json.loads(json.dumps(first.state_dict()))
        second = Loader(data, 8, workers=1, kind=kind, **settings)
        second.load_state_dict(state)
        assert second.state_dict() == state
        rest = prints(islice(second.forever(), 3))
        assert rest == whole[stop : stop + 3]


def test_what_is_left_of_an_epoch_after_a_resume_is_one_iteration(data: PairedDataset) -> None:
    loader = Loader(data, 8)
    for number, _ in enumerate(loader):
        if number == 4:
            break
    state = loader.state_dict()
    assert {name: state[name] for name in ("seed", "epoch", "batch", "samples")} == {
        "seed": 0,
        "epoch": 0,
        "batch": 5,
        "samples": 40,
    }
    other = Loader(data, 8)
    other.load_state_dict(state)
    assert len(list(other)) == len(loader) - 5
    assert (other.state_dict()["epoch"], other.state_dict()["samples"]) == (1, 0)
    assert len(list(loader)) == len(loader), "a loop that was left begins the next epoch"
    assert loader.state_dict()["epoch"] == 2
    with pytest.raises(UsageError, match="the state is of seed 0, this loader has seed 7"):
        Loader(data, 8, seed=7).load_state_dict(state)


def test_asking_for_an_iterator_begins_nothing(data: PairedDataset) -> None:
    loader = Loader(data, 8)
    iter(loader)
    assert next(iter(loader)).keys == next(iter(Loader(data, 8))).keys


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("size", [4, 7, 16])
def test_ranks_share_the_batches_of_one(data: PairedDataset, ranks: int, size: int) -> None:
    settings: dict[str, Any] = {"augment": ["dihedral", "cutmix"], "drop_last": False}
    alone = prints(Loader(data, size, **settings))
    shares = [prints(Loader(data, size, rank=rank, world_size=ranks, **settings)) for rank in range(ranks)]
    assert {len(share) for share in shares} == {-(-len(alone) // ranks)}, "all take as many steps"
    together = [batch for step in zip(*shares, strict=True) for batch in step]
    assert together[: len(alone)] == alone
    assert together[len(alone) :] == alone[: len(together) - len(alone)], "the first fill the last round"


def test_a_state_is_good_for_other_numbers_of_ranks(data: PairedDataset) -> None:
    alone = prints(Loader(data, 4))
    first = Loader(data, 4, rank=1, world_size=4)
    list(islice(first, 3))
    for ranks in (1, 2):
        found = []
        for rank in range(ranks):
            loader = Loader(data, 4, rank=rank, world_size=ranks)
            loader.load_state_dict(first.state_dict())
            found.append(prints(islice(loader, 1))[0])
        assert found == alone[12 : 12 + ranks]


def _rank(rank: int, ranks: int, store: Path, path: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=ranks)
    loader = Loader(PairedDataset(path, windows=True, patch_size=48), 4, seed=2, augment="dihedral")
    found: list[Any] = [None] * ranks
    torch.distributed.all_gather_object(found, prints(loader))
    if rank == 0:
        torch.save(
            [batch for step in zip(*found, strict=True) for batch in step], store.with_suffix(".found")
        )
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("ranks", [2, 4])
def test_real_processes_of_torch_distributed(ranks: int, prepared: Path, tmp_path: Path) -> None:
    start = multiprocessing.get_context("fork")
    arguments = ranks, tmp_path / "store", prepared
    processes = [start.Process(target=_rank, args=(rank, *arguments)) for rank in range(ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    together = torch.load(tmp_path / "store.found", weights_only=True)
    alone = prints(
        Loader(PairedDataset(prepared, windows=True, patch_size=48), 4, seed=2, augment="dihedral")
    )
    assert together[: len(alone)] == alone


def test_weighted_order(data: PairedDataset) -> None:
    weights = np.zeros(len(data))
    weights[[3, 10, 40]] = 1, 2, 5
    loader = Loader(data, 8, order=Weighted(weights, length=1200))
    assert len(loader) == 150
    batches, later = list(loader), list(loader)
    keys = [key for batch in batches for key in batch.keys]
    counts = [keys.count(data.keys[item]) for item in (3, 10, 40)]
    assert sum(counts) == 1200
    assert stats.chisquare(counts, [150, 300, 750]).pvalue > 1e-3
    assert keys != [key for batch in later for key in batch.keys], "drawn anew in each epoch"
    first, second = ([image for batch in one for image in batch.hr] for one in (batches, later))
    alike = [torch.equal(one, other) for one, other in zip(first, second, strict=True)]
    assert np.mean(alike) < 0.1, "and cropped anew"
    crops = {image.numpy().tobytes() for image in first[:320]}
    assert len(crops) > 200, "an item that is drawn again is cropped anew"
    with pytest.raises(UsageError, match=r"3 weights for \d+ items: give one for each"):
        Loader(data, 8, order=Weighted([1, 2, 3]))
    for wrong in ([], [0, 0], [1, -1], [1, np.nan], [[1.0]]):
        with pytest.raises(UsageError, match="weights are one number for every item"):
            Weighted(wrong)


def test_batches_survive_the_next_one(data: PairedDataset) -> None:
    """No memory is used twice: what a user keeps stays as it was."""
    loader = Loader(data, 8, workers=2, ahead=2)
    kept = list(loader)
    loader.set_epoch(0)
    assert prints(kept) == prints(loader)


def test_whole_images_for_validation(pairs: dict[str, Pair], prepared: Path) -> None:
    loader = Loader(PairedDataset(prepared), 1, shuffle=False, drop_last=False)
    for batch, (key, (lr, hr)) in zip(loader, pairs.items(), strict=True):
        assert batch.keys == [key]
        assert (batch.hr[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy().tobytes() == hr.tobytes()
        assert batch.lr.shape[2:] == lr.shape[:2]
    with pytest.raises(UsageError, match="items of different sizes make no batch: give patch_size="):
        list(Loader(PairedDataset(prepared), 2))


def test_crops_are_aligned_after_every_turn(tmp_path: Path) -> None:
    pairs = position_pairs(FOUR, [(60, 80)] * 6)
    data = PairedDataset(write_shards(tmp_path, pairs, FOUR), patch_size=24)
    for residency in ("mapped", "device"):
        loader = Loader(data, 6, augment=["dihedral"], dtype=torch.uint8, residency=residency)
        turns = set()
        for batch in islice(loader.forever(), 20):
            for lr, hr, note in zip(batch.lr, batch.hr, batch.params, strict=True):
                turns.add(note["augment"][0]["params"]["turn"])
                for y, x in ((0, 0), (0, 5), (5, 0), (5, 5)):
                    low = where(lr[:, y, x].numpy())
                    block = hr[:, y * 4 : y * 4 + 4, x * 4 : x * 4 + 4].reshape(3, -1)
                    corner = min(where(pixel) for pixel in block.T.numpy())
                    assert corner == (low[0] * 4, low[1] * 4, low[2])
        assert turns == set(range(8))


def test_one_side_alone(prepared: Path, pairs: dict[str, Pair]) -> None:
    both = Loader(PairedDataset(prepared, patch_size=48), 5, augment="dihedral")
    for side, other in (("hr", "lr"), ("lr", "hr")):
        alone = PairedDataset(prepared, patch_size=48, only=side, scale=4)  # type: ignore[arg-type]
        for residency in ("mapped", "host", "device"):
            loader = Loader(alone, 5, augment="dihedral", residency=residency)
            both.set_epoch(0)
            for found, expected in zip(loader, both, strict=True):
                assert torch.equal(found.tensors[side], expected.tensors[side])
                assert set(found.tensors) == {side}
                with pytest.raises(AttributeError, match=f"this batch has no '{other}', it has {side}"):
                    getattr(found, other)


def test_a_data_set_of_its_own_settings_is_left_alone(prepared: Path) -> None:
    data = PairedDataset(prepared, patch_size=48, seed=9)
    before = data.batch([0, 1], 3)
    list(Loader(data, 2, patch_size=96, augment="dihedral", residency="host"))
    after = data.batch([0, 1], 3)
    assert after.hr.tobytes() == before.hr.tobytes()


@pytest.mark.parametrize(("ranks", "steps", "then"), [(2, 3, 4), (4, 1, 2), (3, 2, 1), (1, 5, 3)])
def test_a_resume_with_other_ranks_loses_and_repeats_nothing(
    data: PairedDataset, ranks: int, steps: int, then: int
) -> None:
    alone = prints(Loader(data, 4, augment="cutmix"))
    state: dict[str, Any] = {}
    for rank in range(ranks):
        loader = Loader(data, 4, augment="cutmix", rank=rank, world_size=ranks)
        state = [loader.state_dict() for _ in islice(loader, steps)][-1]
    found = []
    for rank in range(then):
        loader = Loader(data, 4, augment="cutmix", rank=rank, world_size=then)
        loader.load_state_dict(json.loads(json.dumps(state)))
        found.append(prints(loader))
        assert loader.state_dict()["epoch"] == 1
    rest = [batch for step in zip(*found, strict=True) for batch in step]
    left = alone[ranks * steps :]
    assert rest[: len(left)] == left
    assert len(rest) - len(left) < then


@pytest.mark.parametrize("size", [3, 4, 12])
def test_a_resume_with_another_batch_size_goes_on_where_it_stood(data: PairedDataset, size: int) -> None:
    whole = [key for batch in Loader(data, 1, seed=4) for key in batch.keys]
    first = Loader(data, 8, seed=4)
    taken = [key for batch in islice(first, 5) for key in batch.keys]
    again = Loader(data, size, seed=4, drop_last=False)
    again.load_state_dict(first.state_dict())
    rest = list(again)
    assert taken + [key for batch in rest for key in batch.keys] == whole
    assert [len(batch) for batch in rest[:-1]] == [size] * (len(rest) - 1)
    later = Loader(data, size, seed=4, drop_last=False)
    later.set_epoch(1)
    assert prints(again) == prints(later)


def test_the_number_of_training_goes_on_after_a_resume(data: PairedDataset) -> None:
    """By which schedules change: steps that were taken, whatever they would be with the new batch size."""
    first = Loader(data, 8)
    list(islice(first, 5))
    again = Loader(data, 4, patch_size=Schedule({0: 48, 7: 32}))
    again.load_state_dict(first.state_dict())
    assert [batch.hr.shape[-1] for batch in islice(again, 4)] == [48, 48, 32, 32]


def test_an_epoch_that_is_chosen_before_there_are_ranks(
    data: PairedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = Loader(data, 4)
    loader.set_epoch(2)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    again = Loader(data, 4, rank=1, world_size=2)
    again.set_epoch(2)
    assert loader.state_dict() == again.state_dict()
    assert prints(loader) == prints(again)


def test_the_state_of_something_else_is_refused(data: PairedDataset, prepared: Path) -> None:
    state = Loader(data, 8).state_dict()
    images = PairedDataset(prepared, patch_size=48)
    for other in (images, data.subset(range(1, len(data))), data.subset(np.arange(len(data))[::-1])):
        with pytest.raises(UsageError, match="the state is of other images or windows"):
            Loader(other, 4).load_state_dict(state)
    for settings in ({"repeat": 2}, {"shuffle": False}, {"order": Weighted(np.ones(len(data)))}):
        with pytest.raises(UsageError, match="the state is of another order"):
            Loader(data, 8, **settings).load_state_dict(state)


def test_a_state_of_an_earlier_version_loads(data: PairedDataset) -> None:
    loader = Loader(data, 8, rank=1, world_size=2)
    loader.load_state_dict({"seed": 0, "epoch": 3, "batch": 4})
    whole = Loader(data, 8)
    whole.set_epoch(3)
    assert prints(islice(loader, 1)) == prints(whole)[5:6]


def test_a_batch_of_all_ranks_is_the_same_for_any_number(data: PairedDataset) -> None:
    whole = [batch.keys for batch in Loader(data, 8)]
    shares = [Loader(data, 8, shared_batch=True, rank=rank, world_size=2) for rank in (0, 1)]
    assert [len(share) for share in shares] == [len(whole)] * 2
    assert [one.keys + other.keys for one, other in zip(*shares, strict=True)] == whole
    with pytest.raises(UsageError, match="a batch of 8 cannot be shared by 3 ranks"):
        Loader(data, 8, shared_batch=True, rank=0, world_size=3)
