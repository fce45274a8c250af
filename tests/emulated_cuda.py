"""A CUDA device made of CPU arithmetic: what one would refuse, wait for or race on shows without having it.

How it works. A tensor "on cuda" is a wrapper around a tensor of the CPU, and every operation of torch passes
through one dispatch mode, which does it on the CPU and meanwhile

- refuses tensors of different devices, and pinning memory in a process that was forked, as CUDA does;
- notes in `waits` whatever would make the host wait for the device;
- keeps a vector clock of every stream: `races` holds each use of memory on a stream that did not wait for the
  one that wrote it, and each memory that was freed while a stream that was not recorded might still use it;
- with `busy`, puts off all work on the default stream until something waits for it, as it is behind a
  training step, so that what does not wait for it computes with zeros;
- counts launches, those with float64, copies and bytes in `counts`, and the bytes that one made in `largest`;
- multiplies and convolves float32 with ten bits of mantissa where the settings of torch allow TF32, and
  refuses what is not deterministic on CUDA where they ask for that.

`device="mps"` is emulated too, as a device without float64 and with one stream. A device guard, of which the
CPU build of torch has none, is compiled once a session with the headers that torch brings.

What it does not model: speed; the caching allocator, but for the rule above; the driver's staging of pageable
memory, so such a copy counts as one that waits; the values of CUDA's kernels and random generators, which are
the CPU's; streams of several devices; graphs. What it finds is wrong, what it passes need not be right.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import shutil
import subprocess
import sys
import threading
import weakref
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

GUARD = """
#include <c10/core/impl/DeviceGuardImplInterface.h>
namespace {
struct Cuda final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA> {};
struct Mps final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::MPS> {};
}  // namespace
C10_REGISTER_GUARD_IMPL(CUDA, Cuda);
C10_REGISTER_GUARD_IMPL(MPS, Mps);
"""
DEVICES = ("cuda", "mps")
WAITING = (  # operations whose result the host reads
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "equal",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
    "multinomial",
    "_linalg_svd",
)
PRODUCTS = {
    "mm": (0, 1),
    "bmm": (0, 1),
    "addmm": (1, 2),
    "baddbmm": (1, 2),
}  # the factors among the arguments
UNORDERED = ("median", "kthvalue", "cumsum")  # which have no deterministic form on CUDA


def compiled_guard(folder: Path) -> None:
    """Give this process device guards; skips the test where nothing can compile them."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or torch.cuda.is_available() or sys.platform != "linux":
        pytest.skip("the emulated device needs Linux, a C++ compiler (c++ or $CXX) and a torch without CUDA")
    source, library, of_torch = folder / "guard.cpp", folder / "guard.so", Path(torch.__file__).parent
    source.write_text(GUARD)
    flags = ["-shared", "-fPIC", "-std=c++20", f"-I{of_torch}/include", f"-L{of_torch}/lib", "-lc10"]
    done = subprocess.run(
        [compiler, source, "-o", library, *flags], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{compiler} does not compile a device guard of torch: {done.stderr[-300:]}")
    ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)


class Stream:
    """A stream, and what of the others it has waited for."""

    def __init__(self, device: Any = None, priority: int = 0, number: int | None = None) -> None:
        self.device = torch.device(device or "cuda")
        self.cuda_stream = EMULATED.new_stream() if number is None else number

    def record_event(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.stream = self.cuda_stream
        event.at = {**EMULATED.known[event.stream], event.stream: EMULATED.clock[event.stream]}
        return event

    def wait_event(self, event: Event) -> None:
        EMULATED.follow(self.cuda_stream, event)

    def wait_stream(self, other: Stream) -> None:
        self.wait_event(other.record_event())

    def synchronize(self) -> None:
        EMULATED.wait("a stream was synchronized", self.cuda_stream)


class Event:
    """A moment in a stream."""

    def __init__(self, **_: Any) -> None:
        self.at: dict[int, int] = {}
        self.stream = 0

    def record(self, stream: Stream | None = None) -> None:
        (stream or current_stream()).record_event(self)

    def wait(self, stream: Stream | None = None) -> None:
        (stream or current_stream()).wait_event(self)

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        EMULATED.wait("an event was synchronized", self.stream)


class Memory:
    """What is known of the memory of a tensor."""

    def __init__(self, stream: int) -> None:
        self.owner = stream
        self.written = (stream, 0)
        self.used: dict[int, int] = {}  # when last, by each stream
        self.recorded = {stream}


class OnDevice(torch.Tensor):
    """A tensor on the emulated device, around one of the CPU."""

    host: torch.Tensor

    @staticmethod
    def __new__(cls, host: torch.Tensor, device: torch.device) -> OnDevice:
        made: OnDevice = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            host.shape,
            strides=host.stride(),
            storage_offset=host.storage_offset(),
            dtype=host.dtype,
            device=device,
        )
        made.host = host
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return EMULATED.run(function, args, kwargs or {})

    def record_stream(self, stream: Stream) -> None:
        EMULATED.memory(self.host).recorded.add(stream.cuda_stream)


