"""Training data for image super-resolution: from the name of a data set to batches on the device.

What is public: the names below, and those of these packages and modules.

data        data sets, loaders, and the orders, schedules and kinds of data that they take
augment     augmentations on the batch
degrade     degradations, chains, ops, the learned resampler; `srdata.degrade(image, …)` makes one LR image
inference   networks on image files, self-ensemble, tiles, several networks as one
metrics     PSNR and SSIM under named protocols, further measures, opinion scores
recipes     recipes of sets
papers      recipes of papers
difficulty  how hard each window of a set is, and classes of it
prepared    the images of a prepared set, what made them, whether they are what they were
duplicates  images that show the same, within a set and between training and test sets
report      pages for a person
colour      colour spaces
errors      the errors that srdata raises on purpose
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names
from srdata.moved import keep_old_paths

__version__ = "0.1.0"

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
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.data.datasets.paired": "PairedDataset",
            "srdata.data.loading.batch": "Batch",
            "srdata.data.loading.loader": "Loader",
            "srdata.degrade": "degrade",
            "srdata.discovery.inspection": "inspect",
            "srdata.exporting.export_set": "export",
            "srdata.inference.ensemble": "self_ensemble",
            "srdata.metrics.evaluation": "evaluate",
            "srdata.papers": "load_recipe",
            "srdata.preparation": "prepare",
            "srdata.prepared.verification": "verify",
            "srdata.publishing": "publish",
            "srdata.resize": "imresize",
        },
    )

keep_old_paths()
