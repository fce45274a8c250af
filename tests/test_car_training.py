"""Training the resampler: crops by address, the paper's extra losses, resuming, and that it pays."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from srdata.degrade.learned.car import training_crops
from srdata.degrade.learned.car.any_size import downscale
from srdata.degrade.learned.car.initial_weights import fresh_network, fresh_upscaler
from srdata.degrade.learned.car.losses import difference, displacement, quantised, roughness
from srdata.degrade.learned.car.network import PixelTaps, tap_count
from srdata.degrade.learned.car.safetensors_file import notes_of, tensors_of, write_tensors
from srdata.degrade.learned.car.training import Joint, Trained, plan_of, train_resampler
from srdata.degrade.learned.car.training_crops import Photographs
from srdata.degrade.learned.car.training_run import TrainingPlan, TrainingRun, rate
from srdata.degrade.learned.car.weights import load_kernel_network
from srdata.errors import UsageError
from srdata.images import read_image, write_png
from srdata.resize import imresize

TINY = {
    "width": 2,
    "upscaler_width": 2,
    "upscaler_blocks": 1,
    "steps": 5,
    "batch_size": 2,
    "patch_size": 16,
    "held_out": 0.25,
    "learning_rate": 1e-3,
}


@pytest.fixture
def few(photographs: Path, tmp_path: Path) -> Path:
    """Small parts of two photographs, so that a run takes a second."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("coffee", "chelsea"):
        write_png(folder / f"{name}.png", read_image(photographs / f"{name}.png")[100:140, 200:264].copy())
    return folder


def train(folder: Path, out: Path, **options: Any) -> Trained:
    return train_resampler(folder, 4, out, **{"checkpoint_every": 2, **TINY, **options})


# --- losses ---


def test_quantised_rounds_to_levels_and_passes_gradients_within_the_range() -> None:
    image = torch.tensor([-0.2, 0.1, 0.5, 1.3], requires_grad=True)
    found = quantised(image)
    assert torch.allclose(found.detach() * 255, torch.tensor([0.0, 26.0, 128.0, 255.0]))
    found.sum().backward()
    assert image.grad is not None
    assert image.grad.tolist() == [0, 1, 1, 0]


def test_the_difference_is_a_mean_of_absolute_or_squared_errors() -> None:
    error = torch.tensor([[-3.0, 1.0], [0.0, 2.0]])
    assert float(difference(error, "absolute")) == 1.5
    assert float(difference(error, "squared")) == 3.5


def taps_of(seed: int) -> PixelTaps:
    weights, across, down = torch.rand(
        3, 2, tap_count(2), 3, 5, generator=torch.Generator().manual_seed(seed)
    )
    return PixelTaps(weights, across, down)


