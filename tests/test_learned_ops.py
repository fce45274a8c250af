"""Downscaling by networks: what the files hold is what is applied, and no file is trusted unasked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import torch
import yaml
from degrade_examples import photographs as batch_of
from test_car import random_network
from torch import Tensor, nn
from torch.export import Dim

from srdata.degrade.chain import load_chain
from srdata.degrade.learned.car.any_size import downscale
from srdata.degrade.learned.car.safetensors_file import write_tensors
from srdata.degrade.learned.car.training import train_resampler
from srdata.degrade.learned.car.weights import cached_network
from srdata.degrade.model.op import Op
from srdata.degrade.ops import OPS
from srdata.degrade.whole_images import degrade
from srdata.errors import HashMismatchError, RecipeError, SrdataError, UsageError
from srdata.images import read_image, write_png
from srdata.inference import load_network, upscale

SCALE = 4

Step = dict[str, Any]


class Mean(nn.Module):
    """The mean of every 4x4 pixels, which OpenCV's INTER_AREA gives too."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 4)


class Files(NamedTuple):
    """The folder of the files below, and a step of a chain for each."""

    folder: Path
    steps: dict[str, Step]


def pinned(path: Path, op: str, **settings: Any) -> Step:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"op": op, "scale": SCALE, "weights": str(path), "sha256": digest, **settings}


def export(module: nn.Module, path: Path, *, fixed: bool = False) -> Path:
    sizes = None if fixed else ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    program = torch.export.export(module, (torch.rand(2, 3, 32, 48),), dynamic_shapes=sizes)
    torch.export.save(program, path)
    return path


