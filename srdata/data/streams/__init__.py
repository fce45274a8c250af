"""What streams read: shards that are brought to this machine whole, and the order in which their rows come.

addressed_tables  Parquet and tar files at addresses as one stream
kept_pixels       images that are decoded once on a machine
open_shards       which kind of shards is meant by what a user gives
set_shards        shards of prepared sets, and pairs that are one shard
stream_order      shards at random, and their rows mixed within a window of some shards
table_shards      shards of tables of encoded images: Parquet, WebDataset, and what else `datasets` reads
"""
