"""Import paths that README, docs and examples once named: for one release they lead to the new ones."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# The module that is no more, where its names are now, and these names.
MOVED = {
    "srdata.degrade.jpeg": ("srdata.degrade", "jpeg"),
    "srdata.degrade.kernels": (
        "srdata.degrade.numerics.blur_kernels",
        "box disk gaussian generalized line path plateau sinc",
    ),
    "srdata.degrade.op": ("srdata.degrade.model.op", "Op Params name_of"),
    "srdata.degrade.resample": ("srdata.degrade.numerics.batch_resize", "resize"),
    "srdata.difficulty.classes": ("srdata.difficulty", "CLASSSR classes equal_classes"),
    "srdata.files": ("srdata.common.files", "write_file"),
    "srdata.papers.files": ("srdata.papers.load", "names_in"),
    "srdata.papers.model": ("srdata.papers.schema", "Certainty Corpus Data Setting Status"),
    "srdata.report.delta": ("srdata.report.delta_steps", "shown"),
    "srdata.train.alternate": ("srdata.data", "Alternating Unpaired"),
    "srdata.train.arbitrary": ("srdata.data", "ArbitraryScale META_SR"),
    "srdata.train.augment": ("srdata.augment", "AUGMENTATIONS Augmentation PRESETS Sides load_augment"),
    "srdata.train.augment.presets": ("srdata.augment", "Preset"),
    "srdata.train.ensemble": ("srdata.inference", "SelfEnsemble self_ensemble"),
    "srdata.train.fusion": ("srdata.inference", "fuse_weights model_ensemble"),
    "srdata.train.loader": ("srdata", "Loader"),
    "srdata.train.mixed": ("srdata.data", "InRatio Mixed"),
    "srdata.train.orders": ("srdata.data", "Order Sequential Several Shuffled Weighted"),
    "srdata.train.prior": ("srdata.data", "DeepPrior Downsampler"),
    "srdata.train.samplers": ("srdata.data", "EpochSampler"),
    "srdata.train.schedule": ("srdata.data", "Schedule"),
    "srdata.train.streaming": ("srdata.data", "StreamedPairs"),
    "srdata.train.tiles": ("srdata.inference", "Tiled tiled"),
    "srdata.train.zeroshot": ("srdata.data", "ZeroShot"),
}


class _Moved(ModuleType):
    """What stands for a module that is no more."""

    def __getattr__(self, name: str) -> Any:
        new, names = MOVED.get(self.__name__, ("", ""))
        if name not in names.split():
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        warnings.warn(
            f"{self.__name__} is gone in the next release: from {new} import {name}",
            DeprecationWarning,
            stacklevel=2,
        )
        value = _found(new, name)
        setattr(self, name, value)  # once is enough
        return value

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        """As the function in whose place an import puts it, such as `srdata.difficulty.classes`."""
        new, _ = MOVED[self.__name__]
        return _found(new, self.__name__.rpartition(".")[2])(*arguments, **settings)


def _found(module: str, name: str) -> Any:
    """A name where it is now, whatever importing a module of the table put in its place there."""
    room = importlib.import_module(module)
    return vars(room).get("__getattr__", room.__getattribute__)(name)


class _Finder:
    """Finds the modules that are no more, and the packages that held them, where nothing else is found."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if any(f"{old}.".startswith(f"{name}.") for old in MOVED):
            return ModuleSpec(name, _Finder, is_package=True)  # type: ignore[arg-type]  # it has what is called
        return None

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        return _Moved(spec.name)

    @staticmethod
    def exec_module(module: ModuleType) -> None: ...


def keep_old_paths() -> None:
    """Let the modules of the table be found, after everything else."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
