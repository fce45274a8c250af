"""What images and pairs there are in a folder or file that somebody else made.

known_forms     the front: pairs in any form, and the HR images where there are none
found_parts     HR images, and the LR images that face them
inspection      `inspect`: what a file or folder is, and what is wrong
templates       images that the user names

By names and sizes:
name_marks      what the name of a folder or image says
image_groups    images that stand together
image_sizes     sizes by headers, and the scale that they have
group_links     which LR group faces which HR group
parts_by_name   the parts that follow
refusals        what is said where pairs are not clear
pairing         which LR image belongs to which HR image, by a template

In the forms of others:
named_files     image files of a folder by name
image_bytes     image files on disk, in an LMDB, a tar, a table or an HDF5 file
lmdb_folders    the images of LMDB folders
packed_pairs    pairs in tars and HDF5 files
table_columns   which columns of a table hold HR, LR and keys
table_parts     pairs in tables
exported        what export.json gives back
plain_pickle    plain data out of a pickle file, without unpickling
unused_files    what of a folder is not used
"""
