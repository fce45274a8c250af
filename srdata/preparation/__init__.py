"""From a recipe to a prepared set: download, degrade, cut, store, and declare it finished.

annotate_set    `annotate`: captions and other columns, added to a set
degrade_folder  `degrade_files`: HR images in, LR files and their δ out
disk_need       the bytes that a preparation needs, and whether they are free
existing_pairs  pairs that others made, taken as they are
layout_basicsr  LMDB folders of sub-images
layout_folder   PNG files in EDSR's folders
layout_lmdb     shards
layouts         each layout's way from images to files
make_layers     one image of the source becomes its layers
plan            what a preparation would do, before it does it
planned         the files by which parts of a set know of each other
planned_parts   a set planned, made in parts anywhere, and declared finished
prepare_set     `prepare`: once, however often it is interrupted
source_items    an item for each HR image of the source
spread_shards   shards on many workers
standing_sets   what stands where a set is to be made
"""

from srdata.preparation.annotate_set import annotate
from srdata.preparation.degrade_folder import degrade_files
from srdata.preparation.planned_parts import finish_plan, make_part, write_plan
from srdata.preparation.prepare_set import Prepared, plan, prepare

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
