"""Images and pairs in the forms of others: LMDBs, tables, archives, lists.

exported        what export.json gives back
lmdb_folders    the images of LMDB folders
metadata_parts  the pairs that the metadata of an ImageFolder names
packed_files    archives, whole or split, that have to be unpacked first
packed_pairs    pairs in tars and HDF5 files
plain_pickle    plain data out of a pickle file, without unpickling
table_columns   which columns of a table hold HR, LR and keys
table_parts     pairs in tables
"""
