"""Data sets: pairs by index, several sets as one, streams.

crop_settings  what items are cropped, padded and turned by
drawn_pairs    the items of drawn crops
given_place    where a user says that pairs are
item_epochs    the epoch of an item that is asked for without one
mixed          `Mixed`: several data sets as one
open_source    which source of pairs is meant by what a user gives
pair_types     what data sets give: an item, or a batch
paired         `PairedDataset`: pairs by index
shared_epoch   the number of the epoch, seen by all workers
stream_rows    the rows of a stream as items
streaming      `StreamedPairs`: pairs in shards that are brought as they are needed
"""
