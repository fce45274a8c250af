"""How hard each window of a prepared set is, and the classes that follow from it."""

from srdata.difficulty.classes import CLASSSR, classes
from srdata.difficulty.classify_windows import classify
from srdata.difficulty.summary import summary

__all__ = ["CLASSSR", "classes", "classify", "summary"]
