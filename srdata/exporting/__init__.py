"""Prepared sets in the forms of other training code.

export_set        `export`: a set in the form that is asked for
samples           the images that leave a set, whole or cut, encoded; `publish` takes them here too
folder_forms      BasicSR's LMDBs, EDSR's and KAIR's folders
super_image_hdf5  HDF5 files as super-image's
tar_shards        WebDataset's tars
escaped_keys      keys that a form cannot hold
set_names         what a set is called outside
"""

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.exporting.export_set import FORMS as FORMS
    from srdata.exporting.export_set import Export as Export
    from srdata.exporting.export_set import check_same_windows as check_same_windows
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__, {"srdata.exporting.export_set": "Export FORMS check_same_windows"}
    )
