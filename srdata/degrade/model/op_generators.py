"""Where the draws of one image come from: a generator for every occurrence of every op.

The second blur of a chain draws from the address (image, "blur", 1). So what other ops there are, what they
draw and in which order they are applied makes no difference to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from srdata.rng import Address, Generators

if TYPE_CHECKING:
    from srdata.degrade.model.op import Op


class OpGenerators:
    """The generators of one walk over the ops of a chain, for one image.

    Ops whose draws decide a size take theirs from the address of a group of images, so that all images of the
    group draw the same; the others take theirs from the address of the image.
    """

    def __init__(self, image: tuple[Address, ...], group: tuple[Address, ...] | None = None) -> None:
        self.image = image
        self.group = image if group is None else group
        self._seen: Counter[str] = Counter()

    @cached_property
    def _generators(self) -> Generators:
        return Generators()

    def of(self, op: Op) -> np.random.Generator:
        """The generator of the next occurrence of `op`, good until the next one is asked for."""
        number = self._seen[op.op]
        self._seen[op.op] += 1
        return self._generators.at(*(self.group if op.sets_size else self.image), op.op, number)

    def pass_over(self, ops: Iterable[Op]) -> None:
        """Count ops that draw nothing this time, so that those after them keep their numbers."""
        self._seen.update(op.op for op in ops)

    def turns(self, op: Op, count: int) -> Iterable[OpGenerators]:
        """Draws of their own for each of `count` repetitions of what the latest occurrence of `op` holds."""
        inside = (f"{op.op}[{self._seen[op.op] - 1}]",)
        for turn in range(count):
            yield OpGenerators((*self.image, *inside, turn), (*self.group, *inside, turn))
