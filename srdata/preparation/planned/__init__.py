"""The files by which parts of a set know of each other.

grown_sets     a set whose source has grown: images stay in their shards
plan_file      a plan: what is to be done
sent_files     what is made here for a set at an address
shard_records  what a finished shard is, told without opening it
"""
