"""Downscalers that are networks.

car           the Content Adaptive Resampler
user_network  a user's own network in a file
"""
