"""The table of augmentations: every name that a pipeline may use."""

from __future__ import annotations

from srdata.train.augment.base import Augmentation
from srdata.train.augment.colours import Blend, ColourJitter, Invert, RgbPermute
from srdata.train.augment.dihedral import Dihedral
from srdata.train.augment.erasing import Cutblur, Cutout
from srdata.train.augment.mixing import Cutmix, Cutmixup, Mixup, Resizemix
from srdata.train.augment.mixture import Mixture

_KINDS: tuple[type[Augmentation], ...] = (
    Dihedral,
    RgbPermute,
    Invert,
    ColourJitter,
    Blend,
    Mixup,
    Cutmix,
    Cutmixup,
    Resizemix,
    Cutout,
    Cutblur,
    Mixture,
)

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    str(kind.model_fields["augment"].default): kind for kind in _KINDS
}
