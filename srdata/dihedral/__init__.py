"""The eight ways to flip and turn an image."""
