"""Where pairs are read from: shards, folders, LMDB, tables.

found_pairs     the pairs that are chosen of a folder or file that somebody else made
prepared_files  pairs of a prepared set that keeps image files
sources         a kind of source each: prepared sets, image files, LMDB folders
stereo          two views of a scene as one image of six channels
table_pairs     pairs in a table of encoded images, as `datasets` reads it
"""
