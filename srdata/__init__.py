"""Training data for image super-resolution: from the name of a data set to batches on the device."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srdata.data.datasets.paired import PairedDataset as PairedDataset
    from srdata.data.loading.batch import Batch as Batch
    from srdata.data.loading.loader import Loader as Loader
    from srdata.degrade.whole_images import degrade as degrade
    from srdata.discovery.inspection import inspect as inspect
    from srdata.exporting.export_set import export as export
    from srdata.inference.ensemble import self_ensemble as self_ensemble
    from srdata.metrics.evaluation import evaluate as evaluate
    from srdata.papers import load_recipe as load_recipe
    from srdata.preparation import prepare as prepare
    from srdata.prepared.verification import verify as verify
    from srdata.publishing import publish as publish
    from srdata.resize import imresize as imresize

__version__ = "0.1.0"

# Where each public name lives. Resolved on first use: importing srdata loads neither torch nor datasets.
_HOMES = {
    "degrade": "srdata.degrade",  # a package that can be called
    "evaluate": "srdata.metrics.evaluation",
    "export": "srdata.exporting.export_set",
    "imresize": "srdata.resize",
    "inspect": "srdata.discovery.inspection",
    "load_recipe": "srdata.papers",
    "prepare": "srdata.preparation",
    "publish": "srdata.publishing",
    "verify": "srdata.prepared.verification",
    "Batch": "srdata.data.loading.batch",
    "Loader": "srdata.data.loading.loader",
    "PairedDataset": "srdata.data.datasets.paired",
    "self_ensemble": "srdata.inference.ensemble",
}

__all__ = [
    "Batch",
    "Loader",
    "PairedDataset",
    "degrade",
    "evaluate",
    "export",
    "imresize",
    "inspect",
    "load_recipe",
    "prepare",
    "publish",
    "self_ensemble",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'srdata' has no attribute {name!r}")
    home = importlib.import_module(_HOMES[name])
    value = home if home.__name__ == f"{__name__}.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
