"""Data sets in the forms of `datasets`: on the Hugging Face Hub, or in a folder of this machine.

address         hf://ORG/NAME@REVISION
encoded_images  image files in a column, row by row
open_table      a config and split as a table on this disk
repository      commit, card and files before anything is downloaded
streamed_rows   blocks of rows as they are asked for
"""
