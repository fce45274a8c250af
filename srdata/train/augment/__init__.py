"""Augmentations on a batch: HR and LR altered alike, by numbers that are drawn first and kept.

pipeline = load_augment(["dihedral", {"augment": "mixup", "p": 0.5}])
steps = pipeline.sample([(seed, epoch, key) for key in keys], (seed, epoch, number))
sides = pipeline.apply(Sides(lr, hr), steps)
"""

from srdata.train.augment.base import Augmentation, Sides
from srdata.train.augment.pipeline import Pipeline, Step, load_augment
from srdata.train.augment.presets import PRESETS
from srdata.train.augment.table import AUGMENTATIONS

__all__ = ["AUGMENTATIONS", "PRESETS", "Augmentation", "Pipeline", "Sides", "Step", "load_augment"]
