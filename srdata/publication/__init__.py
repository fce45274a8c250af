"""Prepared sets as data sets on the Hugging Face Hub."""

from srdata.publication.run import Outcome, publish

__all__ = ["Outcome", "publish"]
