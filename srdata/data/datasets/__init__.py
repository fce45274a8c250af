"""Data sets: pairs by index, several sets as one, streams."""
