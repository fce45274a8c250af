"""Augmentations on a batch: HR and LR altered alike, by numbers that are drawn first and kept.

>>> pipeline = load_augment(["dihedral", {"augment": "mixup", "p": 0.5}])  # doctest: +SKIP
>>> steps = pipeline.sample([(seed, epoch, key) for key in keys], (seed, epoch, number))  # doctest: +SKIP
>>> sides = pipeline.apply(Sides(lr, hr), steps)  # doctest: +SKIP

augmentation        what an augmentation is: it draws for a batch, then alters the batch
augmentation_table  `AUGMENTATIONS`: every name that a pipeline may use
boxes               rectangles on the LR grid
colours             those that alter colours: rgb_permute, blend, invert, colour_jitter
erasing             those that alter LR alone: cutblur, cutout
flips               dihedral: flips and quarter turns
mixing              those that mix the images of a batch: mixup, cutmix, cutmixup, resizemix
one_of              one of several
pipeline            one after another, as a user writes them
presets             `PRESETS`: those of published trainings, by name
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.augment.augmentation import Augmentation as Augmentation
    from srdata.augment.augmentation import Sides as Sides
    from srdata.augment.augmentation_table import AUGMENTATIONS as AUGMENTATIONS
    from srdata.augment.pipeline import Pipeline as Pipeline
    from srdata.augment.pipeline import Step as Step
    from srdata.augment.pipeline import load_augment as load_augment
    from srdata.augment.presets import PRESETS as PRESETS
    from srdata.augment.presets import Preset as Preset
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.augment.augmentation": "Augmentation Sides",
            "srdata.augment.augmentation_table": "AUGMENTATIONS",
            "srdata.augment.pipeline": "Pipeline Step load_augment",
            "srdata.augment.presets": "PRESETS Preset",
        },
    )
