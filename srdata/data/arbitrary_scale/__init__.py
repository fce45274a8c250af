"""Pairs of any scale."""
