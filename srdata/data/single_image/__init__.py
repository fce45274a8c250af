"""Training on one image: zero-shot pairs, deep image prior."""