_OF_CPU = torch.Generator


class _Generator(_OF_CPU):
    """One of the device draws what one of the CPU does."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return _OF_CPU.__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu") -> None: ...


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return EMULATED.run(function, args, kwargs or {})


class Emulated:
    """The device: its streams, its memory, and what was noted."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._memories: dict[int, Memory] = {}
        self._pinned: set[int] = set()
        self._streams = 0
        self._process = os.getpid()
        self.clock: Counter[int] = Counter()
        self.known: dict[int, Counter[int]] = defaultdict(Counter)
        self.done: Counter[int] = Counter()  # what the host has waited for, of each stream
        self.later: list[Callable[[], None]] = []  # work on the default stream that was put off
        self.busy = False
        self.reset()

    def reset(self) -> None:
        """Forget what was noted."""
        self.waits: list[str] = []
        self.races: list[str] = []
        self.counts: Counter[str] = Counter()
        self.largest = 0  # bytes of what one operation made

    @property
    def held(self) -> int:
        """The pieces of memory on the device."""
        return len(self._memories)

    def new_stream(self) -> int:
        self._streams += 1
        return self._streams

    def catch_up(self) -> None:
        """Do what was put off."""
        while self.later:
            self.later.pop(0)()

    def follow(self, stream: int, event: Event) -> None:
        with self._lock:
            if 0 in event.at:
                self.catch_up()
            for other, moment in event.at.items():
                self.known[stream][other] = max(self.known[stream][other], moment)

    def wait(self, why: str, stream: int) -> None:
        """The host waits for a stream: whatever is launched from now on comes after it."""
        with self._lock:
            self.waits.append(f"{why}, in {_place()}")
            if not stream:
                self.catch_up()
            self.done[stream] = self.clock[stream]

    def _follows(self, stream: int, other: int, moment: int) -> bool:
        """Whether what is launched on a stream now comes after that moment of the other."""
        return moment <= max(self.known[stream][other], self.done[other])

    def memory(self, host: torch.Tensor) -> Memory:
        storage = host.untyped_storage()
        key = storage._cdata
        if key not in self._memories:
            self._memories[key] = Memory(current_stream().cuda_stream)
            weakref.finalize(storage, self._freed, key)
        return self._memories[key]

    def _freed(self, key: int) -> None:
        memory = self._memories.pop(key)
        self._pinned.discard(key)
        for stream, moment in memory.used.items():
            if stream not in memory.recorded and not self._follows(memory.owner, stream, moment):
                self.races.append(f"memory of stream {memory.owner} was freed while stream {stream} uses it")

    def run(self, function: Any, args: Any, kwargs: Any) -> Any:
        with self._lock:
            return self._run(function, args, dict(kwargs))

    def _run(self, function: Any, args: Any, kwargs: Any) -> Any:
        name = function.overloadpacket.__name__
        leaves = tree_leaves((args, kwargs))
        inside = [leaf for leaf in leaves if isinstance(leaf, OnDevice)]
        wanted = kwargs.get("device")
        to_device = isinstance(wanted, torch.device) and wanted.type in DEVICES
        if name == "is_pinned":
            return args[0].untyped_storage()._cdata in self._pinned
        if name == "_pin_memory" or kwargs.pop("pin_memory", False):
            kwargs.pop("device", None)
            return self._pin(function if name != "_pin_memory" else torch.clone, args, kwargs)
        if not inside and not to_device:
            return function(*args, **kwargs)
        late = ""
        if name in ("_to_copy", "copy_"):
            late = self._note_copy(name, args, kwargs)
        else:
            self._check(name, args, inside, leaves)
        device = torch.device(wanted.type, wanted.index or 0) if to_device else inside[0].device
        leaving = (isinstance(wanted, torch.device) and wanted.type == "cpu") or not _is_inside(args, name)
        made = self._launched(function, args, kwargs, inside, None if leaving else device)
        if late:
            self.wait(late, current_stream().cuda_stream)
        return made

    def _pin(self, make: Any, args: Any, kwargs: Any) -> torch.Tensor:
        if os.getpid() != self._process:
            raise RuntimeError("Cannot re-initialize CUDA in forked subprocess")
        made: torch.Tensor = make(*args, **kwargs)
        key = made.untyped_storage()._cdata
        self._pinned.add(key)
        weakref.finalize(made.untyped_storage(), self._pinned.discard, key)
        return made

    def _note_copy(self, name: str, args: Any, kwargs: Any) -> str:
        """Waits for what is copied to the host; gives why the host will wait for a copy to the device."""
        source = args[1] if name == "copy_" else args[0]
        free = kwargs.get("non_blocking") or (name == "copy_" and len(args) > 2 and args[2])
        if isinstance(source, OnDevice):
            target = args[0].device.type if name == "copy_" else (kwargs.get("device") or source.device).type
            if target == "cpu":
                self.counts["copies to the host"] += 1
                self.wait("a copy to the host", current_stream().cuda_stream)
            return ""
        self.counts["copies to the device"] += 1
        pinned = source.untyped_storage()._cdata in self._pinned
        if not source.dim() or (free and pinned):
            return ""
        return "a copy of memory that is not pinned" if free else "a blocking copy to the device"

    def _check(self, name: str, args: Any, inside: list[Any], leaves: list[Any]) -> None:
        stream = current_stream().cuda_stream
        if name in ("index", "index_put", "index_put_", "_unsafe_index"):
            found = [one for one in args[1] if one is not None]
            if any(one.dtype in (torch.bool, torch.uint8) for one in found):
                self.wait("an index of booleans", stream)
            if any(not isinstance(one, OnDevice) for one in found):
                self.wait("an index on the host", stream)
            return
        if name in WAITING or (name == "repeat_interleave" and isinstance(args[0], OnDevice)):
            self.wait(name, stream)
        outside = [one for one in leaves if isinstance(one, torch.Tensor) and not isinstance(one, OnDevice)]
        if any(one.dim() for one in outside) or len({one.device for one in inside}) > 1:
            raise RuntimeError(f"Expected all tensors to be on the same device in {name}, in {_place()}")
        if torch.are_deterministic_algorithms_enabled() and name in UNORDERED:
            raise RuntimeError(f"{name} does not have a deterministic implementation")

    def _launched(
        self, function: Any, args: Any, kwargs: Any, inside: list[Any], device: torch.device | None
    ) -> Any:
        """The result, as one on `device`, or on the host."""
        stream, writes = current_stream().cuda_stream, function._schema.is_mutable
        work = functools.partial(_worked, function, args, kwargs)
        given = kwargs.get("out")
        written = None if not writes else args[0] if given is None else given
        if stream or device is None or not (self.later or self.busy):
            made, shared = work(), None
        else:
            made, shared = self._put_off(work, args, written)
        hosts = {one.host.untyped_storage()._cdata for one in inside}
        found = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]
        is_view = not writes and bool(found) and all(_key(one) in hosts for one in found)
        if not is_view and not function.overloadpacket.__name__.startswith(("empty", "new_empty")):
            self._count(function, inside, found, stream, written)
            if given is not None:  # which is not read
                self.counts["bytes"] -= _bytes(given.host)
        if shared is not None and not is_view:
            self.later.append(shared)
        return tree_map(lambda one: self._inside(one, inside, device), made)

    def _put_off(self, work: Any, args: Any, written: Any) -> tuple[Any, Callable[[], None]]:
        """What an operation gives before it was done, zeros, and the doing of it."""
        if written is not None:
            return written.host, lambda: (work(), None)[1]
        made = work()
        found = [one for one in tree_leaves(made) if isinstance(one, torch.Tensor)]

        def fill() -> None:
            again = [one for one in tree_leaves(work()) if isinstance(one, torch.Tensor)]
            for one, other in zip(found, again, strict=True):
                one.copy_(other)

        taken = {_key(leaf.host) for leaf in tree_leaves(args) if isinstance(leaf, OnDevice)}
        for one in found:
            if _key(one) not in taken:
                one.zero_()
        return made, fill

    def _count(self, function: Any, inside: Any, found: Any, stream: int, written: Any) -> None:
        self.clock[stream] += 1
        now = self.clock[stream]
        for one in inside:
            memory = self.memory(one.host)
            writer, moment = memory.written
            if writer != stream and not self._follows(stream, writer, moment):
                self.races.append(
                    f"stream {stream} does not wait for stream {writer}: {function}, in {_place()}"
                )
            memory.used[stream] = now
        for one in found if written is None else [written.host if isinstance(written, OnDevice) else written]:
            self.memory(one).written = stream, now
        tensors = [one.host for one in inside] + found
        self.largest = max(self.largest, *map(_bytes, found), 0)
        self.counts["launches"] += 1
        self.counts["launches of float64"] += any(one.dtype == torch.float64 for one in tensors)
        self.counts["bytes"] += sum(map(_bytes, tensors))

    def _inside(self, made: Any, inside: list[Any], device: torch.device | None) -> Any:
        if not isinstance(made, torch.Tensor) or device is None:
            return made
        if device.type == "mps" and made.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype: there is none")
        same = [one for one in inside if one.host is made]
        self.memory(made)
        return same[0] if same else OnDevice(made, device)


