"""From a recipe to a prepared set: download, degrade, cut, store, and declare it finished.

beforehand      what is told and checked before any image is made
degrade_folder  `degrade_files`: HR images in, LR files and their δ out
existing_pairs  pairs that others made, taken as they are
layout_basicsr  LMDB folders of sub-images
layout_folder   PNG files in EDSR's folders
layout_lmdb     shards
layouts         each layout's way from images to files
make_layers     one image of the source becomes its layers
planned         the files by which parts of a set know of each other
planned_parts   a set planned, made in parts anywhere, and declared finished
prepare_recipe  `prepare`: from a recipe to a finished set, in a folder or at an address
prepare_set     making a set in a folder, once, however often it is interrupted
set_targets     where a set is to stand: a folder here, or an address
source_items    an item for each HR image of the source
spread_shards   shards on many workers
standing_sets   what stands where a set is to be made
"""

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.preparation.degrade_folder import degrade_files as degrade_files
    from srdata.preparation.planned_parts import finish_plan as finish_plan
    from srdata.preparation.planned_parts import make_part as make_part
    from srdata.preparation.planned_parts import write_plan as write_plan
    from srdata.preparation.prepare_recipe import plan as plan
    from srdata.preparation.prepare_recipe import prepare as prepare
    from srdata.preparation.prepare_set import Prepared as Prepared
    from srdata.set_changes.annotate_set import annotate as annotate
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.preparation.degrade_folder": "degrade_files",
            "srdata.preparation.planned_parts": "finish_plan make_part write_plan",
            "srdata.preparation.prepare_recipe": "plan prepare",
            "srdata.preparation.prepare_set": "Prepared",
            "srdata.set_changes.annotate_set": "annotate",
        },
    )
