"""The five test sets of the field, prepared and written as files in the folders that other code reads."""

from srdata.testsets.prepare_testsets import NAME, prepare_benchmarks, prepare_given, summary
from srdata.testsets.styles import DEFAULT, STYLES

__all__ = ["DEFAULT", "NAME", "STYLES", "prepare_benchmarks", "prepare_given", "summary"]
