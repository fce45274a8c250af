"""What images and pairs there are in a folder or file that somebody else made.

exported        what export.json gives back
found_parts     HR images, and the LR images that face them
group_links     which LR group faces which HR group
image_bytes     image files on disk, in an LMDB, a tar, a table or an HDF5 file
companions      smaller companions of images in one folder
image_groups    images that stand together
image_sizes     sizes by headers, and the scale that they have
inspection      `inspect`: what a file or folder is, and what is wrong
known_forms     the front: pairs in any form, and the HR images where there are none
lmdb_folders    the images of LMDB folders
metadata_parts  the pairs that the metadata of an ImageFolder names
name_marks      what the name of a folder or image says
named_files     image files of a folder by name
packed_files    archives, whole or split, that have to be unpacked first
packed_pairs    pairs in tars and HDF5 files
pairing         which LR image belongs to which HR image, by a template
parts_by_name   the parts that follow
plain_pickle    plain data out of a pickle file, without unpickling
refusals        what is said where pairs are not clear
table_columns   which columns of a table hold HR, LR and keys
table_parts     pairs in tables
templates       images that the user names
unused_files    what of a folder is not used
"""
