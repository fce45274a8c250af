"""The store of a prepared set: blocks, codecs, LMDB shards, index, and the BasicSR format.

blocks         how an image is cut into blocks, and which of them a crop touches
codecs         how a block becomes bytes and comes back
block_reading  blocks out of shards, each compared with its hash
export_json    export.json: what was exported into a folder
folder_names   what the field calls the files and folders of a set
index          index.parquet: a row for every image
lmdb_files     LMDB files: written whole, checked, and each opened once in a process
reader         crops and whole images out of a set
records        what is stored of an image, and its hashes
resume         what an earlier run left of a shard
set_json       set.json: what a set is, and the hash of every file
set_versions   what a set was before it grew
shards         writing shards, sealed by a rename
tables         Parquet files of a set, and that of the shards
window_scores  a number for each window
windows        sub-images as positions, and their numbering
"""
