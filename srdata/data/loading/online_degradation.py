"""The settings by which a loader makes LR of HR crops instead of reading it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from srdata.data.arbitrary_scale.scale_pairs import ArbitraryScale
from srdata.data.datasets.mixed import Mixed
from srdata.data.loading.online_lr import Degradation, Degrading, Making, Rescaling
from srdata.data.sampling.schedule import Schedule, every, mapped
from srdata.errors import UsageError
from srdata.scale import Scale
from srdata.vocabulary import Only

AnyScale = int | float | str | Scale


@dataclass(frozen=True)
class OnlineDegradation:
    """What is made of HR crops, at which scale, and how much around a patch is degraded with it.

    All but `scale` go with a `degrade`; None reads LR as it is stored. See `Degrading` for `group`, `margin`,
    `anywhere`, `loose` and `plain_hr`; with `mirrored` the margin may lie beyond the image.
    """

    degrade: Degradation | ArbitraryScale | Schedule[Degradation] | None
    scale: AnyScale | None
    group: int | None
    margin: int
    loose: int
    mirrored: bool
    plain_hr: bool
    anywhere: bool

    @property
    def only(self) -> Only | None:
        """The side that is read alone."""
        return None if self.degrade is None else "hr"

    @property
    def around(self) -> int:
        """HR pixels on each side of a patch that are read with it and mirrored beyond the image."""
        return self.margin if self.mirrored else 0

    @property
    def any_scale(self) -> bool:
        """Whether patches of any scale are made, which are turned after that."""
        return isinstance(self.degrade, ArbitraryScale)

    def load(self, mixed: Mixed, device: torch.device) -> tuple[Making | Schedule[Making] | None, Scale]:
        """What makes LR, None where it is read, and the scale of batches; UsageError or RecipeError."""
        if self.degrade is None:
            self._check_unused(mixed)
            self._check_mirrored(mixed.scale, mixed.scale)
            return None, mixed.scale
        if any(one.only == "lr" for one in mixed.sets):
            raise UsageError("degrade= makes LR of HR, which only='lr' leaves out: open the data with its HR")
        of_data = None if mixed.scale == 1 else mixed.scale  # HR alone has none
        scale = of_data if self.scale is None else Scale(self.scale)
        making = mapped(partial(self._making, scale, device), self.degrade)
        makings: Iterator[Making] = every(making)
        made = next(makings).scale
        self._check_mirrored(mixed.scale, made)
        return making, made

    def _making(
        self, scale: Scale | None, device: torch.device, degrade: Degradation | ArbitraryScale
    ) -> Making:
        """One of what makes LR; raises UsageError or RecipeError where a device cannot run it.

        `scale` may be None where the degradation is made for one alone.
        """
        if isinstance(degrade, ArbitraryScale):
            return Rescaling(degrade, scale or Scale(1))
        from srdata.degrade.chain import load_chain, load_device_chain
        from srdata.degrade.whole_images import scale_of

        if device.type == "mps":  # which has no float64, and not every operation
            raise UsageError(
                "degrade= runs on the CPU and on CUDA: give device='cpu', and move the batches to mps"
            )
        chain = load_chain(degrade) if device.type == "cpu" else load_device_chain(degrade)
        made_at = scale_of(chain, scale)
        return Degrading(chain, made_at, self.group, self.margin, self.plain_hr, self.loose, self.anywhere)

    def _check_unused(self, mixed: Mixed) -> None:
        """Raise UsageError for a setting that does nothing where LR is read as it is stored."""
        remedy = "give degrade= as well, or leave it out"
        for name in ("group", "margin", "anywhere", "loose", "plain_hr"):
            if value := getattr(self, name):
                raise UsageError(f"{name}={value} is of a degradation: {remedy}")
        if self.scale is not None and Scale(self.scale) != mixed.scale:
            raise UsageError(f"scale={self.scale} is not that of the data, {mixed.scale}: {remedy}")

    def _check_mirrored(self, of_data: Scale, scale: Scale) -> None:
        """Raise UsageError where patches cannot be those of the LR of whole images, or lie anywhere."""
        if self.anywhere and (self.mirrored or not self.margin):
            raise UsageError("anywhere= places a patch within its margin: give margin=, and not mirrored=")
        if self.mirrored and not self.margin:
            raise UsageError("mirrored= says what a margin is beyond an image: give margin= as well")
        if self.mirrored and of_data != scale:
            raise UsageError(
                f"mirrored= takes patches on the grid of LR: open the data set with scale={scale} as well"
            )

    def drawn_size(self, mixed: Mixed, scale: Scale, patch_size: int | None) -> int | None:
        """The side of what is drawn for a patch, in HR pixels; None for that of the data; raises UsageError.

        What is degraded with a patch is drawn with it, but for what is mirrored.
        """
        if isinstance(self.degrade, ArbitraryScale):
            return self.degrade.hr_patch
        size = mixed.sets[0].patch_size if patch_size is None else patch_size
        more = 2 * self.margin + self.loose
        if size is None and more:
            raise UsageError("margin= or loose= is read around a patch: give patch_size= as well")
        if size is not None and size % scale.numerator:
            raise UsageError(
                f"patch_size {size} is no multiple of {scale.numerator}, which scale {scale} needs"
            )
        return patch_size if size is None or not more or self.mirrored else size + more
