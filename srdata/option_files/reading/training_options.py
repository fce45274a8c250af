"""What an option file says of the data that a network is trained on."""

from __future__ import annotations

from typing import NamedTuple

from srdata.option_files.option_section import Said, Section, factor, text
from srdata.option_files.trainers import TRAINERS, Trainer


class TrainingOptions(NamedTuple):
    """What an option file says of the data that a network is trained on."""

    root: Section
    degradations: Section | None  # of neosr
    train: Section
    name: str  # of the trainer

    @property
    def trainer(self) -> Trainer:
        return TRAINERS[self.name]

    @property
    def scale(self) -> Said:
        """HR size over LR size."""
        return self.root.take("scale", factor, ": HR size over LR size, such as scale: 4")

    @property
    def kind(self) -> Said:
        """The type of its data set."""
        return self.train.take(self.kind_name, text)

    @property
    def kind_name(self) -> str:
        """The option that says the type."""
        return {"kair": "dataset_type", "2019": "mode"}.get(self.name, "type")

    @property
    def sections(self) -> list[Section]:
        """Where options on degradations stand; the first that has one holds."""
        return [one for one in (self.degradations, self.train, self.root) if one is not None]
