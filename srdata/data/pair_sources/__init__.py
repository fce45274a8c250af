"""Where pairs are read from: shards, folders, LMDB, tables."""
