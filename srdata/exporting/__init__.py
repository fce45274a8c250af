"""Prepared sets in the forms of other training code: out, in, and what a file or folder of theirs is."""
