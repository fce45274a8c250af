"""One training run: a model, its optimiser and how far it has come, saved and restored as plain tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from srdata.degrade.learned.car.losses import Loss, difference, quantised
from srdata.degrade.learned.car.safetensors_file import (
    check_shapes,
    notes_of,
    read_bytes,
    tensors_of,
    write_tensors,
)
from srdata.degrade.learned.car.training_crops import Photographs
from srdata.degrade.model.op import Settings
from srdata.errors import UsageError

WARM_UP = 100  # steps; Adam's first steps are so coarse that they would undo a good start
_LAST_RATE = 0.02  # of the learning rate, at the last step
_MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam keeps of each parameter


class TrainingPlan(Settings):
    """All that decides the trained weights but the images."""

    scale: Literal[2, 4, 8]
    width: Annotated[int, Field(ge=1, le=1024)] = 64  # channels of the kernel network; the authors' has 64
    upscaler_width: Annotated[int, Field(ge=1, le=1024)] = 64
    upscaler_blocks: Annotated[int, Field(ge=0, le=64)] = 8
    steps: Annotated[int, Field(ge=1)] = 100_000
    batch_size: Annotated[int, Field(ge=1)] = 16
    patch_size: Annotated[int, Field(ge=16, multiple_of=8)] = 192  # HR pixels
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    kernel_rate: Annotated[float, Field(gt=0, le=10)] = 1.0  # of the kernel network, times learning_rate
    loss: Loss = "absolute"  # the paper's; "squared" is what PSNR measures
    displacement: Annotated[float, Field(ge=0)] = (
        1e-3  # how much each regulariser counts beside the difference
    )
    roughness: Annotated[float, Field(ge=0)] = 1e-3
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.1  # of every image's columns, to measure on
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


class TrainingRun:
    """A run of `plan.steps` steps of a model that gives, for HR, that HR made again and a cost besides."""

    def __init__(self, model: nn.Module, photographs: Photographs, plan: TrainingPlan) -> None:
        self.model, self.photographs, self.plan = model, photographs, plan
        self.done = 0
        self._parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimiser = torch.optim.Adam(self._groups())
        for parameter in self._parameters.values():  # as Adam would at its first step, but before a save
            moments = {moment: torch.zeros_like(parameter) for moment in _MOMENTS}
            self._optimiser.state[parameter] = {"step": torch.zeros(()), **moments}

    def step(self) -> Tensor:
        """Take one step and return its loss, without waiting for the device."""
        plan = self.plan
        hr = self.photographs.batch(plan.seed, self.done, plan.batch_size).to(_device(self.model))
        for group in self._optimiser.param_groups:
            group["lr"] = plan.learning_rate * group["share"] * rate(self.done, plan.steps)
        restored, cost = self.model(hr)
        loss: Tensor = difference(restored - hr, plan.loss) + cost
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch does not type it
        self._optimiser.step()
        self.done += 1
        return loss.detach()

    @torch.no_grad()
    def psnr(self) -> float | None:
        """The mean over the held-out parts of the PSNR of what the model makes again (dB, RGB, 8 bits)."""
        found: list[float] = []
        for part in self.photographs.held_out_parts():
            hr = part.to(_device(self.model))
            error = (quantised(self.model(hr)[0]) - hr).square().mean()
            found.append(-10 * math.log10(max(float(error), 1e-12)))
        return sum(found) / len(found) if found else None

    def save(self, path: Path, mark: Mapping[str, Any]) -> None:
        """Write all that the rest of the run depends on, with `mark`, which says what work it is."""
        write_tensors(path, self._state(), {**mark, "done": self.done})

    def restore(self, path: Path, mark: Mapping[str, Any]) -> None:
        """Go on from what `save` wrote. Raises UsageError if it belongs to other work, or is damaged."""
        data = read_bytes(path, None)
        notes, tensors = notes_of(data, str(path)), tensors_of(data, str(path))
        same_work(notes, mark, path)
        state = self._state()
        check_shapes(tensors, {name: tuple(value.shape) for name, value in state.items()}, str(path))
        with torch.no_grad():
            for name, value in state.items():
                value.copy_(tensors[name])
        self.done = int(notes["done"])
        for kept in self._optimiser.state.values():
            kept["step"].fill_(self.done)

    def _groups(self) -> list[dict[str, Any]]:
        """The parameters by the share of the learning rate at which they are trained."""
        kernels = [value for name, value in self._parameters.items() if name.startswith("down.")]
        others = [value for name, value in self._parameters.items() if not name.startswith("down.")]
        groups = [(kernels, self.plan.kernel_rate), (others, 1.0)]
        return [{"params": values, "share": share} for values, share in groups if values]

    def _state(self) -> dict[str, Tensor]:
        """The tensors themselves, not copies: those of the model and those that Adam keeps."""
        named = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self._parameters.items():
            kept = self._optimiser.state[parameter]
            named |= {f"{moment}.{name}": kept[moment] for moment in _MOMENTS}
        return named


def rate(done: int, steps: int) -> float:
    """The learning rate after `done` of `steps` steps, as a share of the highest: up, then half a cosine."""
    rise = min(1.0, (done + 1) / WARM_UP)
    return rise * (_LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done / steps)))


def same_work(found: Mapping[str, Any], mark: Mapping[str, Any], path: Path) -> None:
    """Raise UsageError unless the notes in a file are those of the work that is asked for."""
    plan, wanted = found.get("plan") or {}, mark["plan"]
    changed = [f"{name} {plan.get(name)}" for name in wanted if plan.get(name) != wanted[name]]
    changed += ["other images"] if not changed and found.get("images") != mark["images"] else []
    if changed:
        raise UsageError(
            f"{path} was trained with {', '.join(changed)}: "
            "ask for the same, give another --out, or delete it"
        )


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
