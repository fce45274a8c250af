"""The signals that end a run: by Ctrl-C, a batch system, a closed terminal.

All of them unwind the run like Ctrl-C, so that what is finished is kept and part files stay for the next run.
A run that takes longer for it, within a library or while Python shuts down, is ended from a thread.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

_GRACE_S = 1.5


class EndingSignals:
    """What this process was told by signals since they were caught."""

    def __init__(self) -> None:
        self._number: int = signal.SIGINT

    @property
    def status(self) -> int:
        """The exit status of a run that a signal ended: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + self._number

    @property
    def line(self) -> str:
        """What a user is told."""
        how = "" if self._number == signal.SIGINT else f" by {signal.Signals(self._number).name}"
        return f"interrupted{how}; run the same command again to go on"

    def catch(self) -> None:
        """Turn the signals into KeyboardInterrupt from now on; those that are ignored (nohup) stay so."""
        names = ("SIGINT", "SIGTERM", "SIGHUP")
        known = {getattr(signal, name) for name in names if hasattr(signal, name)}
        for number in known:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                signal.signal(number, self._raise)
        woken, wakes = socket.socketpair()
        wakes.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._end_late, args=(woken, wakes, known), daemon=True).start()

    def _raise(self, number: int, frame: FrameType | None) -> None:
        for other in (signal.SIGINT, signal.SIGTERM):  # nothing shall disturb the unwinding
            signal.signal(other, signal.SIG_IGN)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._number = number
        raise KeyboardInterrupt

    def _end_late(self, woken: socket.socket, wakes: socket.socket, known: set[int]) -> None:
        """Wait in a thread for a signal, which the main thread may be too busy to see; `wakes` stays open."""
        while (number := woken.recv(1)[0]) not in known:
            pass
        time.sleep(_GRACE_S)
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(128 + number)
