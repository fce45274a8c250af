"""Several data sets in one batch, several loaders in one stream."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pairs import position_pairs, write_shards
from scipy import stats

from srdata import Loader, PairedDataset
from srdata.data.datasets.mixed import InRatio, Mixed, shares
from srdata.data.loading.multi_loader import Alternating, Unpaired
from srdata.data.sampling.orders import Several, Weighted
from srdata.data.sampling.schedule import Schedule
from srdata.errors import UsageError
from srdata.scale import Scale

FOUR = Scale(4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Sets of 6 and of 20 images, whose keys are a… and b…"""
    found = []
    for name, count in (("a", 6), ("b", 20)):
        pairs = position_pairs(FOUR, [(96, 120)] * count)
        named = {name + key: pair for key, pair in pairs.items()}
        found.append(write_shards(tmp_path_factory.mktemp(name), named, FOUR, per_shard=10))
    return found


@pytest.fixture(scope="module")
def two(folders: list[Path]) -> tuple[PairedDataset, PairedDataset]:
    return PairedDataset(folders[0], patch_size=48), PairedDataset(folders[1], patch_size=48)


def keys_of(loader: Any) -> list[str]:
    return [key for batch in loader for key in batch.keys]


def test_by_default_every_item_comes_as_often_as_any_other(two: tuple[PairedDataset, PairedDataset]) -> None:
    mixed = Mixed(two)
    assert len(mixed) == 26
    keys = keys_of(Loader(mixed, 4, drop_last=False))
    assert sorted(keys) == sorted(two[0].keys + two[1].keys)
    assert len({key[0] for key in keys[:8]}) == 2


def test_a_ratio_is_kept_in_every_epoch_and_fair_within_a_set(
    two: tuple[PairedDataset, PairedDataset],
) -> None:
    loader = Loader(Mixed(two, ratio=(1, 3)), 4, drop_last=False, repeat=2)
    counts: Counter[str] = Counter()
    for _ in range(6):
        keys = keys_of(loader)
        assert Counter(key[0] for key in keys) == {"a": 13, "b": 39}
        counts += Counter(keys)
    assert sum(counts.values()) == 6 * 52
    for name, times in (("a", 13 * 6 / 6), ("b", 39 * 6 / 20)):
        found = [count for key, count in counts.items() if key[0] == name]
        assert max(found) - min(found) <= 1
        assert abs(np.mean(found) - times) < 1e-9


def test_an_epoch_may_end_within_a_pass_over_the_sets(two: tuple[PairedDataset, PairedDataset]) -> None:
    loader = Loader(Mixed(two), 4, drop_last=False, repeat=1.4)
    counts = [Counter(keys_of(loader)) for _ in range(2)]
    assert [count.total() for count in counts] == [36, 36]  # 1.4 times 26, rounded down
    assert max((counts[0] + counts[1]).values()) - min((counts[0] + counts[1]).values()) <= 1


def test_shares_are_whole_and_complete() -> None:
    for total, ratio in ((10, (1, 3)), (7, (1, 1, 1)), (100, (0.1, 0.9)), (5, (1, 0)), (1, (1, 1))):
        found = shares(total, ratio)
        assert sum(found) == total
        assert all(abs(n - total * part / sum(ratio)) < 1 for n, part in zip(found, ratio, strict=True))


def test_labels_and_crops_belong_to_the_image(two: tuple[PairedDataset, PairedDataset]) -> None:
    """The crop of an item of the first set is the same as if it were loaded alone."""
    loader = Loader(Mixed(two, labels=(7, 9)), 13, augment=["dihedral"])
    alone = {
        (key, image.numpy().tobytes())
        for batch in islice(Loader(two[0], 6, augment=["dihedral"]).forever(), 3)
        for key, image in zip(batch.keys, batch.hr, strict=True)
    }
    for residency in ("mapped", "device"):
        loader = Loader(Mixed(two, labels=(7, 9)), 13, augment=["dihedral"], residency=residency)  # type: ignore[arg-type]
        for batch in loader:
            assert batch.label.tolist() == [7 if key[0] == "a" else 9 for key in batch.keys]
            for key, image in zip(batch.keys, batch.hr, strict=True):
                assert key[0] == "b" or (key, image.numpy().tobytes()) in alone


