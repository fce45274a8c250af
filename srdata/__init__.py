"""Training data for image super-resolution: from the name of a data set to batches on the device."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srdata.degrade.offline import degrade as degrade
    from srdata.exchange.export import export as export
    from srdata.exchange.inspection import inspect as inspect
    from srdata.metrics.evaluation import evaluate as evaluate
    from srdata.papers import load_recipe as load_recipe
    from srdata.preparation import prepare as prepare
    from srdata.publication import publish as publish
    from srdata.resize import imresize as imresize
    from srdata.train.batch import Batch as Batch
    from srdata.train.dataset import PairedDataset as PairedDataset
    from srdata.train.ensemble import self_ensemble as self_ensemble
    from srdata.train.loader import Loader as Loader
    from srdata.verification import verify as verify

__version__ = "0.1.0"

# Where each public name lives. Resolved on first use: importing srdata loads neither torch nor datasets.
_HOMES = {
    "degrade": "srdata.degrade",  # a package that can be called
    "evaluate": "srdata.metrics.evaluation",
    "export": "srdata.exchange.export",
    "imresize": "srdata.resize",
    "inspect": "srdata.exchange.inspection",
    "load_recipe": "srdata.papers",
    "prepare": "srdata.preparation",
    "publish": "srdata.publication",
    "verify": "srdata.verification",
    "Batch": "srdata.train.batch",
    "Loader": "srdata.train.loader",
    "PairedDataset": "srdata.train.dataset",
    "self_ensemble": "srdata.train.ensemble",
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
