"""The signals that end a run: of Ctrl-C, a batch system, a terminal that was closed.

Each unwinds the run as Ctrl-C does, so that what is finished is kept and part files stay for the next run. A
run that needs longer for that, in a library or while Python shuts down, is ended by a thread.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

_GRACE_S = 1.3
_NUMBERS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # Windows has no SIGHUP


class EndingSignals:
    """What signals told this process since it catches them."""

    def __init__(self) -> None:
        self._first: signal.Signals | None = None
        self._running = True
        self._told = False
        self._interrupted = True  # by a signal, if there is one: the work is not over

    @property
    def status(self) -> int:
        """The exit status of a run that was interrupted: 130 by Ctrl-C, 143 by SIGTERM."""
        return 128 + (self._first or signal.SIGINT)

    def tell(self) -> None:
        """Say once on standard error that the run was interrupted, and how it goes on."""
        if not self._told:
            self._told = True
            how = "" if self._first in (None, signal.SIGINT) else f" by {self._first.name}"
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"srdata: interrupted{how}; run the same command again to go on\n")
                sys.stderr.flush()

    def catch(self) -> None:
        """Turn the signals into KeyboardInterrupt from now on; one that is ignored (nohup) stays so."""
        atexit.register(self._finish)  # the first to be registered runs last
        woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._end_late, args=(woken, wakes), daemon=True).start()
        self._set(self._heed)  # last, as nobody tells yet of what it raises

    def release(self) -> None:
        """Interrupt nothing any more: the run is over, and Python is about to shut down."""
        self._running = self._interrupted = False

    def _heed(self, number: int, frame: FrameType | None) -> None:
        self._first = self._first or signal.Signals(number)
        if self._running:
            self._running = False  # nothing shall disturb the unwinding
            raise KeyboardInterrupt

    def _finish(self) -> None:
        """End a process that was told to end; one that was not finishes as it is, whatever comes now."""
        if self._first is None:
            self._set(signal.SIG_IGN)
            return
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(self.status)  # the rest may take a second

    def _set(self, handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
        for number in _NUMBERS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, handler)

    def _end_late(self, woken: socket.socket, wakes: socket.socket) -> None:
        """End the process some time after a signal, which the main thread may be too busy to see."""
        number = 0
        while number not in _NUMBERS:
            number = woken.recv(1)[0]  # `wakes`, at the other end, stays open for as long as this waits
        time.sleep(_GRACE_S)
        self._first = self._first or signal.Signals(number)
        if self._interrupted:
            self.tell()
        os._exit(128 + number)
