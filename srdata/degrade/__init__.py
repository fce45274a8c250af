"""Degradations: x = D(y; δ). Ops, chains and the learned resampler.

The package can be called: `srdata.degrade(image, "bsrgan", scale=4)` is that of `whole_images`.

chain         `Chain`, `load_chain`: ops one after another, read from YAML
execute       applying drawn steps to an image or a batch
learned       downscalers that are networks, and training one
lossy         what image and video files do to pixels
model         what ops are made of: contract, settings, draws
numerics      arithmetic on batches, the same for numpy and torch
ops           `OPS`: every op that a chain may use
whole_images  `degrade`: HR in; LR, HR and δ out; `replay`: LR again from HR and δ
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.degrade.chain import Chain as Chain
    from srdata.degrade.chain import Pair as Pair
    from srdata.degrade.chain import load_chain as load_chain
    from srdata.degrade.chain import load_device_chain as load_device_chain
    from srdata.degrade.learned.car.training import Trained as Trained
    from srdata.degrade.learned.car.training import train_resampler as train_resampler
    from srdata.degrade.lossy.jpeg import jpeg as jpeg
    from srdata.degrade.model.op import Op as Op
    from srdata.degrade.ops import OPS as OPS
    from srdata.degrade.whole_images import Degraded as Degraded
    from srdata.degrade.whole_images import replay as replay
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.degrade.chain": "Chain Pair load_chain load_device_chain",
            "srdata.degrade.learned.car.training": "Trained train_resampler",
            "srdata.degrade.lossy.jpeg": "jpeg",
            "srdata.degrade.model.op": "Op",
            "srdata.degrade.ops": "OPS",
            "srdata.degrade.whole_images": "Degraded replay",
        },
    )


class _Degrade(ModuleType):
    """A package that is a function too, as `from srdata import degrade` finds one or the other.

    Nothing is plainer while package and verb share a name: Python's data model lets a module be called by its
    class alone, and a function in its place would have to pose as a package in sys.modules.
    """

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        from srdata.degrade.whole_images import degrade

        return degrade(*arguments, **settings)


sys.modules[__name__].__class__ = _Degrade
