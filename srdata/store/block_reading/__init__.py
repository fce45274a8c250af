"""Blocks out of shards, each compared with its hash.

block_hashes  the hash of every block, and which were compared
crop_blocks   crops, put together from blocks
crop_rows     where the rows of crops lie in blocks
mapped_rows   rows out of mapped files, copied by one call
"""
