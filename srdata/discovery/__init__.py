"""What images and pairs there are in a folder or file that somebody else made.

found_parts   HR images, and the LR images that face them
image_bytes   image files on disk, in an LMDB, a tar or an HDF5 file
inspection    `inspect`: what a file or folder is, and what is wrong
known_forms   pairs in any form that the field uses
lmdb_folders  the images of LMDB folders
packed_pairs  pairs in tars and HDF5 files
pair_folders  pairs by the names of folders
pairing       which LR image belongs to which HR image
plain_pickle  plain data out of a pickle file, without unpickling
unused_files  what of a folder is not used
"""
