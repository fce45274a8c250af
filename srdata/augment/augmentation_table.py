"""The table of augmentations: every name that a pipeline may use."""

from __future__ import annotations

from srdata.augment.augmentation import Augmentation
from srdata.augment.colours import Blend, ColourJitter, Invert, RgbPermute
from srdata.augment.erasing import Cutblur, Cutout
from srdata.augment.flips import Dihedral
from srdata.augment.mixing import Cutmix, Cutmixup, Mixup, Resizemix
from srdata.augment.one_of import Mixture

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
