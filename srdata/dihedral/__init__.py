"""The eight ways to flip and turn an image.

array_turns   numpy arrays, in place
tensor_turns  tensors, on any device
"""
