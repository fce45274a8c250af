"""Parquet tables of a set, and what is known of blocks by the index.

block_hashes   the hash of every block, and which were compared
parquet_file   writing them, whole or not at all
shard_table    shards.parquet: the size and hash of every shard
window_scores  a number for each window
"""
