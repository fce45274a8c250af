"""Make the C files here into a library: `python -m srdata.compiled.build_library`, or by installing srdata.

Only what comes with Python is used, as builds of wheels have nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
_COMPILERS = ("cc", "gcc", "clang")  # all of which take the same options, on Windows too
_OPTIONS = ("-O3", "-shared", "-std=c99", "-fvisibility=hidden")
_OF_SYSTEM = {"darwin": ("-mmacosx-version-min=11.0",), "win32": ("-static-libgcc",)}
_ENDING = {"darwin": "dylib", "win32": "dll"}


def library_name() -> str:
    """The file of the library that is made of the C files as they are now: an older one has another name."""
    digest = hashlib.sha256()
    for source in sorted(HERE.glob("*.[ch]")):
        digest.update(source.read_bytes())
    return f"library-{digest.hexdigest()[:16]}.{_ENDING.get(sys.platform, 'so')}"


def build_library(folder: Path = HERE) -> Path:
    """Write the library to a folder; raises RuntimeError where no compiler makes it."""
    compiler = _compiler()
    target = folder / library_name()
    options = [*_OPTIONS, *_OF_SYSTEM.get(sys.platform, ()), *(() if sys.platform == "win32" else ("-fPIC",))]
    with tempfile.TemporaryDirectory(dir=folder) as apart:
        made = Path(apart) / target.name
        command = [*compiler, *options, *map(str, sorted(HERE.glob("*.c"))), "-o", str(made)]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", str(error))
            raise RuntimeError(f"{shlex.join(command)} failed: {said}") from error
        made.replace(target)
    return target


def _compiler() -> list[str]:
    if told := os.environ.get("CC"):
        return shlex.split(told)
    for name in _COMPILERS:
        if shutil.which(name):
            return [name]
    raise RuntimeError(f"there is no C compiler: install one of {', '.join(_COMPILERS)}, or name it in CC")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build_library()}\n")
    except RuntimeError as error:
        sys.exit(str(error))
