"""Parquet files of a set, whatever they hold.

parquet_file  writing them, whole or not at all
shard_table   shards.parquet: the size and hash of every shard
"""
