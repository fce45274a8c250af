"""Small things that every room may use: files, processes, words for mistakes.

array_files   files of numbers that other programs wrote, read within bounds
chunks        streams cut into groups by number and size
conditions    a small language of conditions over named numbers
documents     values that people wrote, and what is wrong with them, in the user's words
files         files that are right when they have their name
free_space    whether a folder has room for what is to be written
lazy_names    names that are imported on first use
output_paths  never over what a user has
processes     work on many processes: results in order, signals, locks, which run may write
progress      how far long work has come
safe_names    names that mean one file on every system
strict_model  files and settings that are checked whole
strict_yaml   YAML read strictly, with the line of every value
tensors       on a device: how they come there, and by which settings they are computed
wording       what people are told, put the same everywhere
"""
