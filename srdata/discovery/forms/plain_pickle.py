"""Plain data out of a pickle file without unpickling it: lists, dicts by text or number, texts and numbers.

A pickle is a program that may call anything. Here its instructions are only read, and those that build plain
data are followed; any other refuses the file. `pickle.Unpickler` with a `find_class` that refuses would call
nothing either, but takes 16 GB for a file of 10 bytes that numbers its one memory 2^29; and of tuples, which
no list of keys has, a few hundred bytes build one that takes years to hash.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from srdata.errors import SourceError

LARGEST_BYTES = 256 << 20  # of a list of keys
_VALUES = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict}
_NOTHING = {"PROTO", "FRAME", "STOP"}
_MARK = object()


def read_plain_pickle(path: Path) -> Any:
    """The plain data that a pickle file holds; raises SourceError if it holds anything else."""
    if path.stat().st_size > LARGEST_BYTES:
        raise SourceError(f"{path} is larger than {LARGEST_BYTES} bytes; it is not read")
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(path.read_bytes()):
            machine.step(opcode.name, argument)
        (value,) = machine.stack
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, UnicodeError) as error:
        raise SourceError(f"{path} holds more than plain data, or is damaged; it is not loaded") from error
    return value


class _Machine:
    """The stack and memory that a pickle's instructions work on."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Follow one instruction; raises ValueError for one that does more than build plain data."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name == "MARK":
            self.stack.append(_MARK)
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
            self.memory[len(self.memory) if name == "MEMOIZE" else int(argument)] = self.stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memory[int(argument)])
        elif name not in _NOTHING:
            self._build(name)

    def _build(self, name: str) -> None:
        if name in ("APPEND", "SETITEM"):
            self._fill(self._pop(1 if name == "APPEND" else 2))
        elif name in ("APPENDS", "SETITEMS"):
            self._fill(self._pop_to_mark())
        elif name in ("LIST", "DICT"):
            self.stack.append(_WHOLE[name](self._pop_to_mark()))
        else:
            raise ValueError(name)

    def _fill(self, values: list[Any]) -> None:
        """Add values to the list or dict on top."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)
        else:
            self.stack[-1].update(_dict(values))

    def _pop(self, count: int) -> list[Any]:
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def _pop_to_mark(self) -> list[Any]:
        values = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]


def _dict(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(values[::2], values[1::2], strict=True))


_WHOLE: dict[str, Callable[[list[Any]], Any]] = {"LIST": list, "DICT": _dict}
