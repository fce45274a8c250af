"""The five test sets of the field, prepared and written as files in the folders that other code reads."""

from srdata.benchmarks.run import NAME, prepare_benchmarks, prepare_given, summary
from srdata.benchmarks.styles import DEFAULT, STYLES

__all__ = ["DEFAULT", "NAME", "STYLES", "prepare_benchmarks", "prepare_given", "summary"]
