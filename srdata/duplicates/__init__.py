"""Images that show the same, within a set and between training and test sets."""
