"""Prepared sets as data sets on the Hugging Face Hub.

build_repository  a set as the folder of a repository
config_names      bicubic_x4, bsrgan_x4, unknown_x2
dataset_card      README.md, licence and recipe
formats           Parquet, ImageFolder, WebDataset
hub_client        what a repository holds, one more commit, what errors mean
publish_request   what is to be published, in which form
publish_set       `publish`: to the Hub, or to a folder
published_file    srdata.json: the hash of every file
upload            data first, and last the card, in one commit
written_pieces    which pieces of a repository are written already
"""

from srdata.publishing.publish_set import Outcome, publish

__all__ = ["Outcome", "publish"]