def _worked(function: Any, args: Any, kwargs: Any) -> Any:
    """The operation on the tensors of the CPU."""

    def host(leaf: Any) -> Any:
        if isinstance(leaf, OnDevice):
            return leaf.host
        return torch.device("cpu") if isinstance(leaf, torch.device) else leaf

    args, kwargs = tree_map(host, args), tree_map(host, kwargs)
    name, settings = function.overloadpacket.__name__, torch.backends
    if name in PRODUCTS and settings.cuda.matmul.fp32_precision == "tf32":
        args = [_short(one) if place in PRODUCTS[name] else one for place, one in enumerate(args)]
    if name == "convolution" and settings.cudnn.conv.fp32_precision == "tf32":
        args = [_short(args[0]), _short(args[1]), *args[2:]]
    made = function(*args, **{**kwargs, "non_blocking": False} if "non_blocking" in kwargs else kwargs)
    copies = name == "_to_copy" and made.untyped_storage()._cdata == args[0].untyped_storage()._cdata
    return made.clone() if copies else made


def _short(factor: torch.Tensor) -> torch.Tensor:
    """float32 as TF32 has it."""
    if factor.dtype != torch.float32:
        return factor
    return ((factor.contiguous().view(torch.int32) + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)


def _is_inside(args: Any, name: str) -> bool:
    """Whether the result stays on the device: not what is copied into a tensor of the host, nor a number."""
    return not (name == "copy_" and not isinstance(args[0], OnDevice)) and name != "_local_scalar_dense"


def _bytes(tensor: torch.Tensor) -> int:
    """What there is to read or write, where repeated samples are one."""
    sides = zip(tensor.shape, tensor.stride(), strict=True)
    return tensor.element_size() * math.prod(side for side, step in sides if step or not side)


def _key(host: torch.Tensor) -> int:
    return host.untyped_storage()._cdata


def _place() -> str:
    """Where in the package something was asked for."""
    frame: Any = sys._getframe(1)
    while frame is not None and f"{os.sep}srdata{os.sep}" not in frame.f_code.co_filename:
        frame = frame.f_back
    if frame is None:
        return "the test"
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}"


