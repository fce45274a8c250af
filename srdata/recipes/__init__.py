"""Recipes of sets: how a prepared set is made."""
