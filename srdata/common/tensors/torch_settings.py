"""The settings of torch by which this package computes, whatever those of its caller are."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import torch


def own_settings(device: torch.device) -> AbstractContextManager[None]:
    """Within it tensors are computed as was asked for: in their types, exactly, to be used anywhere.

    Without the caller's autocast, inference mode and default device, which belong to a thread. On a device
    other than the CPU also without TF32, without the demand for deterministic algorithms, which fails where
    there is none, and without trying which convolution is fastest; these belong to the process, so they are
    put back before the caller goes on.
    """
    computes = device.type != "meta"
    autocasts = [kind for kind in {"cpu", device.type} if computes and torch.is_autocast_enabled(kind)]
    elsewhere = _functions_are_altered() and torch.get_default_device().type != "cpu"
    inference = torch.is_inference_mode_enabled()
    of_process = computes and device.type != "cpu"
    if not (autocasts or elsewhere or inference or of_process):
        return nullcontext()
    return _put_aside(autocasts, elsewhere, inference, of_process)


def _functions_are_altered() -> bool:
    """Whether there may be a default device; asking for that itself takes long."""
    return torch._C._len_torch_function_stack() > 0


@contextmanager
def _put_aside(
    autocasts: Sequence[str], elsewhere: bool, inference: bool, of_process: bool
) -> Iterator[None]:
    with ExitStack() as stack:
        if inference:  # leaving it also turns gradients on
            stack.enter_context(torch.inference_mode(False))
        for kind in autocasts:
            stack.enter_context(torch.autocast(kind, enabled=False))
        if elsewhere:
            stack.enter_context(torch.device("cpu"))
        if of_process:
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
