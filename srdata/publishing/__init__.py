"""Prepared sets as data sets on the Hugging Face Hub."""

from srdata.publishing.publish_set import Outcome, publish

__all__ = ["Outcome", "publish"]
