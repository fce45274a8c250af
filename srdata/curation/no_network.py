"""A piece of work that reaches no network, whatever the libraries in it would do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_EVENTS = frozenset({"socket.connect", "socket.getaddrinfo"})
_offline = threading.local()


class NetworkRefusedError(ConnectionError):
    """Something in `without_network` would have gone to the network."""


@contextmanager
def without_network() -> Iterator[None]:
    """Let every connection of this thread fail, by an audit hook of Python."""
    _watch()
    _offline.now = True
    try:
        yield
    finally:
        _offline.now = False


@cache
def _watch() -> None:
    """A hook stays until the process ends; it does nothing outside `without_network`."""

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS and getattr(_offline, "now", False):
            raise NetworkRefusedError(f"{event} {arguments[1:2] or arguments}: nothing is downloaded here")

    sys.addaudithook(refuse)
