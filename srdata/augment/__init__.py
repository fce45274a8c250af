"""Augmentations on a batch: HR and LR altered alike, by numbers that are drawn first and kept.

pipeline = load_augment(["dihedral", {"augment": "mixup", "p": 0.5}])
steps = pipeline.sample([(seed, epoch, key) for key in keys], (seed, epoch, number))
sides = pipeline.apply(Sides(lr, hr), steps)
"""

from srdata.augment.augmentation import Augmentation, Sides
from srdata.augment.augmentation_table import AUGMENTATIONS
from srdata.augment.pipeline import Pipeline, Step, load_augment
from srdata.augment.presets import PRESETS

__all__ = ["AUGMENTATIONS", "PRESETS", "Augmentation", "Pipeline", "Sides", "Step", "load_augment"]
