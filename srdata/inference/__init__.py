"""Running a network: on files, self-ensemble, tiles, several networks as one.

averages        means and medians of outputs, and checks of what a network gives
ensemble        `self_ensemble`, `SelfEnsemble`: the image turned in several ways
fusion          `model_ensemble`, `fuse_weights`: several networks as one
network_file    `load_network`: a network from a file
tiling          `tiled`, `Tiled`: images that do not fit into memory
upscale_folder  `upscale`: image files in, PNG files out
user_functions  functions of the user's own, as MODULE:FUNCTION
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.inference.ensemble import SelfEnsemble as SelfEnsemble
    from srdata.inference.ensemble import self_ensemble as self_ensemble
    from srdata.inference.fusion import fuse_weights as fuse_weights
    from srdata.inference.fusion import model_ensemble as model_ensemble
    from srdata.inference.network_file import Network as Network
    from srdata.inference.network_file import load_network as load_network
    from srdata.inference.tiling import Tiled as Tiled
    from srdata.inference.tiling import tiled as tiled
    from srdata.inference.upscale_folder import upscale as upscale
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.inference.ensemble": "SelfEnsemble self_ensemble",
            "srdata.inference.fusion": "fuse_weights model_ensemble",
            "srdata.inference.network_file": "Network load_network",
            "srdata.inference.tiling": "Tiled tiled",
            "srdata.inference.upscale_folder": "upscale",
        },
    )
