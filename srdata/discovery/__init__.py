"""What images and pairs there are in a folder or file that somebody else made.

by_name          pairs by the names of folders and images, and by their sizes
forms            images and pairs in the forms of others: LMDBs, tables, archives, lists
found_parts      HR images, and the LR images that face them
image_addresses  the address of an image file as text
image_bytes      image files on disk, in an LMDB, a tar, a table or an HDF5 file
inspection       `inspect`: what a file or folder is, and what is wrong
known_forms      the front: pairs in any form, and the HR images where there are none
named_files      image files below a folder by their names, of which no object is made before it is asked for
pairing          which LR image belongs to which HR image, by a template
remote_images    image files at addresses
templates        images that the user names
told_columns     captions and other columns, in text files and tables
unused_files     what of a folder is not used
"""

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.discovery.known_forms import by_template as by_template
    from srdata.discovery.known_forms import by_template_at as by_template_at
    from srdata.discovery.known_forms import find_parts as find_parts
    from srdata.discovery.known_forms import find_parts_at as find_parts_at
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__, {"srdata.discovery.known_forms": "by_template by_template_at find_parts find_parts_at"}
    )
