"""Where the draws of one image come from: a generator for every occurrence of every op.

The second blur of a chain draws from the address (image, "blur", 1). So what other ops there are, what they
draw and in which order they are applied makes no difference to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from srdata.rng import Address, key

if TYPE_CHECKING:
    from srdata.degrade.op import Op

_ZEROS = np.zeros(4, np.uint64)
_FRESH = {"bit_generator": "Philox", "buffer": _ZEROS, "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}


class Draws:
    """The generators of one walk over the ops of a chain, for one image.

    Ops whose draws decide a size take theirs from the address of a group of images, so that all images of the
    group draw the same; the others take theirs from the address of the image.
    """

    def __init__(self, image: tuple[Address, ...], group: tuple[Address, ...] | None = None) -> None:
        self.image = image
        self.group = image if group is None else group
        self._seen: Counter[str] = Counter()
        self._bits = np.random.Philox(key=0)
        self._rng = np.random.Generator(self._bits)

    def of(self, op: Op) -> np.random.Generator:
        """The generator of the next occurrence of `op`, good until the next one is asked for.

        It is `srdata.rng.generator` of the same address; but to make one takes ten times as long as this.
        """
        number = self._seen[op.op]
        self._seen[op.op] += 1
        self._bits.state = _start(key(*(self.group if op.sets_size else self.image), op.op, number))
        return self._rng

    def pass_over(self, ops: Iterable[Op]) -> None:
        """Count ops that draw nothing this time, so that those after them keep their numbers."""
        self._seen.update(op.op for op in ops)

    def turns(self, op: Op, count: int) -> Iterable[Draws]:
        """Draws of their own for each of `count` repetitions of what the latest occurrence of `op` holds."""
        inside = (f"{op.op}[{self._seen[op.op] - 1}]",)
        for turn in range(count):
            yield Draws((*self.image, *inside, turn), (*self.group, *inside, turn))


def _start(seed: int) -> Any:
    """The state of a fresh `np.random.Philox(key=seed)`."""
    words = np.array([seed & 0xFFFF_FFFF_FFFF_FFFF, seed >> 64], np.uint64)
    return {**_FRESH, "state": {"counter": _ZEROS, "key": words}}
