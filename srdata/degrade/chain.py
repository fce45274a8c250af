"""A degradation: a chain of ops, read from YAML, that turns HR images into LR images.

    title: blur, downscale and compress
    steps:
      - {op: gaussian_blur, sigma: [0.2, 3]}
      - {op: resize, to: lr}
      - {op: jpeg, quality: [30, 95]}

δ, what was drawn for one image, is a list with {"op", "version", "params"} for each step: with it, the same
chain makes the same LR image again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import field_validator

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.documents import Document, check, every_mapping
from srdata.common.strict_yaml import read_yaml
from srdata.degrade.execute import Size, as_bytes, last, run_batch, walk
from srdata.degrade.model.composite import Step, Way, draw_steps, way_of
from srdata.degrade.model.op import BytesOp, Op, Params, Settings
from srdata.degrade.model.op_generators import OpGenerators
from srdata.degrade.model.ranges import between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image
from srdata.degrade.ops import OPS, AnyOp
from srdata.errors import RecipeError, UsageError, given_path
from srdata.rng import Address
from srdata.scale import LARGEST, Scale

Delta = list[Step]


class Pair(NamedTuple):
    """What training needs of one image or batch: LR, and the HR that it is to become."""

    lr: Any
    hr: Any


class Ways(NamedTuple):
    """What is done to one image: to HR, from that to LR, and to what training aims at."""

    hr: Way
    lr: Way
    target: Way


class Reproduced(Settings):
    """What a degradation reproduces."""

    paper: str = ""
    repository: str = ""
    commit: str = ""


class Chain(Settings):
    """A degradation: the steps from HR to LR, and what is done to HR itself before them.

    `hr` holds steps that alter the HR image that training aims at (Real-ESRGAN sharpens it); LR is made from
    the altered one, in 8 bits as it is stored. `target` holds steps that alter it once LR is made (APISR
    enhances lines). `scales` are those for which the ranges are meant; none means any. LR batches are rounded
    to 8-bit levels unless `rounds` is false; LR images always are.
    """

    title: str = ""
    source: Reproduced = Reproduced()
    scales: tuple[Annotated[float, between(1, LARGEST)], ...] = ()
    rounds: bool = True
    hr: tuple[AnyOp, ...] = ()
    target: tuple[AnyOp, ...] = ()
    steps: tuple[AnyOp, ...]

    @field_validator("hr", "target")
    @classmethod
    def _keeps_size(cls, ops: tuple[Op, ...]) -> tuple[Op, ...]:
        for op in ops:
            if op.sets_size:
                raise ValueError(f"{op.op} may change the size of HR; move it to steps")
        return ops

    def resolved(self) -> dict[str, Any]:
        """Every setting and the version of every op, as plain JSON values that `load_chain` takes."""
        unsaid = {"title", "source", *(() if self.target else ("target",))}
        return self.model_dump(mode="json", exclude=unsaid)

    def check_scale(self, scale: Scale) -> None:
        """Raise UsageError where the degradation is not made for a scale."""
        if self.scales and float(scale) not in self.scales:
            known = ", ".join(f"x{one:g}" for one in self.scales)
            raise UsageError(f"the degradation {self.title!r} is made for {known}, not for {scale.label}")

    def sample(self, *address: Address, group: tuple[Address, ...] | None = None) -> Delta:
        """Draw δ for the image with this address, such as (seed, epoch, key).

        What decides sizes is drawn from `group` where given, so that the images of a group can form a batch.
        """
        return draw_steps((*self.hr, *self.steps, *self.target), OpGenerators(address, group))

    def sample_batch(self, keys: Sequence[Address], *address: Address, group: int = 1) -> list[Delta]:
        """Draw δ for each image of a batch; each `group` in turn share the draws that decide sizes."""
        heads = [keys[place - place % group] for place in range(len(keys))]
        return [
            self.sample(*address, key, group=(*address, "group", head) if group > 1 else None)
            for key, head in zip(keys, heads, strict=True)
        ]

    def apply(self, x: Array, deltas: Sequence[Delta], scale: Scale | float = 1) -> Array:
        """The LR batch of an HR batch (float32 NCHW in 0–1, numpy or torch).

        Raises UsageError if the chain does not end at HR / scale.
        """
        lr: Array = self.pair(x, deltas, scale).lr
        return lr

    def pair(self, x: Array, deltas: Sequence[Delta], scale: Scale | float = 1) -> Pair:
        """The LR batch of an HR batch, and the HR batch that it belongs to (`x` where `hr` is empty)."""
        size = self._lr_size(x.shape[2], x.shape[3], scale)
        ways = [self._ways(delta) for delta in deltas]
        with backend.own_settings(x):
            return self._pair(x, ways, size)

    def _pair(self, x: Array, ways: Sequence[Ways], size: Size) -> Pair:
        hr = backend.rounded(run_batch([one.hr for one in ways], x, size)) if self.hr else x
        lr = run_batch([one.lr for one in ways], hr, size)
        self._check_end(lr.shape[2], lr.shape[3], size)
        hr = backend.rounded(run_batch([one.target for one in ways], hr, size)) if self.target else hr
        return Pair(backend.rounded(lr) if self.rounds and not self._ends_in_levels else lr, hr)

    @property
    def _ends_in_levels(self) -> bool:
        return bool(self.steps) and isinstance(self.steps[-1], BytesOp) and self.steps[-1].gives_levels

    def apply_image(self, image: Image, delta: Delta, scale: Scale | float = 1) -> Image:
        """The LR image of one HR image, both uint8 HWC; ops that work in 8 bits do not leave them."""
        lr: Image = self.pair_image(image, delta, scale).lr
        return lr

    def pair_image(self, image: Image, delta: Delta, scale: Scale | float = 1) -> Pair:
        """The LR image of one HR image, and the HR image that it belongs to."""
        size = self._lr_size(image.shape[0], image.shape[1], scale)
        ways = self._ways(delta)
        hr = as_bytes(last(ways.hr, image, size))
        lr = as_bytes(last(ways.lr, hr, size))
        self._check_end(lr.shape[0], lr.shape[1], size)
        return Pair(lr, as_bytes(last(ways.target, hr, size)))

    def stages(
        self, image: Image, delta: Delta, scale: Scale | float = 1
    ) -> Iterator[tuple[str, Params, Image]]:
        """The name of each op on the way to LR, its parameters, and the image after it."""
        size = self._lr_size(image.shape[0], image.shape[1], scale)
        for way in self._ways(delta)[:2]:
            for op, params, state in walk(way, image, size):
                image = as_bytes(state)
                yield op.op, params, image

    def _ways(self, delta: Delta) -> Ways:
        begin, end = len(self.hr), len(delta) - len(self.target)
        target = way_of(self.target, delta[end:]) if self.target else []  # few calls, as images are many
        return Ways(way_of(self.hr, delta[:begin]), way_of(self.steps, delta[begin:end]), target)

    def _lr_size(self, height: int, width: int, scale: Scale | float) -> Size:
        scale = scale if isinstance(scale, Scale) else Scale(scale)
        self.check_scale(scale)
        if height % scale.numerator or width % scale.numerator:
            raise UsageError(
                f"HR of {width}x{height} has no whole number of LR pixels at {scale.label}: "
                f"crop it to {scale.crop(width)}x{scale.crop(height)}"
            )
        return [scale.lr(height), scale.lr(width)]

    def _check_end(self, height: int, width: int, size: Size) -> None:
        if [height, width] != size:
            raise UsageError(
                f"the degradation ends at {width}x{height} instead of {size[1]}x{size[0]} (HR / scale): "
                "let its last resize be {op: resize, to: lr}"
            )


def load_chain(value: str | Path | dict[str, Any] | list[Any] | Chain, folder: Path | None = None) -> Chain:
    """The degradation of that name in the catalogue, in a YAML file, or as plain data (a list: its steps).

    Files that a YAML file names are looked for beside it, those of plain data in `folder`.

    Raises UnknownNameError with the nearest name, or RecipeError with every problem, its file and line.
    """
    return value if isinstance(value, Chain) else check(Chain, _document(value), folder)


def load_device_chain(value: str | Path | dict[str, Any] | list[Any] | Chain) -> Chain:
    """As `load_chain`, for a chain that is to run on a device: refuses ops that only the host has.

    Raises RecipeError with every such op, its file and line.
    """
    document = _document(value)
    chain = value if isinstance(value, Chain) else check(Chain, document)
    what = "can only run on the CPU: leave it out, or degrade in workers"
    problems = [
        document.problem((*place, "op"), f"{entries['op']} {what}")
        for place, entries in every_mapping(document.data)
        if (name := entries.get("op")) in OPS and OPS[str(name)].host_only
    ]
    if problems:
        raise RecipeError(problems)
    return chain


def _document(value: str | Path | dict[str, Any] | list[Any] | Chain) -> Document:
    if isinstance(value, Chain):
        value = value.resolved()
    if isinstance(value, dict | list):
        data: dict[str, Any] = {"steps": value} if isinstance(value, list) else value
        return Document(Path("degradation"), data)
    path = given_path(value, "a degradation")
    if path.suffix not in {".yaml", ".yml"}:
        path = catalog.find(Shelf.DEGRADATIONS, str(value))
    return read_yaml(path)
