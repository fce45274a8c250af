"""`srdata upscale`: networks of every form on image files, by tiles, turned, resumed; and what is refused."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from srdata.cli import run
from srdata.errors import ImageError, StorageFullError, UsageError
from srdata.inference import load_network, upscale
from srdata.inference import upscale_folder as module

Image8 = NDArray[np.uint8]
FACTORY = "small_network:make"
SOURCE = '''
import torch
from torch import nn


class Small(nn.Module):
    """Two convolutions that see four pixels far, added to enlargement by repetition: x2."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 12, 5, padding=2))
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, x):
        return nn.functional.interpolate(x, scale_factor=2.0) + 0.5 * self.shuffle(self.body(x))


def make():
    return Small()


def nothing():
    return 4


class Kept(nn.Module):
    """With a weight, so that there is something to load."""

    def __init__(self):
        super().__init__()
        self.kept = nn.Parameter(torch.ones(1))


class Grey(Kept):
    def forward(self, x):
        return x[:, :1]


class Windowed(Kept):
    """x3, for sides that are multiples of 24 alone."""

    def forward(self, x):
        assert x.shape[2] % 24 == x.shape[3] % 24 == 0
        return x.repeat_interleave(3, 2).repeat_interleave(3, 3)


class Hungry(Kept):
    def forward(self, x):
        return torch.empty(2**60) if x.shape[3] > 300 else x