EMULATED = Emulated()
_DEFAULT = Stream("cuda", number=0)
_HERE = threading.local()  # the current stream of each thread


def current_stream(device: Any = None) -> Stream:
    return getattr(_HERE, "stream", _DEFAULT)


@contextmanager
def on_stream(stream: Stream | None) -> Iterator[None]:
    before = current_stream()
    _HERE.stream = stream or before
    try:
        yield
    finally:
        _HERE.stream = before


def value(tensor: torch.Tensor) -> torch.Tensor:
    """What the device holds once all is done, without that being a wait."""
    EMULATED.catch_up()
    return tensor.host if isinstance(tensor, OnDevice) else tensor


@contextmanager
def emulated_device(patch: pytest.MonkeyPatch) -> Iterator[Emulated]:
    """Within it, device="cuda" and device="mps" work, in every thread that starts."""
    of_cuda, of_any = torch.cuda, torch.accelerator
    patch.setattr(torch, "Generator", _Generator)
    names: dict[str, Any] = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "mem_get_info": lambda device=None: (20 << 30, 24 << 30),
        "empty_cache": lambda: None,
        "is_bf16_supported": lambda including_emulation=True: True,
        "Stream": Stream,
        "Event": Event,
        "stream": on_stream,
        "current_stream": current_stream,
        "default_stream": lambda device=None: _DEFAULT,
    }
    for name, other in names.items():
        patch.setattr(of_cuda, name, other)
    patch.setattr(torch.backends.mps, "is_available", lambda: True)
    for name, other in {
        "is_available": lambda: True,
        "current_accelerator": lambda check_available=False: torch.device("cuda"),
        "current_device_index": lambda: 0,
        "set_device_index": lambda device: None,
    }.items():
        patch.setattr(of_any, name, other)
    plain = threading.Thread.run

    def run_inside(thread: threading.Thread) -> None:
        with _Mode():
            plain(thread)

    patch.setattr(threading.Thread, "run", run_inside)
    EMULATED.reset()
    with _Mode():
        yield EMULATED
    EMULATED.busy = False
    EMULATED.catch_up()
