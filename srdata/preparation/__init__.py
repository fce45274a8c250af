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

from srdata.preparation.degrade_folder import degrade_files
from srdata.preparation.planned_parts import finish_plan, make_part, write_plan
from srdata.preparation.prepare_recipe import plan, prepare
from srdata.preparation.prepare_set import Prepared
from srdata.set_changes.annotate_set import annotate

__all__ = [
    "Prepared",
    "annotate",
    "degrade_files",
    "finish_plan",
    "make_part",
    "plan",
    "prepare",
    "write_plan",
]
