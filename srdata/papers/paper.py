"""The recipe of a paper. Its loaders need torch, so what opens them is imported where they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, model_validator

from srdata.common.strict_model import WrittenModel
from srdata.errors import UnknownNameError
from srdata.papers.evidence import ByGroup, unfounded
from srdata.papers.schema import PaperEvaluation, StageSettings, Status
from srdata.recipes.set_recipe import ScaleField
from srdata.vocabulary import Split

if TYPE_CHECKING:
    from srdata.data.loading.loader import Loader
    from srdata.papers.open_loaders import Batches


class Stage(StageSettings):
    """One training run, with its loader."""

    def loader(
        self, root: str | Path, split: Split = "train", *, device: Any = "cpu", **options: Any
    ) -> Batches:
        """Batches of this stage out of the sets prepared below `root`; see `Paper.loader`."""
        from srdata.papers.open_loaders import open_stage

        return open_stage(self, Path(root), split, device, options)


class Paper(WrittenModel):
    """The training and evaluation of one network at one scale, or for one task."""

    name: str
    title: str  # of the network
    paper: str = ""  # authors, title, where and when
    evidence: ByGroup  # repository:path, or what was read
    status: Status  # how certain each group of settings is
    deviations: ByGroup  # what is done otherwise than by the authors
    notes: tuple[str, ...] = ()
    scale: ScaleField | None = None  # none where there are several
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    evaluation: tuple[PaperEvaluation, ...] = ()

    @model_validator(mode="after")
    def _evident(self) -> Self:
        if len(self.status.of("unverified")) < len(Status.model_fields) and not self.evidence:
            raise ValueError("evidence: what is confirmed, even in part, needs a source")
        if problems := list(unfounded(self.status, self.evidence, self.deviations)):
            raise ValueError("; ".join(problems))
        return self

    def stage(self, name: str | None = None) -> Stage:
        """The stage of that name; the last one, which ends with the paper's network, for None."""
        if name is None:
            return self.stages[-1]
        found = {stage.name: stage for stage in self.stages}
        if name not in found:
            raise UnknownNameError.among(f"stage of {self.name}", name, found)
        return found[name]

    def loader(
        self,
        root: str | Path,
        split: Split = "train",
        *,
        device: Any = "cpu",
        stage: str | None = None,
        **options: Any,
    ) -> Batches:
        """The batches of this paper, out of the sets prepared below `root`; of its last stage by default.

        Of another `split` than train they are whole images, one by one and not augmented. `options` are those
        of `Loader`, such as seed, workers, rank and dtype, and `batch_size` in place of the paper's, which is
        shared by all ranks. For a recipe that trains on one image give it as `image`.

        Raises UsageError with the command to run where a set is not prepared.
        """
        return self.stage(stage).loader(root, split, device=device, **options)

    def test_loader(
        self, root: str | Path, name: str, *, device: Any = "cpu", task: str | None = None, **options: Any
    ) -> Loader:
        """The whole images of a test set, one by one, as the network takes them (in the first task)."""
        from srdata.papers.open_loaders import open_test

        settings = self.stages[-1].settings
        folders = next((one for one in self.evaluation if one.hr is not None and name in one.sets), None)
        return open_test(settings[task or next(iter(settings))], Path(root), name, device, options, folders)
