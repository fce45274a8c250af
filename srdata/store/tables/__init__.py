"""Parquet files of a set, whatever they hold.

arrow_columns  columns from plain values, and back to numpy
choice_table   choice.parquet: what became of images and tiles that were chosen from
parquet_file   writing them whole or not at all, and reading them
set_files      the files that a set names, and the shards that its table has
shard_table    shards.parquet: the size and hash of every shard
"""
