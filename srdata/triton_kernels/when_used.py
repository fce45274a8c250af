"""Where kernels take the place of plain torch: on CUDA, where Triton is installed and was seen to agree.

`SRDATA_TRITON=0` in the environment turns them off.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

SWITCH = "SRDATA_TRITON"

Trial = Callable[..., tuple[Tensor, Tensor]]  # what kernels and plain torch give, on a device, of some kind

_log = logging.getLogger(__name__)


def agreed(trial: Trial, device: torch.device, *kind: Hashable) -> bool:
    """Whether kernels are used for work of this kind on a device: the first time both ways have to agree."""
    if device.type != "cuda" or torch.version.cuda is None or os.environ.get(SWITCH) == "0":
        return False
    return _tried(trial, device, *kind)


@cache
def _tried(trial: Trial, device: torch.device, *kind: Hashable) -> bool:
    """Whether a trial runs, and gives the same twice; logs what went wrong. Done once, and waited for."""
    if find_spec("triton") is None:
        return False
    with ThreadPoolExecutor(1) as apart:  # where no settings of the caller hold, and nothing is staged
        same = apart.submit(lambda: torch.equal(*trial(device, *kind)))
    if failure := same.exception():
        _log.warning("Triton does not run on %s, plain torch is used instead", device, exc_info=failure)
        return False
    if not same.result():
        _log.warning("Triton gives other pixels on %s than plain torch, which is used instead", device)
    return same.result()
