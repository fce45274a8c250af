"""Downscalers that are networks."""
