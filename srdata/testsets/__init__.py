"""The five test sets of the field, prepared and written as files in the folders that other code reads.

prepare_testsets  `prepare benchmarks`
styles            what files and folders are called in the code that reads them
write_folder      a folder of image files, whole or not at all
"""

from srdata.testsets.prepare_testsets import NAME, prepare_benchmarks, prepare_given, summary
from srdata.testsets.styles import DEFAULT, STYLES

__all__ = ["DEFAULT", "NAME", "STYLES", "prepare_benchmarks", "prepare_given", "summary"]
