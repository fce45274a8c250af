"""The settings of torch by which this package computes, whatever those of its caller are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch


@contextmanager
def own_settings(device: torch.device) -> Iterator[None]:
    """Within it tensors are computed as was asked for: in their types, exactly, to be used anywhere.

    Without the caller's autocast, inference mode and default device, which belong to a thread. On a device
    other than the CPU also without TF32, without the demand for deterministic algorithms, which fails where
    there is none, and without trying which convolution is fastest; these belong to the process, so they are
    put back before the caller goes on.
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():  # leaving it would also turn gradients on
            stack.enter_context(torch.inference_mode(False))
        for kind in {"cpu", device.type}:
            if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if device.type not in ("cpu", "meta"):  # where nothing is computed
            stack.enter_context(_of_process())
        yield


class _Settings(NamedTuple):
    """Those of the whole process that decide how a device computes."""

    matmul: str  # precisions
    conv: str
    deterministic: int  # 0, 1 for a warning, 2 for an error where there is no such algorithm
    fixed: bool  # whether convolutions are deterministic
    tries: bool  # whether convolutions are timed

    @classmethod
    def found(cls) -> _Settings:
        cudnn: Any = torch.backends.cudnn
        return cls(
            torch.backends.cuda.matmul.fp32_precision,
            cudnn.conv.fp32_precision,
            torch.get_deterministic_debug_mode(),
            cudnn.deterministic,
            cudnn.benchmark,
        )

    def put(self) -> None:
        torch.backends.cuda.matmul.fp32_precision = self.matmul
        cudnn: Any = torch.backends.cudnn
        cudnn.conv.fp32_precision = self.conv
        torch.set_deterministic_debug_mode(self.deterministic)
        cudnn.deterministic, cudnn.benchmark = self.fixed, self.tries


_OWN = _Settings("ieee", "ieee", 0, True, False)


class _Changed:
    """The settings of the process while someone is inside: the first puts them, the last puts them back."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.before = _OWN


_CHANGED = _Changed()


@contextmanager
def _of_process() -> Iterator[None]:
    with _CHANGED.lock:
        if not _CHANGED.inside:
            _CHANGED.before = _Settings.found()
            _OWN.put()
        _CHANGED.inside += 1
    try:
        yield
    finally:
        with _CHANGED.lock:
            _CHANGED.inside -= 1
            if not _CHANGED.inside:
                _CHANGED.before.put()
