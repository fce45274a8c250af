"""Make the C files here into a library: `python -m srdata.compiled.build_library`, or by installing srdata.

Only what comes with Python is used, as builds of wheels have nothing else.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parent
_COMPILERS = ("cc", "gcc", "clang")  # all of which take the same options, on Windows too
_OPTIONS = ("-O3", "-shared", "-std=c99", "-fvisibility=hidden")
_OF_SYSTEM = {"darwin": ("-mmacosx-version-min=11.0",), "win32": ("-static-libgcc",)}
_ENDING = {"darwin": "dylib", "win32": "dll"}


def library_path() -> Path:
    """Where the library is, if there is one: beside the modules it would be taken for one of them."""
    return HERE / "built" / library_name()


def library_name() -> str:
    """The file of the library that is made of the C files as they are now: an older one has another name.

    So has that for other processors, as machines may share a folder.
    """
    digest = hashlib.sha256()
    for source in sorted(HERE.glob("*.[ch]")):
        digest.update(source.read_bytes())
    return f"library-{platform.machine()}-{digest.hexdigest()[:16]}.{_ENDING.get(sys.platform, 'so')}"


def build_library(folder: Path | None = None) -> Path:
    """Write the library, to a folder or where it is looked for, in place of older ones; or RuntimeError."""
    compiler, target = _compiler(), library_path() if folder is None else folder / library_name()
    folder = target.parent
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as apart:
            made = Path(apart) / target.name
            _compile(compiler, made)
            made.replace(target)
    except OSError as error:
        remedy = "do it as its owner, or install srdata into a virtual environment of your own"
        raise RuntimeError(f"{folder} cannot be written ({error.strerror}): {remedy}") from error
    for older in folder.glob(f"library-{platform.machine()}-*{target.suffix}"):
        if older != target:
            with suppress(OSError):  # Windows keeps those that are in use
                older.unlink()
    return target


def _compile(compiler: list[str], made: Path) -> None:
    options = [*_OPTIONS, *_OF_SYSTEM.get(sys.platform, ()), *(() if sys.platform == "win32" else ("-fPIC",))]
    command = [*compiler, *options, *map(str, sorted(HERE.glob("*.c"))), "-o", str(made)]
    try:
        subprocess.run(command, capture_output=True, text=True, errors="replace", check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", str(error))
        raise RuntimeError(f"{shlex.join(command)} failed: {said}") from error


def _compiler() -> list[str]:
    if told := os.environ.get("CC", "").strip():
        return _words(told)
    for name in _COMPILERS:
        if shutil.which(name):
            return [name]
    raise RuntimeError(f"there is no C compiler: install one of {', '.join(_COMPILERS)}, or name it in CC")


def _words(command: str) -> list[str]:
    """A compiler and its options; a path alone may have spaces in it, or the backslashes of Windows."""
    if shutil.which(command):
        return [command]
    try:
        return shlex.split(command)
    except ValueError as error:
        raise RuntimeError(f"CC={command} is no command: {error}") from error


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build_library()}\n")
    except RuntimeError as error:
        sys.exit(str(error))
