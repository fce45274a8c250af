"""Crops: which region of an image, read, padded, turned, as tensors."""
