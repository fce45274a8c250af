"""Self-ensemble: a network runs on an image turned in several ways, and its outputs are averaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from srdata.common.wording.amounts import how_many
from srdata.dihedral.tensor_turns import turned, unturned
from srdata.errors import UsageError
from srdata.images import TRANSPOSES
from srdata.inference.averages import Reduce, as_batch, averaged, check_reduce, one_tensor

Model = Callable[[Tensor], Tensor]

# The turns (see srdata.dihedral.array_turns) of each self-ensemble.
TRANSFORMS: dict[int, tuple[int, ...]] = {
    8: (0, 1, 2, 3, 4, 5, 6, 7),  # all flips and quarter turns: EDSR+, and ZSSR with the median
    4: (0, 6, 3, 5),  # the quarter turns 0°, 90°, 180° and 270°, without flips: SR-LUT
    2: (0, 1),  # as it is, and left and right exchanged
}


def self_ensemble(
    model: Model,
    x: Tensor,
    *,
    transforms: int = 8,
    reduce: Reduce = "mean",
    at_once: int | None = None,
    grad: bool = False,
) -> Tensor:
    """The mean or median of what `model` makes of `x` flipped and turned, each output turned back.

    `x` is (N, C, H, W) or (C, H, W), on any device; the model takes a batch (N, C, H, W) and gives one, at
    any scale and with any number of channels. `transforms` is
        8  all flips and quarter turns (EDSR: Lim et al., CVPRW 2017, section 3.4; the median: ZSSR)
        4  the quarter turns, without flips (SR-LUT: Jo and Kim, CVPR 2021)
        2  as it is, and left and right exchanged
    Turned copies of one size go through the model together: all of them where x is square, else those that
    keep height and width, then those that exchange them; `at_once` is the most copies of `x` in one call.
    The average is taken in float32 (float64 of float64) and given back in the type of the model's output,
    neither rounded nor clamped. No gradients are kept, unless `grad` (SR-LUT trains through its four turns);
    whether the model is in training mode is left as it is.

    Raises UsageError for settings that make no sense, and where outputs are no tensors or differ in size.

    >>> x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> self_ensemble(lambda image: image.cumsum(3), x, transforms=2)  # [[1, 3], [3, 7]] and [[3, 2], [7, 4]]
    tensor([[[[2.0000, 2.5000],
              [5.0000, 5.5000]]]])
    """
    _check(transforms, reduce, at_once)
    batch = as_batch(x)
    with nullcontext() if grad else torch.no_grad():
        average = averaged(_outputs(model, batch, TRANSFORMS[transforms], at_once), reduce)
    return average if x.ndim == 4 else average[0]


class SelfEnsemble(nn.Module):
    """A model as it is under `self_ensemble`, which has the same settings."""

    def __init__(
        self,
        model: nn.Module,
        *,
        transforms: int = 8,
        reduce: Reduce = "mean",
        at_once: int | None = None,
        grad: bool = False,
    ) -> None:
        super().__init__()
        _check(transforms, reduce, at_once)
        self.model = model
        self.transforms = transforms
        self.reduce: Reduce = reduce
        self.at_once = at_once
        self.grad = grad

    def forward(self, x: Tensor) -> Tensor:
        """The average for a batch (N, C, H, W) or an image (C, H, W)."""
        return self_ensemble(
            self.model,
            x,
            transforms=self.transforms,
            reduce=self.reduce,
            at_once=self.at_once,
            grad=self.grad,
        )


def _outputs(model: Model, x: Tensor, turns: Sequence[int], at_once: int | None) -> Iterator[Tensor]:
    """What the model makes of `x` under each of the turns, turned back."""
    for part in _parts(turns, x.shape[2] == x.shape[3], at_once):
        together = one_tensor(model(torch.cat([turned(x, turn) for turn in part])))
        if together.ndim < 3 or len(together) != len(part) * len(x):
            raise UsageError(
                f"the model makes {tuple(together.shape)} of {how_many(len(part) * len(x), 'image')}: "
                "it must give one for each; with at_once=1 it gets no more of them than x holds"
            )
        for output, turn in zip(together.chunk(len(part)), part, strict=True):
            yield unturned(output, turn)


def _parts(turns: Sequence[int], square: bool, at_once: int | None) -> list[Sequence[int]]:
    """The turns, by those that may go through a model together."""
    keeping = [turn for turn in turns if not turn & TRANSPOSES]
    exchanging = [turn for turn in turns if turn & TRANSPOSES]
    count = at_once or len(turns)
    return [
        group[first : first + count]
        for group in ([turns] if square else [keeping, exchanging])
        for first in range(0, len(group), count)
    ]


def _check(transforms: int, reduce: Reduce, at_once: int | None) -> None:
    if transforms not in TRANSFORMS:
        raise UsageError(f"transforms={transforms} is not offered: choose 8, 4 or 2")
    if at_once is not None and at_once < 1:
        raise UsageError(f"at_once={at_once} must be 1 or more, or None for no bound")
    check_reduce(reduce)