'''


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module of the user's, where it can be imported."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "small_network.py").write_text(SOURCE)
    sys.path.append(str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("small_network", None)


@pytest.fixture(scope="module")
def network(folder: Path) -> nn.Module:
    torch.manual_seed(3)
    from small_network import make  # type: ignore[import-not-found]

    return make().eval()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def weights(folder: Path, network: nn.Module) -> Path:
    torch.save(network.state_dict(), folder / "small.pth")
    return folder / "small.pth"


@pytest.fixture(scope="module")
def kept(folder: Path) -> Path:
    torch.save({"kept": torch.ones(1)}, folder / "kept.pth")
    return folder / "kept.pth"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for number, (name, size) in enumerate(
        {"a.png": (33, 41), "b.png": (20, 20), "deep/c.bmp": (17, 64)}.items()
    ):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8) // (number + 1)).save(path)
    return tmp_path / "photos"


def pixels(path: Path) -> Image8:
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.mode == "RGB"
        return np.asarray(image)


@torch.no_grad()
def expected(network: Callable[[Tensor], Tensor], path: Path) -> Image8:
    """By torch alone."""
    with Image.open(path) as image:
        x = torch.from_numpy(np.asarray(image.convert("RGB")).copy()).permute(2, 0, 1)[None] / 255
    return (network(x).clamp(0, 1) * 255).round().byte()[0].permute(1, 2, 0).numpy()


def written(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*.png"))}


def checkpoints(network: nn.Module, folder: Path) -> dict[str, Path]:
    """The same weights as trainers keep them."""
    state = network.state_dict()
    saved: dict[str, Any] = {
        "plain.pth": state,
        "basicsr.pth": {"params": {name: 0 * value for name, value in state.items()}, "params_ema": state},
        "ddp.pth": {f"module.{name}": value for name, value in state.items()},
        "compiled.pth": {"model": {f"_orig_mod.{name}": value for name, value in state.items()}, "step": 4},
        "lightning.ckpt": {
            "state_dict": {f"net.{name}": value for name, value in state.items()} | {"loss.w": torch.ones(1)},
            "epoch": 3,
        },
    }
    for name, content in saved.items():
        torch.save(content, folder / name)
    safetensors.torch.save_file(state, folder / "small.safetensors")
    return {name: folder / name for name in (*saved, "small.safetensors")}


def test_weights_in_every_form_make_what_torch_makes(
    network: nn.Module, photos: Path, tmp_path: Path
) -> None:
    for name, path in checkpoints(network, tmp_path).items():
        loaded = load_network(path, FACTORY)
        assert (loaded.scale, loaded.multiple) == (2, 1)
        upscale(loaded, photos, tmp_path / "out" / name)
        for made, source in (("a.png", "a.png"), ("b.png", "b.png"), ("deep/c.png", "deep/c.bmp")):
            assert np.array_equal(pixels(tmp_path / "out" / name / made), expected(network, photos / source))


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_program_runs_where_it_is_trusted(
    network: nn.Module, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TorchScript, under a name that says nothing; test_learned_ops.py has one of torch.export."""
    path = tmp_path / "small.pth"
    torch.jit.script(network).save(path)
    command = ["upscale", str(path), str(photos / "a.png"), str(tmp_path / "out")]
    assert run(command) == 2
    assert re.search("runs code of whoever made it when it is read: .*add --trust", capsys.readouterr().err)
    with pytest.raises(UsageError, match="leave the factory out"):
        load_network(path, FACTORY, trust=True)
    assert run([*command, "--trust"]) == 0
    difference = pixels(tmp_path / "out" / "a.png").astype(int) - expected(network, photos / "a.png")
    assert abs(difference).max() <= 1  # other kernels may sum in another order


def test_tiles_give_what_the_whole_image_gives(
    network: nn.Module, weights: Path, photos: Path, tmp_path: Path
) -> None:
    """The network sees 4 pixels far, which is half of an overlap of 8; of one of 2 it is not."""
    loaded = load_network(weights, FACTORY)
    upscale(loaded, photos, tmp_path / "whole")
    upscale(loaded, photos, tmp_path / "tiles", tile=16, overlap=8)
    upscale(loaded, photos, tmp_path / "torn", tile=16, overlap=2)
    assert written(tmp_path / "whole") == written(tmp_path / "tiles") != written(tmp_path / "torn")


def test_a_multiple_is_given_to_networks_with_windows(
    kept: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "upscale",
        str(kept),
        str(photos),
        str(tmp_path / "out"),
        "--factory",
        "small_network:Windowed",
    ]
    assert run(command) == 2
    assert "or give --multiple" in capsys.readouterr().err
    tiles = [*command[:3], str(tmp_path / "tiles"), *command[4:], "--tile", "48"]
    wanted = np.asarray(Image.open(photos / "a.png")).repeat(3, 0).repeat(3, 1)
    for words, out in ((command, "out"), (tiles, "tiles")):
        assert run([*words, "--multiple", "24"]) == 0
        assert np.array_equal(pixels(tmp_path / out / "a.png"), wanted)


@pytest.mark.parametrize(
    ("ensemble", "ways"), [(8, [(f, q) for f in (0, 1) for q in range(4)]), (2, [(0, 0), (1, 0)])]
)
def test_the_ensemble_is_the_mean_of_turned_images(
    network: nn.Module,
    weights: Path,
    photos: Path,
    tmp_path: Path,
    ensemble: int,
    ways: list[tuple[int, int]],
) -> None:
    def mean(x: Tensor) -> Tensor:
        found = []
        for flip, quarters in ways:
            seen = torch.rot90(x.flip(3) if flip else x, quarters, (2, 3))
            back = torch.rot90(network(seen), -quarters, (2, 3))
            found.append(back.flip(3) if flip else back)
        return torch.stack(found).mean(0)

    upscale(load_network(weights, FACTORY), photos, tmp_path / "out", ensemble=ensemble)
    difference = pixels(tmp_path / "out" / "a.png").astype(int) - expected(mean, photos / "a.png")
    assert abs(difference).max() <= 1
    assert (difference == 0).mean() > 0.999


def test_an_interrupted_run_goes_on(
    weights: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between its note and the file, as the worst that can be; what was made is not made again."""
    loaded = load_network(weights, FACTORY)
    upscale(loaded, photos, tmp_path / "whole")
    count, write = iter(range(10)), module.write_file

    def write_or_die(path: Path, data: bytes) -> None:
        if path.suffix == ".png" and next(count) == 1:
            raise KeyboardInterrupt
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_file", write_or_die)
        with pytest.raises(KeyboardInterrupt):
            upscale(loaded, photos, tmp_path / "out")
    assert list(written(tmp_path / "out")) == ["a.png"]
    with (tmp_path / "out" / "upscaled.jsonl").open("ab") as file:
        file.write(b'{"key": "de')  # a line that was cut off
    stamp = (tmp_path / "out" / "a.png").stat().st_mtime_ns
    assert len(upscale(load_network(weights, FACTORY), photos, tmp_path / "out")) == 3
    assert written(tmp_path / "out") == written(tmp_path / "whole")
    assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == stamp


def test_another_network_or_image_is_made_anew_even_after_a_kill(
    network: nn.Module, weights: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    upscale(load_network(weights, FACTORY), photos, out)
    first = written(out)
    torch.save({name: value / 2 for name, value in network.state_dict().items()}, tmp_path / "half.pth")
    half = load_network(tmp_path / "half.pth", FACTORY)
    with monkeypatch.context() as patch:
        patch.setattr(
            module, "write_file", lambda path, data: path.suffix == ".png" and exec("raise KeyboardInterrupt")
        )
        with pytest.raises(KeyboardInterrupt):
            upscale(half, photos, out)
    upscale(half, photos, out)
    second = written(out)
    assert all(first[name] != second[name] for name in first)
    shutil.copy(photos / "b.png", photos / "a.png")
    upscale(half, photos, out)
    assert written(out)["a.png"] == written(out)["b.png"] == second["b.png"]


def test_what_is_not_of_an_earlier_run_stays(weights: Path, photos: Path, tmp_path: Path) -> None:
    loaded, out = load_network(weights, FACTORY), tmp_path / "out"
    upscale(loaded, photos, out)
    (out / "b.png").write_bytes(b"mine")
    before = written(out)
    with pytest.raises(UsageError, match=r"b\.png is there already, and this command did not write it"):
        upscale(loaded, photos, out)
    assert written(out) == before
    with pytest.raises(UsageError, match="is the folder that is read"):
        upscale(loaded, photos, photos)
    (tmp_path / "other").mkdir()
    for mine in ("notes of mine\n", "notes of mine"):
        (tmp_path / "other" / "upscaled.jsonl").write_text(mine)
        with pytest.raises(UsageError, match=r"upscaled\.jsonl is there already"):
            upscale(loaded, photos, tmp_path / "other")


def test_results_below_the_folder_that_is_read_are_not_read(weights: Path, photos: Path) -> None:
    loaded = load_network(weights, FACTORY)
    for _ in range(2):
        assert len(upscale(loaded, photos, photos / "sr")) == 3


def test_images_are_read_by_the_policy(
    network: nn.Module, weights: Path, photos: Path, tmp_path: Path
) -> None:
    """Grey is RGB; alpha and 16 bits are errors with a remedy that works, and the others are written."""
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 256, (12, 14), np.uint8)
    Image.fromarray(grey).save(photos / "grey.png")
    Image.fromarray(rng.integers(0, 256, (12, 14, 4), np.uint8)).save(photos / "seen-through.png")
    Image.fromarray(rng.integers(0, 65536, (12, 14)).astype(np.uint16)).save(photos / "sixteen.png")
    loaded, out = load_network(weights, FACTORY), tmp_path / "out"
    with pytest.raises(ImageError) as told:
        upscale(loaded, photos, out)
    assert {"alpha", "depth16"} == {
        word for word in ("alpha", "depth16", "cmyk") if f"--images {word}=" in str(told.value)
    }
    assert sorted(written(out)) == ["a.png", "b.png", "deep/c.png", "grey.png"]
    assert np.array_equal(pixels(out / "grey.png"), expected(network, photos / "grey.png"))
    options = ("--images", "alpha=white", "--images", "depth16=round", "--factory", FACTORY)
    assert run(["upscale", str(weights), str(photos), str(out), *options]) == 0
    assert len(written(out)) == 6


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


def test_no_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"params": Evil()}, protocol=2))
    torch.save({"params": Evil()}, tmp_path / "zipped.pth")
    for name in ("evil.pth", "zipped.pth"):
        with pytest.raises(UsageError, match="holds more than weights, which is not read"):
            load_network(tmp_path / name, FACTORY)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    ("content", "factory", "told"),
    [
        ({"x": torch.ones(2)}, FACTORY, "does not fit what small_network:make makes: Missing key"),
        ({"x": 1}, FACTORY, "holds no state dict"),
        ([torch.ones(2)], FACTORY, "holds no state dict"),
        ({"x": torch.ones(2)}, "small_network:nothing", "makes a int, not a torch.nn.Module"),
        ({"x": torch.ones(2)}, "small_network:gone", "give MODULE:FUNCTION"),
        ({"x": torch.ones(2)}, "nowhere", "give MODULE:FUNCTION"),
        ({"x": torch.ones(2)}, "", "give MODULE:FUNCTION"),
        ({}, "small_network:Grey", "holds no state dict"),
    ],
)
def test_a_file_that_is_no_such_network_is_told(
    tmp_path: Path, content: Any, factory: str, told: str
) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(UsageError) as error:
        load_network(tmp_path / "x.pth", factory)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_model_of_rgb_is_told(tmp_path: Path, weights: Path, kept: Path) -> None:
    with pytest.raises(UsageError, match=r"makes \(1, 1, 64, 64\) of \(1, 3, 64, 64\), not one RGB image"):
        load_network(kept, "small_network:Grey")
    (tmp_path / "x.pth").write_bytes(weights.read_bytes()[:-200])
    with pytest.raises(UsageError, match="damaged"):
        load_network(tmp_path / "x.pth", FACTORY)


def test_settings_that_make_no_sense_are_told(weights: Path, photos: Path, tmp_path: Path) -> None:
    loaded = load_network(weights, FACTORY)
    for settings, told in (
        ({"tile": 8}, "less than tile=8"),
        ({"tile": 0}, "less than tile=0"),
        ({"ensemble": 3}, "choose 8, 4 or 2"),
        ({"overlap": 8}, "give tile as well"),
    ):
        with pytest.raises(UsageError, match=told):
            upscale(loaded, photos, tmp_path / "out", **settings)
    with pytest.raises(UsageError, match="multiple=0 must be 1 or more"):
        load_network(weights, FACTORY, multiple=0)
    with pytest.raises(UsageError, match=r"device 'abacus' cannot be used: .*; take cpu"):
        load_network(weights, FACTORY, device="abacus")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="there are no images in"):
        upscale(loaded, tmp_path / "empty", tmp_path / "out")
    shutil.copy(photos / "a.png", photos / "a.bmp")
    with pytest.raises(UsageError, match="would get one name; rename one of them"):
        upscale(loaded, photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_room_is_looked_at_before_any_work(weights: Path, small_device: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (700, 700, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    with pytest.raises(StorageFullError, match="free some space, or give another OUT"):
        upscale(load_network(weights, FACTORY), tmp_path / "noise.png", small_device / "out")
    assert not list(small_device.iterdir())


def test_a_network_that_fails_on_an_image_says_what_to_do(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.zeros((20, 340, 3), np.uint8)).save(tmp_path / "wide.png")
    command = ["upscale", str(kept), str(tmp_path / "wide.png"), str(tmp_path / "out")]
    command += ["--factory", "small_network:Hungry"]
    assert run(command) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "wide.png: the network fails on 340x20 pixels: " in told
    assert told.endswith("take --tile 256")
    assert run([*command, "--tile", "256"]) == 0


def test_the_command_says_what_it_wrote(
    weights: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    command = [
        "upscale",
        str(weights),
        str(photos),
        str(out),
        "--factory",
        FACTORY,
        "--ensemble",
        "2",
        "--tile",
        "24",
    ]
    assert run(command) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}: 3 files x2\n"
    assert said.err == "upscale: 3/3 images\n"
    notes = [json.loads(line) for line in (out / "upscaled.jsonl").read_text().splitlines()]
    assert [note["key"] for note in notes] == ["a", "b", "deep/c"]
    monkeypatch.setitem(sys.modules, "spandrel", None)
    assert run(["upscale", str(weights), str(photos), str(out)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "pip install spandrel" in told


def test_spandrel_knows_the_usual_architectures(photos: Path, kept: Path, tmp_path: Path) -> None:
    pytest.importorskip("spandrel")
    from spandrel.architectures import Compact

    made = Compact.Compact(num_feat=8, num_conv=2, upscale=4)
    torch.save({"params": made.state_dict()}, tmp_path / "compact.pth")
    loaded = load_network(tmp_path / "compact.pth")
    assert loaded.scale == 4
    upscale(loaded, photos, tmp_path / "out")
    assert np.array_equal(pixels(tmp_path / "out" / "a.png"), expected(made.eval(), photos / "a.png"))
    with pytest.raises(
        UsageError, match=r"knows no architecture of these weights; .*--factory MODULE:FUNCTION"
    ):
        load_network(kept)
    command = ["upscale", str(kept), str(photos), str(tmp_path / "more"), "--factory", "small_network:Hungry"]
    assert run(command) == 0
