"""Arithmetic on batches of images, the same for numpy and torch."""
