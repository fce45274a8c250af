"""Pairs of any scale.

resampled_squares  squares of images, shrunk, cut out or read at places and sizes of their own
scale_pairs        `ArbitraryScale`: LR patches, and HR pixels at continuous coordinates
"""
