"""What an option file is written for: a trainer, folders of images, and how they are trained on."""

from __future__ import annotations

from typing import Literal, NamedTuple

from srdata.option_files.trainers import TRAINERS, Trainer
from srdata.option_files.writing.pairs_of_source import WrittenPairs
from srdata.papers.schema import Setting
from srdata.scale import Scale

Form = Literal["basicsr", "redux", "neosr", "kair"]


class OptionRequest(NamedTuple):
    """What is trained on, and how."""

    form: Form
    scale: Scale
    pairs: list[WrittenPairs]
    setting: Setting

    @property
    def trainer(self) -> Trainer:
        return TRAINERS[self.form]
