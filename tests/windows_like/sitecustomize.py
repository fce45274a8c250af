"""Makes a Python process on Linux behave like one on Windows, as far as srdata could notice.

Python imports this module at its start where its folder is on the path, in worker processes too. Modelled:

- srdata finds none of the modules of POSIX, and no os.fork, os.register_at_fork, os.sync or pthread_sigmask;
- a file that a process of this test has open or mapped cannot be renamed, replaced or deleted, and a folder
  not while a file below it is open;
- a folder cannot be opened, and a file that is open for reading alone cannot be synced;
- text is written in cp1252 with \\r\\n unless the program says otherwise;
- locks are those of msvcrt, which are exclusive;
- processes are spawned, never forked; open LMDB files have the whole size of their map.

Not modelled: paths (names are checked for every system alike), case (see `folded`), consoles (the tests set
PYTHONIOENCODING), and anything about the kernel.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import fcntl
import io
import multiprocessing.context
import os
import shutil
import signal
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

POSIX_ALONE = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "termios")
_import = builtins.__import__


def _import_as_there(
    name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> Any:
    if not level and str((globals or {}).get("__name__")).startswith("srdata"):
        if name in _AS_THERE:
            return _AS_THERE[name]
        if name in POSIX_ALONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return _import(name, globals, locals, fromlist, level)


class _Without(types.ModuleType):
    """A module without some of its names."""

    def __init__(self, module: types.ModuleType, *missing: str) -> None:
        super().__init__(module.__name__)
        self._module, self._missing = module, missing

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}", name=name)
        return getattr(self._module, name)


def _processes() -> Iterator[Path]:
    """This process and those of its session that are like it."""
    here = os.getsid(0)
    for one in Path("/proc").iterdir():
        try:
            if one.name.isdigit() and os.getsid(int(one.name)) == here:
                yield one
        except OSError:  # it has ended
            continue


def _in_use() -> Iterator[str]:
    """The paths of files that are open or mapped."""
    for process in _processes():
        with contextlib.suppress(OSError):
            for handle in os.listdir(process / "fd"):  # noqa: PTH208
                with contextlib.suppress(OSError):
                    path = (process / "fd" / handle).readlink()
                    if not path.is_dir():
                        yield str(path)
            for line in (process / "maps").read_text("utf-8").splitlines():
                yield "".join(line.partition("/")[1:])


def _refuse_what_is_in_use(path: Any, dir_fd: int | None) -> None:
    if dir_fd is not None:
        path = Path(f"/proc/self/fd/{dir_fd}").readlink() / os.fspath(path)
    full = os.path.abspath(os.fspath(path))  # noqa: PTH100
    full = os.fsdecode(full)
    for used in _in_use():
        if used == full or used.startswith(f"{full}/"):
            raise PermissionError(
                errno.EACCES,
                "The process cannot access the file because it is being used by another process",
                full,
            )


def _checked(call: Callable[..., Any], paths: int) -> Callable[..., Any]:
    def checked(*given: Any, dir_fd: int | None = None, **more: Any) -> Any:
        for path in given[:paths]:
            if os.path.lexists(path) if dir_fd is None else True:
                _refuse_what_is_in_use(path, dir_fd)
        if dir_fd is not None:
            more["dir_fd"] = dir_fd
        return call(*given, **more)

    return checked


def _open_as_there(path: Any, flags: int, *more: Any, **named: Any) -> int:
    if os.path.isdir(path):  # noqa: PTH112
        raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
    return _open(path, flags, *more, **named)


def _fsync_as_there(handle: Any) -> None:
    number = handle if isinstance(handle, int) else handle.fileno()
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    _fsync(number)


def _rename_as_there(source: Any, target: Any) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "Cannot create a file when that file already exists", str(target))
    _rename(source, target)


def _locking(handle: int, mode: int, number: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_UN if mode == _MSVCRT.LK_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "Permission denied") from error


def _open_file_as_there(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: Any = None,
    errors: Any = None,
    newline: Any = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    if "b" not in mode:
        encoding = "cp1252" if encoding in (None, "locale") else encoding
        newline = "\r\n" if newline is None and mode[0] in "wax" else newline
    return _open_file(file, mode, buffering, encoding, errors, newline, closefd, opener)


class _NoFork(multiprocessing.context.ForkContext):
    def get_context(self, method: str | None = None) -> Any:
        raise ValueError("cannot find context for 'fork'")


def _lmdb_as_there() -> None:
    """LMDB whose files take the size of their maps while they are written."""
    import lmdb

    opened = lmdb.open

    def open_as_there(path: str, map_size: int = 10 << 20, **options: Any) -> Any:
        environment = opened(path, map_size=map_size, **options)
        if not options.get("readonly"):
            file = Path(path, "data.mdb") if options.get("subdir", True) else Path(path)
            os.truncate(file, max(map_size, file.stat().st_size))
        return environment

    lmdb.open = open_as_there


class _AfterLmdb:
    """Changes LMDB as soon as it is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == "lmdb.verify":  # which srdata imports after lmdb itself
            sys.meta_path.remove(self)
            _lmdb_as_there()


_MSVCRT = types.SimpleNamespace(LK_UNLCK=0, LK_LOCK=1, LK_NBLCK=2, locking=_locking)
_AS_THERE: dict[str, Any] = {  # for srdata: torch goes by sys.platform
    "msvcrt": _MSVCRT,
    "os": _Without(os, "fork", "forkpty", "getuid", "geteuid", "register_at_fork", "statvfs", "sync"),
    "signal": _Without(signal, "SIGHUP", "SIG_BLOCK", "SIG_SETMASK", "pthread_sigmask"),
}
_open, _fsync, _rename, _open_file = os.open, os.fsync, os.rename, io.open
builtins.__import__ = _import_as_there
os.rename = _checked(_rename_as_there, 1)
os.replace = _checked(os.replace, 2)
os.unlink = os.remove = _checked(os.unlink, 1)
os.open, os.fsync = _open_as_there, _fsync_as_there
builtins.open = io.open = _open_file_as_there
shutil._use_fd_functions = False
multiprocessing.context._concrete_contexts["fork"] = _NoFork()
multiprocessing.context._default_context._default_context = multiprocessing.context._concrete_contexts[
    "spawn"
]
sys.meta_path.insert(0, _AfterLmdb())
