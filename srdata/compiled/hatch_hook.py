"""The library in the wheel for this system; without a compiler the wheel is one of Python alone."""

from __future__ import annotations

import os
import platform
import runpy
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

REQUIRED = "SRDATA_COMPILED"  # as "required" it makes the build fail where there is no library
ROOM = "srdata/compiled"


class CompiledLibrary(BuildHookInterface[Any]):
    """Builds the library before the wheel is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the library to the wheel, or put it into the checkout where that is installed as it is."""
        build = runpy.run_path(str(Path(self.root, ROOM, "build_library.py")))["build_library"]
        self._apart = tempfile.TemporaryDirectory()
        editable = version == "editable"
        try:
            made = build(*([] if editable else [Path(self._apart.name)]))
        except RuntimeError as error:
            if os.environ.get(REQUIRED) == "required":
                raise
            self.app.display_warning(
                f"srdata is built without compiled code, and works all the same: {error}"
            )
            return
        build_data["pure_python"], build_data["tag"] = False, f"py3-none-{_system()}"
        if not editable:
            build_data["force_include"][str(made)] = f"{ROOM}/built/{made.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Clean up."""
        self._apart.cleanup()


def _system() -> str:
    """The name of this system in those of wheels."""
    if sys.platform == "darwin":
        return f"macosx_11_0_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")
