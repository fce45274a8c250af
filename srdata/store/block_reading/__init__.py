"""Blocks out of shards, each compared with its hash.

block_hashes   the hash of every block, and which were compared
block_numbers  all blocks of a set, numbered through
crop_blocks    crops, put together from blocks
crop_rows      where the rows of crops lie in blocks
mapped_blocks  where blocks are mapped that were touched
mapped_pages   pages of mapped files that are not in memory
mapped_rows    rows out of mapped files, copied by one call
pair_plan      pairs of crops, planned for many batches at once
"""
