"""Parquet files of a set, whatever they hold.

arrow_columns  columns from plain values, and back to numpy
parquet_file   writing them whole or not at all, and reading them
shard_table    shards.parquet: the size and hash of every shard
"""
