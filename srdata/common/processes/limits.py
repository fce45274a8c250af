"""What the system allows this process."""

from __future__ import annotations

import math
import os
from pathlib import Path

from srdata.errors import UsageError

_CONTROL_GROUP = Path("/sys/fs/cgroup")  # version 2 says quota and period in one file, version 1 in two
_QUOTA_FILES = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))


def limit(name: str) -> int | None:
    """The limit in force that `resource` calls so, such as RLIMIT_NOFILE; None for none, as on Windows."""
    try:
        import resource
    except ImportError:
        return None
    allowed = resource.getrlimit(getattr(resource, name))[0]
    return None if allowed == resource.RLIM_INFINITY else int(allowed)


def cores() -> int:
    """How many cores this process may use: those that its affinity, quota and LOKY_MAX_CPU_COUNT leave it.

    As `joblib.cpu_count`, which takes longer to import than a small set to make.
    """
    machine = os.cpu_count() or 1
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else machine
    return max(1, min(machine, bound, _told() or machine, _quota() or machine))


def _told() -> int | None:
    """What LOKY_MAX_CPU_COUNT says, at least 1; None where it is not set."""
    text = os.environ.get("LOKY_MAX_CPU_COUNT")
    try:
        return None if text is None else max(1, int(text))
    except ValueError:
        raise UsageError(f"LOKY_MAX_CPU_COUNT is {text!r}: set it to a whole number, or not at all") from None


def _quota() -> int | None:
    """How many cores keep within the time that the control group allows; None for any number."""
    for names in _QUOTA_FILES:
        try:
            words = [word for name in names for word in (_CONTROL_GROUP / name).read_text().split()]
        except OSError:  # there is none, or it may not be read
            continue
        if len(words) == 2:
            quota, period = (0 if word == "max" else int(word) for word in words)
            return math.ceil(quota / period) if quota > 0 and period > 0 else None
    return None
