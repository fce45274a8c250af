"""Degradations: x = D(y; δ). Ops, chains and the learned resampler."""
