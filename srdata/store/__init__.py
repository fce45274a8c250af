"""The store of a prepared set: blocks, codecs, LMDB shards, index, and the BasicSR format."""
