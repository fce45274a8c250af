"""Settings that change while training goes on: patch size, batch size, degradation, order …"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Literal, NamedTuple, TypeVar

from srdata.errors import UsageError

T = TypeVar("T")
V = TypeVar("V")
Unit = Literal["iteration", "epoch"]


class Moment(NamedTuple):
    """When a batch is used."""

    epoch: int
    iteration: int  # of training: how many batches came before, in all epochs


class Schedule(Generic[T]):
    """A value for each stretch of training: {0: 64, 1000: 96} is 64 until iteration 999 and 96 from 1000 on.

    With `unit="epoch"` the stretches begin at epochs. As it is looked up by number, it holds across a resume.

    >>> sizes = Schedule({0: 64, 1000: 96})
    >>> [sizes.at(Moment(0, n)) for n in (0, 999, 1000)]
    [64, 64, 96]
    """

    def __init__(self, values: Mapping[int, T], unit: Unit = "iteration") -> None:
        if unit not in ("iteration", "epoch"):
            raise UsageError(f"unit {unit!r} of a schedule must be iteration or epoch")
        if 0 not in values or any(start < 0 for start in values):
            raise UsageError(f"a schedule begins at 0, and this one has {sorted(values)}")
        self.unit = unit
        self._steps = sorted(values.items(), key=lambda step: step[0])

    def at(self, moment: Moment) -> T:
        """The value at that moment."""
        now = moment.epoch if self.unit == "epoch" else moment.iteration
        return [value for start, value in self._steps if start <= now][-1]

    def mapped(self, change: Callable[[T], V]) -> Schedule[V]:
        """The schedule of what `change` makes of each value."""
        return Schedule({start: change(value) for start, value in self._steps}, self.unit)

    def values(self) -> Iterator[T]:
        """Every value, in order."""
        return (value for _, value in self._steps)


def at(setting: T | Schedule[T], moment: Moment) -> T:
    """A setting, or what it is at that moment if it is a schedule."""
    return setting.at(moment) if isinstance(setting, Schedule) else setting


def mapped(change: Callable[[T], V], setting: T | Schedule[T]) -> V | Schedule[V]:
    """A setting, or every value of it if it is a schedule, changed."""
    return setting.mapped(change) if isinstance(setting, Schedule) else change(setting)


def every(setting: T | Schedule[T]) -> Iterator[T]:
    """All values that a setting will have."""
    return setting.values() if isinstance(setting, Schedule) else iter([setting])
