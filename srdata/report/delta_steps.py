"""Walking through δ: the steps inside other steps, and what was applied in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from srdata.degrade.model.composite import Step
from srdata.degrade.model.op import Params

INSIDE = frozenset({"steps", "turns"})  # the parameters that hold other steps
HIDDEN = frozenset({"key", "lr_size"})  # a name of noise, and a size that stands elsewhere


def inside(params: Params, here: str) -> Iterator[tuple[Sequence[Step], str]]:
    """The steps within the step numbered `here`, with the start of their numbers, as the recipe has them."""
    if "order" in params:
        yield from ((steps, f"{here}{letter(item)}.") for item, steps in enumerate(params["steps"]))
    elif "branch" in params:
        yield params["steps"], f"{here}{letter(params['branch'])}."
    else:
        yield from ((steps, f"{here}.") for steps in params.get("turns", [params.get("steps", [])]))


def applied(steps: Sequence[Step]) -> Iterator[str]:
    """The names of the ops that were applied, in their order."""
    for step in steps:
        parts = [inner for inner, _ in inside(step["params"], "")]
        for item in step["params"].get("order", range(len(parts))):
            yield from applied(parts[item])
        if not INSIDE & step["params"].keys():
            yield step["op"]


def lines(steps: Sequence[Step], before: str = "") -> Iterator[str]:
    """A line for each step, numbered as the recipe has it, with what was drawn for it."""
    for number, step in enumerate(steps, 1):
        here, params = f"{before}{number}", step["params"]
        drawn = (f"{name} {shown(value)}" for name, value in params.items() if name not in INSIDE | HIDDEN)
        yield f"{here:8} {step['op']:16} {', '.join(drawn)}".rstrip()
        for part, start in inside(params, here):
            yield from lines(part, start)


def letter(number: int) -> str:
    """a, b, c for the parts of a recipe."""
    return chr(ord("a") + number) if number < 26 else f"({number})"


def shown(value: Any) -> str:
    """A drawn value as short text: numbers with three digits, or all those before the point."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    return "yes" if value is True else "no" if value is False else str(value)
