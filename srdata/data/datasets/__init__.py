"""Data sets: pairs by index, several sets as one, streams.

mixed         `Mixed`: several data sets as one
open_source   which source of pairs is meant by what a user gives
paired        `PairedDataset`: pairs by index
shared_epoch  the number of the epoch, seen by all workers
streaming     `StreamedPairs`: pairs that are read as they come and kept nowhere
"""