def test_weights_over_all_sets(two: tuple[PairedDataset, PairedDataset]) -> None:
    weights = np.zeros(26)
    weights[[2, 8]] = 1, 1
    keys = keys_of(Loader(Mixed(two), 5, order=Weighted(weights, length=100)))
    assert set(keys) == {"a0003", "b0003"}


def test_mixtures_that_cannot_be(two: tuple[PairedDataset, PairedDataset], tmp_path: Path) -> None:
    other = PairedDataset(write_shards(tmp_path, position_pairs(Scale(2), [(48, 48)]), Scale(2)))
    for arguments, message in (
        (([two[0], other],), r"sets of scales \['4', '2'\] cannot share a batch"),
        (([],), "cannot share a batch"),
        ((two, (1,)), "2 sets need as many numbers in ratio= and labels="),
        ((two, None, (1, 2, 3)), "2 sets need as many numbers"),
        ((two, (-1, 2)), "must have no number below 0"),
        ((two, (0, 0)), "must have no number below 0 and one above"),
    ):
        with pytest.raises(UsageError, match=message):
            Mixed(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def tasks(folders: list[Path], two: tuple[PairedDataset, PairedDataset]) -> dict[str, Loader]:
    """Loaders of different scales and batch sizes."""
    return {
        "x4": Loader(two[0], 2),
        "x2": Loader(two[1], 4, degrade="bicubic", patch_size=48, scale=2),
        "noise": Loader(
            PairedDataset(folders[1], only="hr"),
            3,
            patch_size=24,
            degrade="denoise-color-25",
        ),
    }


def prints(batches: Any) -> list[tuple[str, list[str], bytes]]:
    return [(batch.task, list(batch.keys), batch.lr.numpy().tobytes()) for batch in batches]


def test_every_batch_is_of_one_task(tasks: dict[str, Loader]) -> None:
    loader = Alternating(tasks, seed=3)
    assert len(loader) == 3 + 5 + 6
    seen = [(batch.task, int(batch.scale), len(batch), batch.hr.shape[-1]) for batch in loader]
    assert len(seen) == 14
    assert set(seen) == {("x4", 4, 2, 48), ("x2", 2, 4, 48), ("noise", 1, 3, 24)}
    counts = Counter(batch.task for batch in islice((b for _ in range(60) for b in loader), 600))
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_each_task_goes_through_its_own_epochs(two: tuple[PairedDataset, PairedDataset]) -> None:
    loader = Alternating({"a": Loader(two[0], 2), "b": Loader(two[1], 2)}, batches=39)
    keys = [key for batch in loader for key in batch.keys if batch.task == "a"]
    alone = keys_of(islice(Loader(two[0], 2).forever(), len(keys) // 2))
    assert keys == alone


def test_weights_and_their_schedule(tasks: dict[str, Loader]) -> None:
    loader = Alternating(tasks, Schedule({0: {"x2": 1}, 5: {"x4": 1, "noise": 3}}), batches=20, seed=1)
    names = [batch.task for batch in loader] + [batch.task for batch in loader]
    assert names[:5] == ["x2"] * 5
    assert set(names[5:]) == {"x4", "noise"}
    assert Counter(names[5:])["noise"] > 18
    for wrong in ({"x3": 1}, {"x4": 0}, {"x4": -1, "x2": 2}):
        with pytest.raises(UsageError, match=r"must be of x4, x2, noise, none below 0"):
            next(iter(Alternating(tasks, wrong)))
    with pytest.raises(UsageError, match="give at least one loader"):
        Alternating({})


def test_tasks_in_turn(tasks: dict[str, Loader]) -> None:
    loader = Alternating(tasks, batches=4, in_turn=True)
    names = [batch.task for batch in loader] + [batch.task for batch in loader]
    assert names == ["x4", "x2", "noise", "x4", "x2", "noise", "x4", "x2"]
    with pytest.raises(UsageError, match="in_turn takes every loader alike: leave weights= out"):
        Alternating(tasks, {"x2": 1}, in_turn=True)


def test_several_crops_in_a_row(two: tuple[PairedDataset, PairedDataset]) -> None:
    """The items of the order within, each three times, and never the same crop of one."""
    within, order = InRatio(Mixed(two)), Several(InRatio(Mixed(two)), 3)
    items = len(Mixed(two))
    assert order.length(items) == 3 * items
    for epoch in (0, 1):
        places = order.places(1, epoch, np.arange(3 * items), items)
        once = within.places(1, epoch, np.arange(items), items)
        assert places.items.tolist() == np.repeat(once.items, 3).tolist()
    both = [order.places(1, epoch, np.arange(3 * items), items) for epoch in (0, 1)]
    seen = {(item, visit) for one in both for item, visit in zip(one.items, one.visits, strict=True)}
    assert len(seen) == 6 * items
    with pytest.raises(UsageError, match="crops 0 must be at least 1"):
        Several(within, 0)


@pytest.mark.parametrize("stop", [1, 6, 13, 14, 17])
def test_a_stream_of_tasks_resumes(two: tuple[PairedDataset, PairedDataset], stop: int) -> None:
    def fresh() -> Alternating:
        return Alternating({"a": Loader(two[0], 2), "b": Loader(two[1], 4)}, batches=14, seed=2)

    def through_epochs(loader: Alternating) -> Any:
        while True:
            yield from loader

    whole = prints(islice(through_epochs(fresh()), 24))
    first, second, third = fresh(), fresh(), fresh()
    assert prints(islice(through_epochs(first), stop)) == whole[:stop]
    for loader in (second, third):
        loader.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert prints(islice(through_epochs(second), 24 - stop)) == whole[stop:]
    assert sum(1 for _ in third) == 14 - stop % 14, "what is left of the epoch"
    with pytest.raises(UsageError, match="the state is of seed 2 and a, b, this has seed 2 and a"):
        Alternating({"a": Loader(two[0], 2)}, seed=2).load_state_dict(first.state_dict())


def test_unpaired_sides_are_drawn_apart(folders: list[Path]) -> None:
    def fresh() -> Unpaired:
        return Unpaired(
            Loader(PairedDataset(folders[0], only="hr", patch_size=48), 2, seed=1),
            Loader(PairedDataset(folders[1], only="lr", patch_size=48), 2, seed=2),
        )

    loader = fresh()
    assert len(loader) == 3
    given = [(batch, loader.at_end) for _ in range(4) for batch in loader]
    batches = [batch for batch, _ in given]
    assert [at_end for _, at_end in given] == [False, False, True] * 4
    for batch in batches:
        assert batch.hr.shape == (2, 3, 48, 48)
        assert batch.lr.shape == (2, 3, 12, 12)
        assert all(key[0] == "a" and " | b" in key for key in batch.keys)
    lows = [key.split(" | ")[1] for batch in batches for key in batch.keys]
    assert len(set(lows[:20])) == 20, "the LR set goes through its own epochs"
    first, second = fresh(), fresh()
    for number, _ in enumerate(first):
        if number == 1:
            break
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert prints(second)[0] == prints(batches[2:3])[0]


def test_unpaired_batches_are_of_one_size(two: tuple[PairedDataset, PairedDataset]) -> None:
    with pytest.raises(UsageError, match="a batch of 2 HR and 3 LR images: give both loaders one batch_size"):
        next(iter(Unpaired(Loader(two[0], 2), Loader(two[1], 3))))


def test_no_weights_at_all_are_refused(two: tuple[PairedDataset, PairedDataset]) -> None:
    with pytest.raises(UsageError, match=r"weights {} must be of a, none below 0"):
        next(iter(Alternating({"a": Loader(two[0], 2)}, {})))