def test_displacement_is_the_distance_weighted_by_the_place_in_the_kernel() -> None:
    taps = taps_of(1)
    _, across, down = (np.asarray(field, np.float64) for field in taps)
    total = 0.0
    for n, tap, y, x in np.ndindex(*across.shape):
        outwards = np.hypot(tap // 7 - 3, tap % 7 - 3) / np.hypot(3, 3)
        total += np.hypot(across[n, tap, y, x], down[n, tap, y, x]) * outwards
    assert float(displacement(taps)) == pytest.approx(total / across.size, rel=1e-5)


def test_displacement_of_taps_at_rest_is_nothing_and_has_a_gradient() -> None:
    rest = torch.zeros(1, tap_count(2), 2, 2, requires_grad=True)
    loss = displacement(PixelTaps(rest, rest, rest))
    loss.backward()
    assert float(loss.detach()) < 1e-6
    assert rest.grad is not None
    assert torch.isfinite(rest.grad).all()


def test_roughness_is_the_weighted_change_from_pixel_to_pixel() -> None:
    taps = taps_of(2)
    weights, *fields = (np.asarray(field, np.float64) for field in taps)
    wanted = 0.0
    for field in fields:
        right = np.abs(field[..., 1:] - field[..., :-1]) * weights[..., 1:]
        down = np.abs(field[..., 1:, :] - field[..., :-1, :]) * weights[..., 1:, :]
        wanted += right.sum() / (2 * 3 * 4) + down.sum() / (2 * 2 * 5)
    assert float(roughness(taps)) == pytest.approx(wanted, rel=1e-5)
    assert float(roughness(PixelTaps(taps.weights, torch.ones(2, 49, 3, 5), torch.zeros(2, 49, 3, 5)))) == 0


# --- crops ---


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    """Images whose right quarter, and nothing else, is white."""
    for number, (height, width) in enumerate([(40, 64), (33, 100)]):
        image = np.zeros((height, width, 3), np.uint8)
        image[:, int(width * 0.75) :] = 255
        write_png(tmp_path / f"{number}.png", image)
    return tmp_path


def test_crops_never_touch_what_is_held_out(marked: Path) -> None:
    photographs = Photographs(marked, 16, 0.25)
    assert all(float(photographs.batch(0, step, 16).max()) == 0 for step in range(40))
    parts = list(photographs.held_out_parts())
    assert [part.shape for part in parts] == [(1, 3, 32, 16), (1, 3, 32, 16)]
    assert all(float(part.min()) == 1 for part in parts)
    assert float(Photographs(marked, 16, 0.0).batch(0, 0, 64).max()) == 1  # or the test would prove nothing
    assert not list(Photographs(marked, 16, 0.0).held_out_parts())


def test_crops_depend_on_their_address_alone(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = Photographs(photographs, 32, 0.25)
    late = images.batch(7, 3, 4)
    assert torch.equal(Photographs(photographs, 32, 0.25).batch(7, 3, 6)[:4], late)
    assert not torch.equal(images.batch(7, 4, 4), late)
    assert not torch.equal(images.batch(8, 3, 4), late)
    monkeypatch.setattr(training_crops, "KEPT_BYTES", 0)  # nothing is held in memory
    assert torch.equal(Photographs(photographs, 32, 0.25).batch(7, 3, 4), late)


def test_crops_are_turned_and_mirrored_in_all_eight_ways(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    write_png(tmp_path / "a.png", image)
    found = {crop.numpy().tobytes() for crop in Photographs(tmp_path, 16, 0.0).batch(0, 0, 100)}
    ways = [np.rot90(side, turn) for side in (image, image[:, ::-1]) for turn in range(4)]
    assert found == {(np.moveaxis(way, 2, 0) / np.float32(255)).astype(np.float32).tobytes() for way in ways}


def test_folders_that_cannot_be_trained_on_are_named(marked: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"0.png of 64x40 is too small for crops of 56 pixels .* 25% of its"):
        Photographs(marked, 56, 0.25)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty holds no images to train on"):
        Photographs(tmp_path / "empty", 16, 0.25)


# --- the start ---


def test_the_start_is_drawn_by_address() -> None:
    state = torch.get_rng_state()
    first, again, other = (fresh_network(4, 2, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["ds_1.1.weight"], other["ds_1.1.weight"])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_pair_starts_as_a_blur_and_a_bicubic_enlargement(scale: int, photographs: Path) -> None:
    pixels = read_image(photographs / "astronaut.png")[:192, :256]
    hr = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        lr = downscale(fresh_network(scale, 4, 0), hr)
        sr = fresh_upscaler(scale, 4, 2, 0)(lr)
    assert psnr(lr, imresize(hr, 1 / scale)) > 30  # less sharp: it has no negative weights
    assert psnr(sr, torch.nn.functional.interpolate(lr, scale_factor=scale, mode="bicubic")) > 80


def test_the_features_start_as_strong_as_the_image(photographs: Path) -> None:
    """Where they grew, Adam's steps shook all taps of all pixels; where they fade, nothing is learned."""
    pixels = read_image(photographs / "astronaut.png")[:96, :96]
    hr = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    network, strengths = fresh_network(4, 8, 0), []
    for layer in (network.ds_1, network.res_4, network.ds_8, network.kernels_trunk, network.offsets_trunk):
        layer.register_forward_hook(
            lambda _, __, out: strengths.append(float(out.detach().square().mean().sqrt()))
        )
    network(hr)
    assert len(strengths) == 5
    assert all(0.1 < strength < 1 for strength in strengths), strengths


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * (a - b).square().mean().log10())


def test_the_rate_rises_and_then_falls_as_half_a_cosine() -> None:
    assert [round(rate(done, 10_000), 4) for done in (0, 9, 99, 5000, 10_000)] == [
        0.01,
        0.1,
        0.9998,
        0.51,
        0.02,
    ]


# --- runs ---


def test_a_run_leaves_weights_that_load_and_downscale(few: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    made = train(few, tmp_path / "new" / "car.safetensors", report=lines.append)
    network = load_kernel_network(made.weights, 4, sha256=made.sha256)
    assert network.width == 2
    assert made.step == f"{{op: car, scale: 4, weights: car.safetensors, sha256: {made.sha256}}}"
    assert sorted(path.name for path in made.weights.parent.iterdir()) == [
        "car.safetensors",
        "car.upscaler.safetensors",
    ]
    assert [line.partition(":")[0] for line in lines] == [f"step {n} of 5" for n in (2, 4, 5)]
    assert made.psnr is not None
    assert lines[-1].endswith(f", held out {made.psnr:.2f} dB")
    upscaler = fresh_upscaler(4, 2, 1, 9)
    upscaler.load_state_dict(tensors_of(made.upscaler.read_bytes(), "upscaler"))
    joint = Joint(network, upscaler, plan_of({"scale": 4, **TINY}))
    again = TrainingRun(joint, Photographs(few, 16, 0.25), joint.plan).psnr()
    assert again == pytest.approx(made.psnr, abs=1e-6)


class Stopped(Exception):
    """What stops a run in the tests."""


def stop(line: str) -> None:
    if line.startswith("step 4"):
        raise Stopped


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(few: Path, tmp_path: Path) -> None:
    whole = train(few, tmp_path / "whole.safetensors")
    with pytest.raises(Stopped):  # at step 4, where the state of step 2 is the latest
        train(few, tmp_path / "torn.safetensors", report=stop)
    state = tmp_path / "torn.training.safetensors"
    assert notes_of(state.read_bytes(), "state")["done"] == 2
    torn = train(few, tmp_path / "torn.safetensors")
    assert (torn.sha256, torn.psnr) == (whole.sha256, whole.psnr)
    assert torn.upscaler.read_bytes() == whole.upscaler.read_bytes()
    assert not state.exists()


def test_resuming_is_what_makes_it_so(few: Path, tmp_path: Path) -> None:
    """The comparison can fail: what Adam keeps matters to the result."""
    whole = train(few, tmp_path / "whole.safetensors")
    with pytest.raises(Stopped):
        train(few, tmp_path / "torn.safetensors", report=stop)
    state = tmp_path / "torn.training.safetensors"
    data = state.read_bytes()
    tensors = {
        name: value * 0 if name.startswith("exp_avg.") else value
        for name, value in tensors_of(data, "state").items()
    }
    write_tensors(state, tensors, notes_of(data, "state"))
    assert train(few, tmp_path / "torn.safetensors").sha256 != whole.sha256


def test_a_killed_run_goes_on(few: Path, tmp_path: Path) -> None:
    options = {**TINY, "steps": 30, "checkpoint_every": 1}
    code = f"""
        import torch
        from srdata.degrade.learned.car.training import train_resampler
        torch.set_num_threads(1)
        train_resampler({str(few)!r}, 4, {str(tmp_path / "torn.safetensors")!r}, **{options!r})
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stderr=subprocess.PIPE)
    state, deadline = tmp_path / "torn.training.safetensors", time.monotonic() + 120
    while not done(state) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.kill()
    child.communicate()
    assert 3 <= done(state) < 30
    torn = train(few, tmp_path / "torn.safetensors", **options)
    assert torn.sha256 == train(few, tmp_path / "whole.safetensors", **options).sha256


def done(state: Path) -> int:
    """The step of a state file once it is 3 or more, else 0."""
    step = int(notes_of(state.read_bytes(), "state")["done"]) if state.exists() else 0
    return step if step >= 3 else 0


def test_a_finished_run_is_not_done_again(few: Path, tmp_path: Path) -> None:
    made = train(few, tmp_path / "car.safetensors")
    before = made.weights.stat().st_mtime_ns
    assert train(few, tmp_path / "car.safetensors") == made
    assert made.weights.stat().st_mtime_ns == before
    assert train(few, tmp_path / "car.safetensors", resume=False) == made
    assert made.weights.stat().st_mtime_ns != before


def test_other_work_under_the_same_name_is_refused(few: Path, marked: Path, tmp_path: Path) -> None:
    train(few, tmp_path / "car.safetensors")
    message = r"car.safetensors was trained with steps 5: ask for the same, give another --out, or delete it"
    with pytest.raises(UsageError, match=message):
        train(few, tmp_path / "car.safetensors", steps=6)
    with pytest.raises(UsageError, match=r"was trained with other images"):
        train(marked, tmp_path / "car.safetensors")
    with pytest.raises(Stopped):
        train(few, tmp_path / "torn.safetensors", report=stop)
    with pytest.raises(
        UsageError, match=r"torn.training.safetensors was trained with learning_rate 0.001, seed 0"
    ):
        train(few, tmp_path / "torn.safetensors", seed=3, learning_rate=0.1)


def test_a_damaged_state_is_named(few: Path, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        train(few, tmp_path / "torn.safetensors", report=stop)
    state = tmp_path / "torn.training.safetensors"
    whole = state.read_bytes()
    for damaged in (whole[:-7], whole[:20], b""):
        state.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"torn.training.safetensors is (damaged|no safetensors)"):
            train(few, tmp_path / "torn.safetensors")
    tensors, notes = tensors_of(whole, "state"), notes_of(whole, "state")
    write_tensors(state, {name: value for name, value in tensors.items() if "sub_mean" not in name}, notes)
    with pytest.raises(UsageError, match=r"torn.training.safetensors does not fit .* no model.down.sub_mean"):
        train(few, tmp_path / "torn.safetensors")


def test_training_that_fails_says_so(few: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"training failed before step \d, .* choose a learning_rate below 1e\+36"
    ):
        train(few, tmp_path / "car.safetensors", learning_rate=1e36)
    assert not (tmp_path / "car.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 3}, "scale must be one of"),
        ({"patch_size": 20}, "patch_size .*multiple of 8"),
        ({"steps": 0}, "steps must be greater than or equal to 1"),
        ({"loss": "l1"}, "loss must be one of"),
        ({"learning_rate": -1.0}, "learning_rate must be greater than 0"),
        ({"held_out": 0.9}, "held_out must be less than or equal to 0.5"),
        ({"widht": 4}, "widht is not known here, did you mean 'width'"),
        ({"steps": 0, "width": 0}, "width must .*; steps must"),
    ],
)
def test_settings_that_make_no_sense_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=rf"cannot train so: {message}"):
        plan_of({"scale": 4, **options})


class Bicubic(nn.Module):
    """What the resampler must beat: MATLAB's bicubic, then the same upscaler from the same start."""

    def __init__(self, plan: TrainingPlan) -> None:
        super().__init__()
        self.plan = plan
        self.up = fresh_upscaler(plan.scale, plan.upscaler_width, plan.upscaler_blocks, plan.seed)

    def forward(self, hr: Tensor) -> tuple[Tensor, Tensor]:
        return self.up(quantised(imresize(hr, 1 / self.plan.scale))), hr.new_zeros(())


SMALL = {
    "width": 8,
    "upscaler_width": 16,
    "upscaler_blocks": 3,
    "batch_size": 8,
    "patch_size": 48,
    "held_out": 0.25,
    "learning_rate": 2e-3,
    "kernel_rate": 0.25,
    "loss": "squared",
    "displacement": 1e-6,
    "roughness": 1e-6,
}


def joint(plan: TrainingPlan) -> Joint:
    upscaler = fresh_upscaler(plan.scale, plan.upscaler_width, plan.upscaler_blocks, plan.seed)
    return Joint(fresh_network(plan.scale, plan.width, plan.seed), upscaler, plan)


def trained_psnr(model: nn.Module, folder: Path, plan: TrainingPlan) -> float:
    run = TrainingRun(model, Photographs(folder, plan.patch_size, plan.held_out), plan)
    while run.done < plan.steps:
        run.step()
    found = run.psnr()
    assert found is not None
    return found


@pytest.mark.slow
def test_the_trained_pair_is_better_than_bicubic_down_and_up(photographs: Path) -> None:
    plan = plan_of({"scale": 4, "steps": 400, **SMALL})
    untrained = Bicubic(plan)  # its upscaler starts as bicubic enlargement
    untouched = TrainingRun(untrained, Photographs(photographs, plan.patch_size, plan.held_out), plan).psnr()
    assert untouched is not None
    assert trained_psnr(joint(plan), photographs, plan) > untouched + 0.1


@pytest.mark.slow
def test_the_trained_pair_is_better_than_bicubic_and_the_same_upscaler(photographs: Path) -> None:
    """13 minutes of one core. It takes steps: after 3000 the pair only draws level."""
    plan = plan_of({"scale": 4, "steps": 10_000, **SMALL})
    wanted = trained_psnr(Bicubic(plan), photographs, plan)
    assert trained_psnr(joint(plan), photographs, plan) > wanted
