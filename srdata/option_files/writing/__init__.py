"""From a recipe or a set to the section on data of an option file.

chain_options    from a chain of Real-ESRGAN's two degradations back to options
option_request   what an option file is written for
pairs_of_source  where the images of a set or of a recipe lie for a trainer to read
to_options       the section on data of an option file, for a recipe or a prepared set
toml_text        options as TOML
written_sets     the type of a data set of a trainer, its places and degradations
written_use      its crops, turns, ranges and batches
"""
