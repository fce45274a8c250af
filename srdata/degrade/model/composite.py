"""Ops made of ops: one of several, maybe, in random order, several times.

What was chosen stands in δ beside the steps that were drawn, and nothing else does: branches not taken draw
nothing. Within a batch, images that take the same way go through it together.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from srdata.degrade.model.distributions import chance, field_key, integer, weighted
from srdata.degrade.model.op import Op, Params, Settings
from srdata.degrade.model.op_generators import OpGenerators
from srdata.degrade.model.ranges import IntRange, between
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array
from srdata.errors import UsageError

if TYPE_CHECKING:
    AnyOp = Op  # the union of all ops, which `ops` knows when its table is complete

Step = dict[str, Any]  # {"op": name, "version": number, "params": what it drew}
Way = list[tuple[Op, Params]]  # the ops that an image goes through, with their parameters
_NOT_DRAWN_FROM = np.random.Generator(np.random.Philox(key=0))


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, dict | Op) else value


# One op, or a list of ops one after another.
Steps = Annotated[tuple["AnyOp", ...], BeforeValidator(_listed), Field(min_length=1)]


class Choice(Op):
    """An op made of ops."""

    @abstractmethod
    def parts(self) -> list[Op]:
        """Every op inside, in the order of their numbering."""

    @abstractmethod
    def draw(self, draws: OpGenerators) -> Params:
        """Choose a way, and draw the parameters of the ops on it."""

    @abstractmethod
    def way(self, params: Params) -> Way:
        """The way that was chosen."""

    @cached_property
    def sets_size(self) -> bool:
        return any(op.sets_size for op in self.parts())

    def sample(self, rng: np.random.Generator) -> Params:
        return self.draw(OpGenerators((field_key(rng),)))

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return backend.in_place(*self.spread(x, params))

    def spread(self, x: Array, params: Sequence[Params]) -> tuple[Array, list[int]]:
        """The same, but images that take the same way lie together; and the place of each in the batch."""
        ways = [self.sized_way(one) for one in params]
        groups: dict[Hashable, list[int]] = {}
        for place, way in enumerate(ways):
            groups.setdefault(tuple([op.kin for op, _ in way]), []).append(place)
        return lead_groups(*_filled(ways, groups), x)

    def sized_way(self, params: Params) -> Way:
        """The way that was chosen, with the final size told to the ops that need it."""
        way = self.way(params)
        if not self.sets_size:
            return way
        return [(op, sized(op, drawn, params.get("lr_size"))) for op, drawn in way]


def sized(op: Op, params: Params, lr_size: Any) -> Params:
    """The parameters of an op together with the final size, if the op needs it."""
    return {**params, "lr_size": lr_size} if op.sets_size else params


def _filled(ways: list[Way], groups: dict[Hashable, list[int]]) -> tuple[list[Way], list[list[int]]]:
    """Ways and groups; where nothing is done, images go with the others if those ops can do nothing."""
    if len(groups) == 2 and () in groups:
        busy = next(way for way in ways if way)
        idle: Way = [(op, op.neutral) for op, _ in busy if op.neutral is not None]
        if len(idle) == len(busy):
            return [way or idle for way in ways], [[*range(len(ways))]]
    return ways, list(groups.values())


def lead_groups(ways: Sequence[Way], groups: Sequence[Sequence[int]], x: Array) -> tuple[Array, list[int]]:
    """Lead groups of a batch along their ways, one after another; and the place of each image in the batch.

    Images stay where they came to lie, as every order costs a pass over them.
    """
    order: list[int] = []

    def led(part: Array, places: Sequence[int]) -> Array:
        done, moved = _lead([ways[place] for place in places], part)
        order.extend(places[place] for place in moved)
        return done

    return backend.one_by_one(x, groups, led), order


def _lead(ways: Sequence[Way], x: Array) -> tuple[Array, list[int]]:
    """Lead a batch along ways of ops that are kin."""
    order = list(range(len(ways)))
    for number, (op, _) in enumerate(ways[0]):
        params = [ways[place][number][1] for place in order]
        if isinstance(op, Choice):
            x, moved = op.spread(x, params)
            order = [order[place] for place in moved]
        else:
            x = op.apply(x, params)
    return x, order


def draw_steps(ops: Sequence[Op], draws: OpGenerators) -> list[Step]:
    """What each of `ops` draws for one image."""
    return [draw_step(op, draws) for op in ops]


def draw_step(op: Op, draws: OpGenerators) -> Step:
    """What an op draws for one image, with the name and version of the op."""
    if isinstance(op, Choice):
        params = op.draw(draws)
    else:  # to make a generator takes longer than to resize a small image
        params = op.sample(draws.of(op) if op.draws else _NOT_DRAWN_FROM)
    return {"op": op.op, "version": op.version, "params": params}


def way_of(ops: Sequence[Op], steps: Sequence[Step]) -> Way:
    """Each op with the parameters of its step; UsageError if these are not the ops that drew them."""
    pairs = zip(ops, steps, strict=False)
    way = [(op, step["params"]) for op, step in pairs if (op.op, op.version) == (step["op"], step["version"])]
    if len(way) < max(len(ops), len(steps)):
        wanted = [(op.op, op.version) for op in ops]
        given = [(step["op"], step["version"]) for step in steps]
        raise UsageError(f"δ was drawn by other ops, or other versions: {given}; this chain has {wanted}")
    return way


def leaves(way: Way, lr_size: Any) -> Iterator[tuple[Op, Params]]:
    """The plain ops on a way, in the order in which they are applied, with the final size told."""
    for op, params in way:
        if isinstance(op, Choice):
            yield from leaves(op.way(params), lr_size)
        else:
            yield op, sized(op, params, lr_size)


def counted(ops: Iterable[Op]) -> Iterator[Op]:
    """The ops that drawing from all of `ops` would count: a repetition numbers its parts by itself."""
    for op in ops:
        yield op
        if isinstance(op, Choice) and not isinstance(op, Repeat):
            yield from counted(op.parts())


class Branch(Settings):
    """One of the ways of `one_of`."""

    weight: Annotated[float, between(0)] = 1.0
    steps: Annotated[
        tuple[AnyOp, ...], BeforeValidator(_listed)
    ]  # none: this branch leaves the image as it is


class OneOf(Choice):
    """One of several branches, each as likely as its weight."""

    op: Literal["one_of"] = "one_of"
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _possible(self) -> OneOf:
        if not any(branch.weight > 0 for branch in self.branches):
            raise ValueError("all branches have weight 0; give one of them a positive weight")
        return self

    def parts(self) -> list[Op]:
        return [op for branch in self.branches for op in branch.steps]

    def draw(self, draws: OpGenerators) -> Params:
        chosen = weighted(draws.of(self), [branch.weight for branch in self.branches])
        steps: list[Step] = []
        for number, branch in enumerate(self.branches):
            if number == chosen:
                steps = draw_steps(branch.steps, draws)
            else:
                draws.pass_over(counted(branch.steps))
        return {"branch": chosen, "steps": steps}

    def way(self, params: Params) -> Way:
        return way_of(self.branches[params["branch"]].steps, params["steps"])


class Maybe(Choice):
    """Its steps with probability `p`, else nothing."""

    op: Literal["maybe"] = "maybe"
    p: Annotated[float, between(0, 1)]
    steps: Steps

    def parts(self) -> list[Op]:
        return list(self.steps)

    def draw(self, draws: OpGenerators) -> Params:
        if chance(draws.of(self), self.p):
            return {"applied": True, "steps": draw_steps(self.steps, draws)}
        draws.pass_over(counted(self.steps))
        return {"applied": False, "steps": []}

    def way(self, params: Params) -> Way:
        return way_of(self.steps, params["steps"]) if params["applied"] else []


class Shuffled(Choice):
    """Its items in random order; an item that is a list of ops stays together.

    `in_order` numbers items (from 0) that keep the order in which they stand, in the places that the shuffle
    gave to them. With probability 1 - `p` nothing is shuffled.
    """

    op: Literal["shuffled"] = "shuffled"
    items: Annotated[tuple[Steps, ...], Field(min_length=2)]
    in_order: tuple[int, ...] = ()
    p: Annotated[float, between(0, 1)] = 1.0

    @model_validator(mode="after")
    def _known(self) -> Shuffled:
        if not set(self.in_order) <= set(range(len(self.items))):
            raise ValueError(
                f"in_order {list(self.in_order)} must number items from 0 to {len(self.items) - 1}"
            )
        return self

    def parts(self) -> list[Op]:
        return [op for item in self.items for op in item]

    def draw(self, draws: OpGenerators) -> Params:
        order = self._order(draws.of(self))
        return {"order": order, "steps": [draw_steps(item, draws) for item in self.items]}

    def _order(self, rng: np.random.Generator) -> list[int]:
        shuffles = chance(rng, self.p)
        ranks = [float(rng.random()) for _ in self.items]
        if not shuffles:
            return list(range(len(self.items)))
        order = sorted(range(len(self.items)), key=ranks.__getitem__)
        kept = iter(sorted(self.in_order))
        return [next(kept) if item in self.in_order else item for item in order]

    def way(self, params: Params) -> Way:
        steps = params["steps"]
        return [pair for item in params["order"] for pair in way_of(self.items[item], steps[item])]


class Repeat(Choice):
    """Its steps several times, drawn anew each time."""

    op: Literal["repeat"] = "repeat"
    times: Annotated[IntRange, between(0, 100)]
    steps: Steps

    def parts(self) -> list[Op]:
        return list(self.steps)

    def draw(self, draws: OpGenerators) -> Params:
        count = integer(draws.of(self), self.times)
        return {"turns": [draw_steps(self.steps, turn) for turn in draws.turns(self, count)]}

    def way(self, params: Params) -> Way:
        return [pair for steps in params["turns"] for pair in way_of(self.steps, steps)]
