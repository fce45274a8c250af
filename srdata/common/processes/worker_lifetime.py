"""Worker processes that end when the process ends that started them.

A worker whose parent was killed would go on writing without the parent's lock.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_SYNCHRONIZE, _INFINITE = 0x00100000, 0xFFFFFFFF  # of Windows' winnt.h and winbase.h
_POLL_S = 0.1


def end_with_parent(parent: int, by_signal: bool) -> None:
    """Make this process end as soon as the process `parent` has ended, which started it.

    `by_signal` leaves that to the kernel where it can do it (Linux); else a thread watches. The kernel goes
    by the thread that started this process: only one that lives as long as the parent will do.
    """
    if by_signal and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it had ended before the kernel was told
            os._exit(1)
    else:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    if sys.platform == "win32":
        handle = ctypes.windll.kernel32.OpenProcess(_SYNCHRONIZE, False, parent)
        ctypes.windll.kernel32.WaitForSingleObject(handle, _INFINITE)  # fails at once where it has ended
    else:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
    os._exit(1)
