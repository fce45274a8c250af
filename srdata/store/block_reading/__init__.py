"""Blocks out of shards, each compared with its hash.

block_hashes  the hash of every block, and which were compared
crop_blocks   a crop, put together from blocks
"""
