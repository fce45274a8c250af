"""Measures besides PSNR, by name."""
