"""Scores of windows: what they measure, that they keep the set whole, and what a data set does with them."""

from __future__ import annotations

import math
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio

from srdata.cli import run
from srdata.common.processes.one_at_a_time import only_one_at
from srdata.data.datasets.mixed import Mixed
from srdata.data.datasets.paired import PairedDataset
from srdata.data.loading.loader import Loader
from srdata.data.loading.residency import Residency
from srdata.difficulty import CLASSSR, classes, classify, summary
from srdata.difficulty.scorers import deviation, edges, gradients, psnr, psnr_y
from srdata.errors import CorruptRecordError, SetError, UnknownNameError, UsageError
from srdata.images import Pixels, read_image
from srdata.preparation import prepare
from srdata.prepared.verification import verify
from srdata.resize import imresize
from srdata.scale import Scale
from srdata.store.set_json import add_file, read_set
from srdata.store.window_scores import SCORES, ScoreKind, kinds_of
from srdata.store.windows import Windows
from tests.pairs import position_pairs, write_shards

FOUR = Scale(4)
WINDOWS = Windows(size=96, step=48, threshold=24)


@pytest.fixture(scope="module")
def photographs_x4(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five photographs as PNG files, which anything can read."""
    return prepare("sample", scale=4, root=tmp_path_factory.mktemp("root"), jobs=1).path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small set in two shards; the last image is smaller than a window."""
    pairs = position_pairs(FOUR, [(144, 208), (120, 130), (96, 96), (40, 208)])
    return write_shards(
        tmp_path / "set", pairs, FOUR, windows=WINDOWS, splits={"0002": "validation"}, per_shard=2
    )


@pytest.fixture(scope="module")
def hr(photographs: Path) -> Pixels:
    return read_image(photographs / "coffee.png")[20:148, 40:168]


def test_psnr_is_that_of_skimage_on_windows_read_by_hand(photographs_x4: Path) -> None:
    """Border of four pixels, as ClassSR's test leaves out; Y by skimage as well."""
    for by in ("psnr", "psnr-y"):
        (kind,) = classify(photographs_x4, by, windows=(128, 64, 48), jobs=1)
        rows = pq.read_table(photographs_x4 / kind.file).to_pylist()
        assert len(rows) == 320
        for row in rows[::29]:
            name, top, left = row["key"], row["top"], row["left"]
            high = read_image(photographs_x4 / f"sample_train_HR/{name}.png")[top:, left:][:128, :128]
            low = read_image(photographs_x4 / f"sample_train_LR_bicubic/X4/{name}x4.png")
            up = imresize(low[top // 4 :, left // 4 :][:32, :32], 4)
            inner = [image[4:-4, 4:-4] for image in (high, up)]
            if by == "psnr-y":
                inner = [rgb2ycbcr(image)[..., 0] for image in inner]
            assert row[by] == pytest.approx(peak_signal_noise_ratio(*inner, data_range=255), abs=1e-9)


def test_psnr_where_nothing_differs_and_where_little_is_there() -> None:
    flat = np.full((8, 8, 3), 77, np.uint8)
    assert psnr(flat[:2, :2], flat, FOUR) == math.inf
    assert psnr_y(flat[:2, :2], flat, FOUR) == math.inf
    assert psnr(flat[:1, :1], flat[:4, :4] + np.uint8(5), FOUR) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(flat[:2, :2], flat[:3, :3] + np.uint8(5), Scale("1.5")) == pytest.approx(34.151, abs=1e-3)


def test_edges_are_those_of_scipy(hr: Pixels) -> None:
    """OpenCV's Laplacian of size 3 by its published kernel and border, on grey pictures and on colours."""
    kernel = np.array([[2, 0, 2], [0, -8, 0], [2, 0, 2]])
    for image in (hr, hr[..., :1].repeat(3, axis=2)):
        grey = np.asarray(Image.fromarray(image).convert("L"))
        laplacian = ndimage.correlate(grey.astype(int), kernel, mode="mirror")
        exact = (image == grey[..., None]).all()
        expected = np.abs(laplacian).clip(0, 255).mean()
        assert edges(image, hr, FOUR) == pytest.approx(expected, abs=1e-12 if exact else 0.2)
    point = np.zeros((5, 5, 3), np.uint8)
    point[2, 2] = 10
    assert edges(point, point, FOUR) == (8 * 10 + 4 * 2 * 10) / 25


def test_gradients_of_a_ramp_by_hand(hr: Pixels) -> None:
    """Three levels a pixel, but for the first and the last, beyond which the image is mirrored."""
    ramp = np.broadcast_to(3 * np.arange(10, dtype=np.uint8)[:, None], (7, 10, 3)).copy()
    vector = np.array([2.4, 3 * math.sqrt(0.8 * 0.2), 0, 0])
    assert gradients(ramp, hr, FOUR) == pytest.approx(np.linalg.norm(vector), abs=1e-12)
    assert gradients(ramp.transpose(1, 0, 2).copy(), hr, FOUR) == pytest.approx(
        np.linalg.norm(vector), abs=1e-12
    )
    assert gradients(np.full_like(ramp, 9), hr, FOUR) == 0


def test_gradients_are_those_of_scipy(hr: Pixels) -> None:
    grey = hr[..., :1].repeat(3, axis=2)
    along = [np.abs(ndimage.sobel(grey[..., 0].astype(float), axis, mode="mirror")) / 8 for axis in (0, 1)]
    vector = [one.mean() for one in along] + [one.std() for one in along]
    assert gradients(grey, hr, FOUR) == pytest.approx(np.linalg.norm(vector), abs=1e-12)


def test_deviation_by_hand(hr: Pixels) -> None:
    half = np.zeros((4, 4, 3), np.uint8)
    assert deviation(half, half, FOUR) == 0
    half[:2] = 100
    assert deviation(half, half, FOUR) == pytest.approx(50)
    half[:2] = (0, 100, 0)
    assert deviation(half, half, FOUR) == pytest.approx(58.7 / 2)
    grey = np.asarray(Image.fromarray(hr).convert("L"))
    assert deviation(hr, hr, FOUR) == pytest.approx(grey.std(), abs=0.1)


@pytest.mark.parametrize("scale", ["4", "1.5"])
def test_windows_are_those_of_the_data_set(scale: str, tmp_path: Path) -> None:
    """At both scales; images smaller than a window are one, as there."""
    factor = Scale(scale)
    pairs = position_pairs(factor, [(144, 204), (120, 132), (36, 204)])
    path = write_shards(tmp_path, pairs, factor, windows=WINDOWS)
    (kind,) = classify(path, "deviation", jobs=1)
    data = PairedDataset(path, windows=True)
    rows = pq.read_table(path / kind.file).to_pylist()
    assert [f"{row['key']}_s{row['order'] + 1:03d}" for row in rows] == data.keys
    for row, item in zip(rows, range(len(data)), strict=True):
        window = data.batch([item])
        assert row["deviation"] == deviation(window.lr[0], window.hr[0], factor)
        key = pairs[row["key"]][1]
        height, width = window.hr.shape[1:3]
        assert (key[row["top"] :, row["left"] :][:height, :width] == window.hr[0]).all()
    assert data.scores("deviation").tolist() == [row["deviation"] for row in rows]


def test_shards_and_files_have_the_same_scores(photographs_x4: Path, tmp_path: Path) -> None:
    shards = prepare("sample", scale=4, lmdb=True, root=tmp_path, jobs=1).path
    for by in SCORES:
        for path in (shards, photographs_x4):
            classify(path, by, windows=WINDOWS, jobs=1)
        one, other = (PairedDataset(path, windows=WINDOWS).scores(by) for path in (shards, photographs_x4))
        assert (one == other).all()


def test_bytes_do_not_depend_on_jobs(tmp_path: Path) -> None:
    """Forty images of different strength and size, so that no two tasks have the same results."""
    draws = np.random.default_rng(0)
    pairs = {}
    for number in range(40):
        image = draws.integers(0, 2 + 6 * number, (96, 96 + 8 * number, 3), np.uint8)
        pairs[f"{number:04d}"] = image[::4, ::4], image
    made = []
    for jobs in (1, 2):
        path = write_shards(tmp_path / f"{jobs}", pairs, FOUR, windows=WINDOWS)
        (kind,) = classify(path, "edges", jobs=jobs)
        made.append((path / kind.file).read_bytes())
    assert made[0] == made[1]
    data = PairedDataset(path, windows=True)
    expected = [edges(lr, lr, FOUR) for lr in data.batch(range(len(data))).lr]
    assert data.scores("edges").tolist() == expected
    assert len(set(expected)) > 90


def test_a_set_stays_whole_and_prepared(photographs: Path, tmp_path: Path) -> None:
    source = shutil.copytree(
        photographs, tmp_path / "pictures", ignore=shutil.ignore_patterns("*.y*", "*.md")
    )
    built = prepare(source, scale=4, lmdb=True, root=tmp_path, jobs=1)
    for by in ("psnr", "edges"):
        (kind,) = classify(built.path, by, windows=WINDOWS, jobs=1)
        assert verify(built).ok
        assert kind.file in read_set(built.path).files
    told: list[str] = []
    assert len(prepare(source, scale=4, lmdb=True, root=tmp_path, log=told.append).content.files) == 5
    assert told[-1].endswith("is prepared already")
    before = (built.path / kind.file).stat().st_mtime_ns
    classify(built.path, "edges", windows=WINDOWS, jobs=1)
    assert (built.path / kind.file).stat().st_mtime_ns == before, "what is there is left as it is"
    (source / "chelsea.png").unlink()
    again = prepare(source, scale=4, lmdb=True, root=tmp_path, jobs=1)
    assert len(again.content.files) == 3
    assert not (built.path / "scores").exists(), "scores of other images are gone"


@pytest.mark.parametrize("spoil", [lambda data: data[:-9], lambda data: data[:300] + b"x" + data[301:]])
def test_verify_finds_what_is_spoilt_and_classify_mends_it(
    folder: Path, spoil: Callable[[bytes], bytes]
) -> None:
    (kind,) = classify(folder, jobs=1)
    right = (folder / kind.file).read_bytes()
    (folder / kind.file).write_bytes(spoil(right))
    (problem,) = verify(folder).problems
    assert problem.startswith(kind.file)
    classify(folder, jobs=1)
    assert (folder / kind.file).read_bytes() == right
    assert verify(folder).ok


KILLED = """
import os, signal, sys
from {room} import {module}
{module}.{name} = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
from srdata.difficulty import classify
classify(sys.argv[1], jobs=1)
"""


@pytest.mark.linux
@pytest.mark.parametrize(
    ("room", "module", "name", "left"),
    [
        ("srdata.store.tables", "parquet_file", "publish", "psnr-x4-96-48-24.parquet.part-*"),
        ("srdata.store", "window_scores", "add_file", "psnr-x4-96-48-24.parquet"),
    ],
)
def test_killed_between_any_two_writes_it_leaves_a_whole_set(
    folder: Path, room: str, module: str, name: str, left: str
) -> None:
    """Before the scores have their name, and before set.json names them."""
    before = (folder / "set.json").read_bytes()
    code = KILLED.format(room=room, module=module, name=name)
    process = subprocess.run([sys.executable, "-c", code, folder], stderr=subprocess.DEVNULL, check=False)
    assert process.returncode == -signal.SIGKILL
    assert len(list((folder / "scores").glob(left))) == 1
    assert (folder / "set.json").read_bytes() == before
    assert verify(folder).ok
    with pytest.raises(UsageError, match="run `srdata classify"):
        PairedDataset(folder, split="train", windows=True).scores()
    (kind,) = classify(folder, jobs=1)
    assert [path.name for path in (folder / "scores").iterdir()] == [Path(kind.file).name]
    assert verify(folder).ok


WAITING = """
import sys
from srdata.difficulty import classify
print("ready", flush=True)
classify(sys.argv[1], jobs=1)
"""


def test_it_waits_for_whoever_changes_the_set(folder: Path) -> None:
    """Else of two that add a file to set.json one would be lost."""
    command = [sys.executable, "-c", WAITING, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process, only_one_at(folder):
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        assert not (folder / "scores").exists()
        (folder / "other").write_bytes(b"added meanwhile")
        add_file(folder, "other")
    assert {"other", "scores/psnr-x4-96-48-24.parquet"} <= set(read_set(folder).files)
    assert verify(folder).ok


def test_scores_of_a_split_and_of_a_subset(folder: Path) -> None:
    (kind,) = classify(folder, "deviation", jobs=1)
    every = pq.read_table(folder / kind.file).to_pydict()
    for split in ("train", "validation"):
        data = PairedDataset(folder, split=split, windows=True)
        scores = data.scores("deviation")
        expected = [s for s, where in zip(every["deviation"], every["split"], strict=True) if where == split]
        assert scores.tolist() == expected
        assert data.subset([1, 0]).scores("deviation").tolist() == [expected[1], expected[0]]


def test_scores_that_are_not_there(folder: Path) -> None:
    data = PairedDataset(folder, split="train", windows=True)
    command = f"srdata classify {folder} --by edges --scale 4 --windows 96 48 24"
    with pytest.raises(UsageError) as caught:
        data.scores("edges")
    assert str(caught.value) == f"{folder} has no scores/edges-x4-96-48-24.parquet: run `{command}`"
    assert run([*command.split()[1:], "--jobs", "1"]) == 0, "the command that was named"
    assert len(data.scores("edges")) == len(data)
    with pytest.raises(UsageError, match="--windows 48 24 0"):
        PairedDataset(folder, split="train", windows=Windows(size=48, step=24)).scores("edges")
    with pytest.raises(UsageError, match="has no scale 1 to score at: take 4"):
        PairedDataset(folder, split="train", windows=True, only="hr").scores("edges")
    with pytest.raises(UnknownNameError, match="unknown score 'pnsr', did you mean 'psnr'"):
        data.scores("pnsr")
    with pytest.raises(UsageError, match="scores are of the windows of a prepared set: open one, with wind"):
        PairedDataset(folder, split="train").scores()
    (folder / "scores/edges-x4-96-48-24.parquet").write_bytes(b"PAR1")
    with pytest.raises(CorruptRecordError, match=r"edges-x4-96-48-24.parquet is damaged .* run `srdata cl"):
        data.scores("edges")


def test_what_cannot_be_classified(folder: Path, tmp_path: Path, photographs: Path) -> None:
    with pytest.raises(UsageError, match=r"windows.size 50 is no multiple of 4, .* take --windows 48 "):
        classify(folder, windows=(50, 24, 0))
    with pytest.raises(UnknownNameError, match="unknown scale '2'"):
        classify(folder, scales=[2])
    with pytest.raises(SetError, match="is no prepared set"):
        classify(photographs)
    bare = write_shards(tmp_path / "bare", position_pairs(FOUR, [(48, 48)]), FOUR)
    with pytest.raises(UsageError, match="was prepared without windows: give some, as --windows 480 240 0"):
        classify(bare)
    assert not (bare / "scores").exists()


def test_a_subset_keeps_the_crops_of_its_items(folder: Path) -> None:
    data = PairedDataset(folder, split="train", windows=True, patch_size=20, dihedral=True, seed=3)
    items = np.array([5, 1, 4])
    part = data.subset(items)
    assert len(part) == 3
    assert part.keys == [data.keys[item] for item in items]
    assert (part.sizes == data.sizes[items]).all()
    for epoch in (0, 2):
        whole, few = data.batch(items, epoch), part.batch(range(3), epoch)
        assert (few.hr == whole.hr).all()
        assert (few.lr == whole.lr).all()
        assert few.keys == whole.keys
    assert part[(2, 1)]["hr"].equal(data[(2, 1)]["hr"])
    assert part[-1]["key"] == data[4]["key"]
    with pytest.raises(IndexError, match="item 3 of 3"):
        part[3]
    again = part.subset([2, 1])
    assert again.batch([0, 1], 7).hr.tobytes() == data.batch([4, 1], 7).hr.tobytes()
    copy = pickle.loads(pickle.dumps(again))  # noqa: S301  # our own bytes
    assert copy.batch([0, 1], 7).hr.tobytes() == data.batch([4, 1], 7).hr.tobytes()


@pytest.mark.parametrize("residency", ["mapped", "host"])
def test_a_loader_of_a_subset(folder: Path, residency: Residency) -> None:
    """The small image, which patches of 48 do not fit, is left out; the crops are those of all items."""
    data = PairedDataset(folder, split="train", windows=True)
    with pytest.raises(UsageError, match=r"patch_size 48 is larger than 1 of 8 items: 0004_s001"):
        Loader(data, 3, patch_size=48)
    items = np.flatnonzero(data.sizes.min(axis=1) >= 48)[::-2]
    loader = Loader(data.subset(items), 4, patch_size=48, seed=5, shuffle=False, residency=residency)
    whole = PairedDataset(folder, split="train", windows=True, patch_size=48, pad="edge", seed=5)
    for epoch in range(2):
        (batch,) = loader
        expected = whole.batch(items, epoch)
        assert list(batch.keys) == expected.keys
        assert ((batch.hr * 255).round().numpy() == expected.hr.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize("how", [{"residency": "mapped"}, {"residency": "device"}, {"kind": "process"}])
def test_batches_say_how_hard_their_windows_are(folder: Path, how: dict[str, str]) -> None:
    """By name, over a subset and a second set; the numbers are those of the windows as they are read."""
    data = PairedDataset(folder, split="train", windows=True)
    assert "difficulty" not in next(iter(Loader(data, 4, patch_size=20, **how))).tensors  # type: ignore[arg-type]
    classify(folder, "edges", jobs=1)
    both = Mixed([data.subset([6, 2, 5]), data])
    windows = {key: data.batch([item]) for item, key in enumerate(data.keys)}
    expected = {key: edges(window.lr[0], window.hr[0], FOUR) for key, window in windows.items()}
    seen = set()
    for batch in Loader(both, 4, patch_size=20, workers=1, difficulty="edges", drop_last=False, **how):  # type: ignore[arg-type]
        assert batch.difficulty.dtype == torch.float32
        assert batch.difficulty.tolist() == pytest.approx([expected[key] for key in batch.keys])
        seen |= set(batch.keys)
    assert seen == set(data.keys)


def test_batches_say_the_class_that_is_given(folder: Path) -> None:
    data = PairedDataset(folder, split="train", windows=True)
    numbers = np.arange(len(data)) % 3
    for batch in Loader(data, 4, patch_size=20, difficulty=numbers):
        assert batch.difficulty.dtype == torch.int64
        assert batch.difficulty.tolist() == [data.keys.index(key) % 3 for key in batch.keys]
    with pytest.raises(UsageError, match=r"difficulty of shape \(7,\) for 8 items: give a number for each"):
        Loader(data, 4, patch_size=20, difficulty=numbers[1:])
    with pytest.raises(UsageError, match="run `srdata classify"):
        Loader(data, 4, patch_size=20, difficulty="psnr")


def test_hr_alone_has_the_scores_of_a_scale(tmp_path: Path) -> None:
    """Where both are cut into the same windows: 97 rows are 96 at x4, where no third window is."""
    for height, same in ((96, True), (97, False)):
        windows = Windows(size=48, step=48, threshold=0)
        path = write_shards(
            tmp_path / f"{height}", position_pairs(FOUR, [(height, 96)]), FOUR, windows=windows
        )
        classify(path, "deviation", jobs=1)
        pairs, hr = (PairedDataset(path, windows=True, only=only) for only in (None, "hr"))
        if not same:
            with pytest.raises(UsageError, match="has other windows at scale 4"):
                hr.scores("deviation", FOUR)
            continue
        assert hr.scores("deviation", FOUR).tolist() == pairs.scores("deviation").tolist()
        made = Loader(hr, 4, degrade="bicubic", scale=4, patch_size=24, difficulty="deviation")
        expected = dict(zip(pairs.keys, pairs.scores("deviation"), strict=True))
        (batch,) = made
        assert batch.difficulty.tolist() == pytest.approx([expected[key] for key in batch.keys])


def test_a_subset_by_mask_and_its_mistakes(folder: Path) -> None:
    data = PairedDataset(folder, split="train", windows=True)
    mask = np.arange(len(data)) % 3 == 1
    assert data.subset(mask).keys == [key for key, kept in zip(data.keys, mask, strict=True) if kept]
    assert len(data.subset(mask & False)) == 0
    assert data.subset(-1).keys == data.keys[-1:]
    for wrong in ([len(data)], mask[:-1]):
        with pytest.raises(IndexError):
            data.subset(wrong)


def test_a_subset_has_an_epoch_of_its_own(folder: Path) -> None:
    data = PairedDataset(folder, split="train", windows=True, patch_size=20)
    data.set_epoch(4)
    part = data.subset([3])
    assert part[0]["hr"].equal(data[3]["hr"])
    part.set_epoch(5)
    assert part[0]["hr"].equal(data[(5, 3)]["hr"])
    assert data[3]["hr"].equal(data[(4, 3)]["hr"])


def test_scores_and_subsets_make_no_python_object_for_a_window(tmp_path: Path) -> None:
    many = Windows(size=8, step=4)
    path = write_shards(tmp_path, position_pairs(FOUR, [(400, 400)]), FOUR, windows=many)
    classify(path, "edges", jobs=1)
    data = PairedDataset(path, windows=True)
    size = len(pickle.dumps(data))
    before = sys.getallocatedblocks()
    part = data.subset(data.scores("edges") >= 0)
    assert sys.getallocatedblocks() - before < 1000
    assert len(part) == 99 * 99
    assert len(pickle.dumps(data)) == size
    assert len(pickle.dumps(part)) < size + 8 * len(part) + 1000
    before = sys.getallocatedblocks()
    keys = part.keys
    assert sys.getallocatedblocks() - before > 0.9 * len(keys), "a list of keys would be noticed"


def test_classes_are_those_of_classsr() -> None:
    """Below, from, and from the second threshold on, as its script divides."""
    scores = [20, 27.16881, 27.16882, 35.149760, 35.149761, math.inf]
    assert classes(scores).tolist() == [0, 0, 1, 1, 2, 2]
    assert CLASSSR == (27.16882, 35.149761)
    assert classes([1, 5], [3]).tolist() == [0, 1]
    assert np.bincount(classes(np.arange(99), [33, 66])).tolist() == [33, 33, 33]
    with pytest.raises(UsageError, match="thresholds 3, 3 must ascend"):
        classes([1], [3, 3])


def test_the_command_prints_a_small_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", str(folder), "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder}: psnr of 10 windows of 96 every 48 at x4, in dB"
    assert [line.split()[0] for line in lines[3:]] == ["thirds", "ClassSR", "hardest", "easiest"]
    scores = pq.read_table(folder / "scores/psnr-x4-96-48-24.parquet")
    values = scores.column("psnr").to_numpy()
    expected = np.sort(values)[[0, 1, 2, 4, 7, 8, 9]]
    assert lines[2].split() == [f"{value:.2f}" for value in expected]
    worst = scores.take([int(values.argmin())]).to_pylist()[0]
    assert lines[5].split()[1] == f"{worst['key']}_s{worst['order'] + 1:03d}"
    counts = [int(word) for word in lines[3].replace(",", " ").split() if word.isdigit()]
    assert counts == [3, 3, 4]


def test_the_table_of_flat_windows(tmp_path: Path) -> None:
    """Infinite PSNR and equal scores."""
    flat = {"0001": (np.zeros((24, 48, 3), np.uint8), np.zeros((96, 192, 3), np.uint8))}
    path = write_shards(tmp_path, flat, FOUR, windows=WINDOWS)
    (kind,) = classify(path, jobs=1)
    assert summary(path, kind).splitlines()[2:5] == [
        "              inf     inf     inf     inf     inf     inf     inf",
        "  thirds  0 below inf, 0 between, 3 from inf",
        "  ClassSR 0 below 27.17, 0 between, 3 from 35.15",
    ]


def test_kinds_have_names_of_their_own() -> None:
    kinds = [
        ScoreKind(by, Scale(scale), Windows(size=size, step=24, threshold=threshold))
        for by in SCORES
        for scale in ("4", "1.5")
        for size in (48, 96)
        for threshold in (0, 24)
    ]
    assert len({kind.file for kind in kinds}) == len(kinds)


def test_the_kinds_of_score_of_a_set_are_read_from_its_files(folder: Path) -> None:
    content = read_set(folder)
    entry = next(iter(content.files.values()))
    kinds = [ScoreKind(by, Scale(scale), Windows(size=96, step=48)) for by in SCORES for scale in (1.5, 4)]
    files = {kind.file: entry for kind in reversed(kinds)} | {
        "index.parquet": entry,
        "scores/x.parquet": entry,
    }
    assert kinds_of(content.model_copy(update={"files": files})) == kinds
