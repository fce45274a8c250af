"""Images of a batch that drew the same setting go through an op together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import itemgetter

from srdata.degrade.model.op import Params
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array


def alike(
    x: Array, params: Sequence[Params], names: Sequence[str], work: Callable[[Array, Sequence[Params]], Array]
) -> Array:
    """`work(images, their parameters)` once for all images whose parameters `names` are equal."""
    if len(params) == 1:
        return work(x, params)
    groups: dict[Hashable, list[int]] = {}
    setting = itemgetter(*names)
    for place, drawn in enumerate(params):
        groups.setdefault(setting(drawn), []).append(place)
    return backend.by_groups(
        x, list(groups.values()), lambda part, places: work(part, [params[place] for place in places])
    )