def script(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():  # torch.jit is deprecated; networks saved with it are still about
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(module), path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Weights of CAR as safetensors and as the authors write them; the same network in two kinds of file."""
    folder = tmp_path_factory.mktemp("weights")
    state = random_network(SCALE, width=2).state_dict()
    write_tensors(folder / "car.safetensors", state, {})
    torch.save({f"module.{name}": value for name, value in state.items()}, folder / "kgn.pth")
    export(Mean(), folder / "mean.pt2")
    script(Mean(), folder / "mean.pt")
    steps = {
        "car": pinned(folder / "car.safetensors", "car"),
        "pth": pinned(folder / "kgn.pth", "car", allow_pth=True),
        "pt2": pinned(folder / "mean.pt2", "network", trust=True),
        "pt": pinned(folder / "mean.pt", "network", trust=True),
    }
    return Files(folder, steps)


def op_of(step: Step) -> Op:
    """The op of a step, read from JSON as a recipe is."""
    return OPS[step["op"]].model_validate_json(json.dumps(step), strict=True)


def problem(step: Step) -> str:
    """What a recipe with that step is refused for."""
    with pytest.raises(RecipeError) as caught:
        load_chain([step])
    return str(caught.value)


each = pytest.mark.parametrize("kind", ["car", "pth", "pt2", "pt"])


# --- what every op promises ---


@each
def test_numpy_and_torch_agree_and_the_input_is_untouched(kind: str, files: Files) -> None:
    op, x = op_of(files.steps[kind]), batch_of(45, 62)
    kept = x.copy()
    host, tensor = op.apply(x, [{}, {}]), op.apply(torch.from_numpy(x.copy()), [{}, {}])
    assert isinstance(host, np.ndarray)
    assert isinstance(tensor, Tensor)
    assert (host.dtype, tensor.dtype) == (np.float32, torch.float32)
    assert host.shape == tensor.shape == (2, 3, 11, 15)
    assert 0 <= host.min() <= host.max() <= 1
    assert np.abs(host - tensor.numpy()).max() < 1e-6
    assert np.array_equal(x, kept)


@each
def test_alone_is_as_within_a_batch(kind: str, files: Files) -> None:
    op, x = op_of(files.steps[kind]), batch_of(40, 52, count=3)
    alone = np.concatenate([op.apply(x[k : k + 1], [{}]) for k in range(3)])
    assert np.abs(op.apply(x, [{}] * 3) - alone).max() < 1e-5


@each
def test_the_resolved_form_reads_back_and_processes_may_pass_it_on(kind: str, files: Files) -> None:
    op, x = op_of(files.steps[kind]), batch_of(16, 16, count=1)
    plain = op.model_dump(mode="json")
    assert plain["version"] == 1
    assert op_of(plain) == op
    assert np.array_equal(pickle.loads(pickle.dumps(op)).apply(x, [{}]), op.apply(x, [{}]))  # noqa: S301  # made on this line
    with pytest.raises(ValueError, match="frozen"):
        op.op = "other"


@each
def test_nothing_is_drawn(kind: str, files: Files) -> None:
    assert op_of(files.steps[kind]).sample(np.random.default_rng(0)) == {}


@pytest.mark.cuda
@each
def test_cuda_agrees(kind: str, files: Files) -> None:
    op, x = op_of(files.steps[kind]), batch_of(45, 62)
    device = op.apply(torch.from_numpy(x.copy()).cuda(), [{}, {}])
    assert device.is_cuda
    assert np.abs(op.apply(x, [{}, {}]) - device.cpu().numpy()).max() <= 1 / 255


# --- the right pixels ---


@pytest.mark.parametrize("kind", ["car", "pth"])
def test_car_downscales_an_image_as_its_network_does(kind: str, files: Files, photographs: Path) -> None:
    hr = read_image(photographs / "coffee.png")[50:147, 80:230]
    lr = degrade(hr, [files.steps[kind]], SCALE).lr
    tensor = torch.from_numpy(hr[:96, :148].copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        wanted = downscale(random_network(SCALE, width=2), tensor)[0].permute(1, 2, 0).mul(255).round()
    assert lr.shape == (24, 37, 3)
    assert np.array_equal(lr, wanted.numpy().astype(np.uint8))


@pytest.mark.parametrize("kind", ["pt2", "pt"])
def test_a_network_of_your_own_downscales_as_it_says(kind: str, files: Files, photographs: Path) -> None:
    hr = read_image(photographs / "coffee.png")[50:146, 80:232]
    lr = degrade(hr, [files.steps[kind]], SCALE).lr
    area = cv2.resize(hr.astype(np.float32), (38, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(lr - area).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("kind", ["car", "pt2"])
def test_the_pixels_are_those_of_any_number_of_threads(kind: str, files: Files) -> None:
    op, x = op_of(files.steps[kind]), batch_of(120, 176)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append((op.apply(x, [{}, {}]) * 255).round())
    torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_further_steps_may_follow(files: Files, photographs: Path) -> None:
    hr = read_image(photographs / "coffee.png")[:64, :96]
    made = degrade(hr, [files.steps["car"], {"op": "jpeg", "quality": 30}], SCALE)
    assert made.lr.shape == (16, 24, 3)
    assert not np.array_equal(made.lr, degrade(hr, [files.steps["car"]], SCALE).lr)


def test_chains_without_these_ops_leave_torch_alone() -> None:
    code = "import sys, srdata.degrade.chain; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


# --- settings and images that do not fit ---


def test_a_scale_that_is_not_the_chains_is_named(files: Files) -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UsageError, match=r"ends at 16x16 instead of 32x32 \(HR / scale\)"):
        degrade(image, [files.steps["car"]], 2)


def test_grey_images_are_named(files: Files) -> None:
    with pytest.raises(UsageError, match=r"takes colour images of at least 4x4 pixels, not 64x64 with 1"):
        degrade(np.zeros((64, 64), np.uint8), [files.steps["car"]], SCALE)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("car", {"scale": 3}, r"steps\[0\].scale: must be one of 2, 4 or 8, not 3"),
        ("car", {"scale": 2}, "was trained for x4, not x2: give the weights for x2"),
        ("car", {"sha256": "0" * 64}, r"has the sha256 \w{64}, not 0{64}: get the file that was meant"),
        ("pt2", {"sha256": "0" * 64}, r"has the sha256 \w{64}, not 0{64}: get the file that was meant"),
        ("car", {"sha256": "abc"}, r"steps\[0\].sha256"),
        ("car", {"weights": "none.safetensors"}, "cannot read the weights none.safetensors: No such file"),
        ("pth", {"allow_pth": False}, "is a pickle, not safetensors: .* set allow_pth: true"),
        ("pt2", {"trust": False}, "carries code that runs when it is read: .* set trust: true"),
        ("pt", {"trust": False}, "carries code that runs when it is read: .* set trust: true"),
        ("pt2", {"scale": 0}, r"steps\[0\].scale"),
        ("car", {"pickle": True}, r"steps\[0\].pickle is not known here|pickle: is not known here"),
    ],
)
def test_settings_that_do_not_fit_are_errors_of_the_recipe(
    kind: str, change: Step, message: str, files: Files
) -> None:
    with pytest.raises(RecipeError, match=message):
        load_chain([{**files.steps[kind], **change}])


def test_the_hash_must_be_given(files: Files) -> None:
    for kind in ("car", "pt2"):
        step = {name: value for name, value in files.steps[kind].items() if name != "sha256"}
        assert "sha256" in problem(step)


def test_paths_are_taken_from_the_folder_of_the_recipe(files: Files, tmp_path: Path) -> None:
    step = {**files.steps["car"], "weights": "car.safetensors"}
    context = {"folder": files.folder}
    x = batch_of(16, 16, count=1)
    op = OPS["car"].model_validate_json(json.dumps(step), context=context)
    assert np.array_equal(op.apply(x, [{}]), op_of(files.steps["car"]).apply(x, [{}]))
    (tmp_path / "link").symlink_to(files.folder)
    absolute = {**step, "weights": str(files.folder / "car.safetensors")}
    assert OPS["car"].model_validate(absolute, context={"folder": tmp_path}), "the user's own recipe"
    (tmp_path / "srdata.json").touch()  # a published folder, of whomsoever
    for weights in (f"../{files.folder.name}/car.safetensors", "link/car.safetensors", "/etc/passwd"):
        with pytest.raises(ValueError, match="leads out of"):
            OPS["car"].model_validate({**step, "weights": weights}, context={"folder": tmp_path})


# --- networks that are not what they should be ---


class Wrong(nn.Module):
    """Makes what `change` makes of the right result."""

    def __init__(self, change: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Any:
        return self.change(nn.functional.avg_pool2d(x, SCALE))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y[:, :1], r"made \(1, 1, 4, 6\) of \(1, 3, 16, 24\): at x4 it must be \(1, 3, 4, 6\)"),
        (lambda y: (y, y), r"made tuple of \(1, 3, 16, 24\)"),
        (lambda y: y / (y - y), "made numbers that are not finite"),
    ],
)
def test_results_that_are_no_lr_image_are_named(
    change: Callable[[Tensor], Any], message: str, tmp_path: Path
) -> None:
    path = export(Wrong(change), tmp_path / "wrong.pt2")
    op = op_of(pinned(path, "network", trust=True))
    with pytest.raises(UsageError, match=message):
        op.apply(batch_of(16, 24, count=1), [{}])


def test_a_network_of_one_size_says_how_to_export_it(tmp_path: Path) -> None:
    op = op_of(pinned(export(Mean(), tmp_path / "fixed.pt2", fixed=True), "network", trust=True))
    assert op.apply(batch_of(32, 48), [{}, {}]).shape == (2, 3, 8, 12)
    with pytest.raises(
        UsageError, match=r"fails on a batch of shape .* export it with dynamic batch, height"
    ):
        op.apply(batch_of(16, 24), [{}, {}])


def test_results_beyond_the_range_are_clipped(tmp_path: Path) -> None:
    path = export(Wrong(lambda y: 4 * y - 1), tmp_path / "steep.pt2")
    found = op_of(pinned(path, "network", trust=True)).apply(batch_of(32, 48), [{}, {}])
    assert (found.min(), found.max()) == (0, 1)


@pytest.mark.parametrize("suffix", [".pt2", ".pt", ".ts"])
@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 torn", b"\x80\x02}q\x00.", b"text", "no code"])
def test_files_that_are_no_network_are_named(suffix: str, data: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / f"torn{suffix}"
    path.write_bytes(data if isinstance(data, bytes) else empty_archive(data))
    assert f"torn{suffix} cannot be read as {suffix} by torch" in problem(pinned(path, "network", trust=True))


def empty_archive(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/version", text)
    return buffer.getvalue()


def test_torn_networks_are_a_clear_error(files: Files, tmp_path: Path) -> None:
    for kind in ("pt2", "pt"):
        whole = Path(files.steps[kind]["weights"]).read_bytes()
        for share in (0.3, 0.7, 0.99):
            path = tmp_path / f"torn.{kind}"
            path.write_bytes(whole[: int(len(whole) * share)])
            assert "cannot be read as" in problem(pinned(path, "network", trust=True))


def test_other_suffixes_are_named(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "mean.pth"
    path.write_bytes(Path(files.steps["pt"]["weights"]).read_bytes())
    assert "save the network with torch.export as .pt2" in problem(pinned(path, "network", trust=True))


# --- hostile files ---


class Evil:
    """Unpickled by a reader that trusts it, it makes the folder `mark`."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return os.mkdir, (str(self.mark),)


def trapped(step: Step) -> None:
    """Read a chain with that step."""
    with suppress(SrdataError):
        load_chain([step])


def hostile_pt2(files: Files, path: Path, mark: Path) -> Path:
    """The good network, its sample inputs exchanged for a pickle that makes the folder `mark`."""
    with zipfile.ZipFile(files.folder / "mean.pt2") as good, zipfile.ZipFile(path, "w") as bad:
        for name in good.namelist():
            evil = name.endswith(".pt") and "sample_inputs" in name
            bad.writestr(name, _saved(Evil(mark)) if evil else good.read(name))
    return path


def _saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_code_in_a_file_runs_for_those_who_trust_it_alone(files: Files, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    step = pinned(hostile_pt2(files, tmp_path / "evil.pt2", mark), "network", trust=True)
    for safe in ({**step, "trust": False}, {**step, "sha256": "0" * 64}):
        trapped(safe)
        assert not mark.exists()
    trapped(step)
    assert mark.exists()  # or the trap would prove nothing


def test_code_in_a_pth_never_runs(tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "kgn.pth"
    torch.save({"ds_1.1.weight": Evil(mark)}, path)
    trapped(pinned(path, "car", allow_pth=True))
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # or the trap would prove nothing


# --- from training to a chain ---


def test_what_training_leaves_is_used_by_the_line_it_gives(photographs: Path, tmp_path: Path) -> None:
    tiny = {"width": 1, "upscaler_width": 1, "upscaler_blocks": 0, "batch_size": 1, "patch_size": 16}
    trained = train_resampler(photographs, 2, tmp_path / "car.safetensors", steps=1, held_out=0.0, **tiny)
    step = yaml.safe_load(trained.step)
    op = OPS["car"].model_validate(step, context={"folder": tmp_path})
    assert op.apply(np.zeros((1, 3, 9, 16), np.float32), [{}]).shape == (1, 3, 4, 8)


def test_weights_that_change_under_a_chain_are_noticed(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "car.safetensors"
    path.write_bytes(Path(files.steps["car"]["weights"]).read_bytes())
    op = op_of(pinned(path, "car"))
    path.write_bytes(b"other")
    cached_network.cache_clear()  # as in a new process
    with pytest.raises(HashMismatchError, match=r"car.safetensors has the sha256"):
        op.apply(batch_of(16, 16), [{}, {}])


def test_a_recipe_names_the_line_of_wrong_weights(files: Files, tmp_path: Path) -> None:
    weights = Path(files.steps["car"]["weights"])
    (tmp_path / weights.name).write_bytes(weights.read_bytes())
    step = {**files.steps["car"], "weights": weights.name}
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"steps:\n  - {json.dumps({**step, 'sha256': '0' * 64})}\n")
    with pytest.raises(RecipeError, match=r"mine.yaml:2: .*car.safetensors has the sha256"):
        load_chain(recipe)
    (tmp_path / "srdata.json").touch()
    recipe.write_text(f"steps:\n  - {json.dumps(files.steps['car'])}\n")
    with pytest.raises(RecipeError, match=r"mine.yaml:2: .*leads out of"):
        load_chain(recipe)
    recipe.write_text(f"steps:\n  - {json.dumps(step)}\n")
    assert load_chain(recipe).steps[0].op == "car", "found beside the recipe, wherever one works"


def test_a_program_of_torch_export_upscales_files(tmp_path: Path) -> None:
    """Here, as this process has all that an export takes."""
    network = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2)).eval()
    image = np.random.default_rng(4).integers(0, 256, (37, 50, 3), np.uint8)
    write_png(tmp_path / "image.png", image)
    path = export(network, tmp_path / "network.pt2")
    with pytest.raises(UsageError, match=r"runs code of whoever made it when it is read: .*add --trust"):
        load_network(path)
    [made] = upscale(load_network(path, trust=True), tmp_path / "image.png", tmp_path / "out")
    with torch.no_grad():
        sr = (
            network(torch.from_numpy(image).permute(2, 0, 1)[None] / 255).clamp(0, 1)[0].permute(1, 2, 0)
            * 255
        )
    assert abs(read_image(made).astype(int) - sr.round().int().numpy()).max() <= 1
    with pytest.raises(UsageError, match=r"fails on an RGB image of 64x64 .*export it with dynamic height"):
        load_network(export(network, tmp_path / "fixed.pt2", fixed=True), trust=True)
