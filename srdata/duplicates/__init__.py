"""Images that show the same, within a set and between training and test sets.

copies           `find_copies`: which images of a set or folder show the same
known_images     tables of hashes: which images show one that is not here
leakage          `find_leakage`: images of test sets in training sets, and what to do
perceptual_hash  sketches and hashes of images, and which are near
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.duplicates.copies import Copies as Copies
    from srdata.duplicates.copies import Gallery as Gallery
    from srdata.duplicates.copies import find_copies as find_copies
    from srdata.duplicates.copies import sketches_of as sketches_of
    from srdata.duplicates.leakage import Overlap as Overlap
    from srdata.duplicates.leakage import find_leakage as find_leakage
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.duplicates.copies": "Copies Gallery find_copies sketches_of",
            "srdata.duplicates.leakage": "Overlap find_leakage",
        },
    )
