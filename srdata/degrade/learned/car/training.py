"""Training the resampler together with a small upscaler, as the paper does; interrupted work goes on.

The loss is the mean absolute (or squared) difference between the HR image and what the upscaler makes of the
8-bit LR image, plus a little of the displacement and the roughness of the kernels
(`losses`). Adam, with a short rise and a cosine decay of the learning rate. Crops and
starting values are drawn by address, so a run that was interrupted ends with the weights of one that was not,
on the same kind of machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pydantic
from torch import Tensor, nn

from srdata.common.documents import mistakes
from srdata.common.output_paths import check_output
from srdata.common.progress import progress
from srdata.degrade.learned.car.gather import adaptive_gather
from srdata.degrade.learned.car.initial_weights import fresh_network, fresh_upscaler
from srdata.degrade.learned.car.losses import displacement, quantised, roughness
from srdata.degrade.learned.car.network import KernelNetwork
from srdata.degrade.learned.car.safetensors_file import notes_of, read_bytes, write_tensors
from srdata.degrade.learned.car.training_crops import Photographs
from srdata.degrade.learned.car.training_run import TrainingPlan, TrainingRun, same_work
from srdata.degrade.learned.car.upscaler import Upscaler
from srdata.errors import UsageError, given_path
from srdata.scale import OneScale, Scale

Report = Callable[[str], None]


class Joint(nn.Module):
    """The resampler and the upscaler, one after the other, with 8-bit LR between them."""

    def __init__(self, down: KernelNetwork, up: Upscaler, plan: TrainingPlan) -> None:
        super().__init__()
        self.down, self.up, self.plan = down, up, plan

    def forward(self, hr: Tensor) -> tuple[Tensor, Tensor]:
        """The HR image made again, and what the kernels cost besides."""
        taps = self.down(hr)
        lr = quantised(adaptive_gather(hr, taps, self.plan.scale))
        cost = self.plan.displacement * displacement(taps) + self.plan.roughness * roughness(taps)
        return self.up(lr), cost


@dataclass(frozen=True)
class Trained:
    """What a training run left behind."""

    weights: Path
    sha256: str
    upscaler: Path
    psnr: float | None  # dB, RGB, 8 bits, mean over the held-out parts; None where nothing was held out
    scale: int

    @property
    def step(self) -> str:
        """The line by which a degradation uses the weights."""
        return f"{{op: car, scale: {self.scale}, weights: {self.weights.name}, sha256: {self.sha256}}}"


def train_resampler(
    folder: str | Path,
    scale: OneScale,
    out: str | Path,
    *,
    device: str = "cpu",
    checkpoint_every: int = 1000,
    resume: bool = True,
    report: Report | None = None,
    **options: Any,
) -> Trained:
    """Train a resampler for `scale` on the images below `folder`; `out` is the safetensors file of weights.

    `options` are the other fields of `TrainingPlan`. Beside `out` stand the upscaler (….upscaler.safetensors)
    and, while training goes on, its state (….training.safetensors, written every `checkpoint_every` steps),
    from which the same call goes on unless `resume` is false. `report` is told in lines of text how it goes.
    Raises UsageError for settings that make no sense, or that are not those of what is already there, and
    where a file would be written over that no training run wrote.
    """
    exact = Scale(scale)
    whole = int(exact) if exact.denominator == 1 else float(exact)  # which the plan refuses
    plan, out = plan_of({"scale": whole, **options}), given_path(out)
    state, upscaler = _beside(out, "training"), _beside(out, "upscaler")
    for path in (out, upscaler) if resume else (out, upscaler, state):  # a state is checked where it is read
        check_output(path, ours=_is_trained)
    photographs = Photographs(Path(folder), plan.patch_size, plan.held_out)
    mark = {"plan": plan.model_dump(mode="json"), "images": photographs.digest}
    if resume and out.exists():
        return _already_there(out, mark)
    model = Joint(fresh_network(plan.scale, plan.width, plan.seed), _upscaler(plan), plan)
    run = TrainingRun(model.to(device), photographs, plan)
    if resume and state.exists():
        run.restore(state, mark)
    _train(run, state, mark, checkpoint_every, report or _silent)
    return _finish(model, out, mark, run.psnr())


def plan_of(options: Mapping[str, Any]) -> TrainingPlan:
    """The checked plan; UsageError names every wrong setting."""
    try:
        return TrainingPlan.model_validate(options)
    except pydantic.ValidationError as error:
        found = mistakes(error, dict(options), TrainingPlan.model_json_schema())
        wrong = "; ".join(f"{'.'.join(map(str, place))} {what}" for place, what in found)
        raise UsageError(f"cannot train so: {wrong}") from error


def _train(run: TrainingRun, state: Path, mark: Mapping[str, Any], every: int, report: Report) -> None:
    steps = run.plan.steps
    with progress(f"train x{run.plan.scale}", steps, "steps") as advance:
        run.save(state, mark)  # a full or read-only disk shows now, not after hours
        advance(run.done)
        while run.done < steps:
            loss = run.step()
            advance(1)
            if run.done % every == 0 or run.done == steps:
                report(f"step {run.done} of {steps}: loss {_finite(loss, run):.5f}{_shown(run.psnr())}")
                run.save(state, mark)


def _finite(loss: Tensor, run: TrainingRun) -> float:
    if not math.isfinite(value := float(loss)):
        raise UsageError(
            f"training failed before step {run.done}, the loss is {value}: "
            f"choose a learning_rate below {run.plan.learning_rate:g}"
        )
    return value


def _shown(psnr: float | None) -> str:
    return "" if psnr is None else f", held out {psnr:.2f} dB"


def _finish(model: Joint, out: Path, mark: Mapping[str, Any], psnr: float | None) -> Trained:
    upscaler, notes = _beside(out, "upscaler"), {**mark, "psnr": psnr}
    write_tensors(upscaler, model.up.state_dict(), notes)
    digest = write_tensors(out, model.down.state_dict(), notes)
    _beside(out, "training").unlink(missing_ok=True)
    return Trained(out, digest, upscaler, psnr, model.plan.scale)


def _already_there(out: Path, mark: Mapping[str, Any]) -> Trained:
    data = read_bytes(out, None)
    notes = notes_of(data, str(out))
    same_work({name: notes.get(name) for name in mark}, mark, out)
    return Trained(
        out, sha256(data).hexdigest(), _beside(out, "upscaler"), notes["psnr"], mark["plan"]["scale"]
    )


def _is_trained(path: Path) -> bool:
    """Whether a file was written by a training run."""
    try:
        return "plan" in notes_of(read_bytes(path, None), str(path))
    except UsageError:
        return False


def _upscaler(plan: TrainingPlan) -> Upscaler:
    return fresh_upscaler(plan.scale, plan.upscaler_width, plan.upscaler_blocks, plan.seed)


def _beside(out: Path, what: str) -> Path:
    """car-x4.safetensors: car-x4.upscaler.safetensors."""
    return out.with_name(f"{out.stem}.{what}.safetensors")


def _silent(line: str) -> None:
    """Report nothing."""
