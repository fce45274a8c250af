"""The files by which parts of a set know of each other.

plan_file      a plan: what is to be done
shard_records  what a finished shard is, told without opening it
"""
