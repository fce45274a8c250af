"""Degradations: x = D(y; δ). Ops, chains and the learned resampler.

The package can be called: `srdata.degrade(image, "bsrgan", scale=4)` is that of `whole_images`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Degrade(ModuleType):
    """A package that is a function too, as `from srdata import degrade` finds one or the other."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        from srdata.degrade.whole_images import degrade

        return degrade(*arguments, **settings)


sys.modules[__name__].__class__ = _Degrade
