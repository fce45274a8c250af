"""What people are told, put the same everywhere.

amounts      numbers before their nouns: 1 image, 2 images
finding      what a check of a machine or of sets found
only_choice  the one that is meant of several
"""
