"""Which scores are wanted: those of srdata, NIQE, metrics of pyiqa, and functions of the user."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from srdata.common.files import sha256_of
from srdata.curation.pyiqa_metrics import PYIQA, load_metric, metric_version
from srdata.curation.source_scores import SCORES, Seen, rounded
from srdata.errors import UnknownNameError, UsageError
from srdata.images import Pixels
from srdata.inference.user_functions import imported_function
from srdata.niqe import load_natural, naturalness
from srdata.vocabulary import SOURCE_SCORES

DIGITS = 4  # of NIQE and of what is not ours
EMBEDDING = "embedding:"  # begins the columns of embeddings
_NIQE_FILE = "BasicSR's niqe_pris_params.npz, or the authors' modelparameters.mat"


@dataclass(frozen=True)
class WantedScore:
    """A score, by the name that conditions use, and what makes it: any process can compute it.

    `version` says all that its value depends on but the image: the definition and its digits, the source of a
    function, the hash of the weights. Scores of one version are computed once.
    """

    name: str
    version: str
    function: str = ""  # MODULE:FUNCTION or pyiqa:METRIC; none: one of ours
    weights: Path | None = None

    @property
    def column(self) -> str:
        """Its column in the tables of scores."""
        return f"{self.name}@{self.version}"

    def of(self, seen: Sequence[Seen]) -> list[float]:
        """The score of each image or tile, all of one size, NaN where there is none.

        Raises UsageError for a function that gives no number.
        """
        if self.function.startswith(PYIQA):
            found = _metric(self)([one.image for one in seen])
            return [rounded(value, DIGITS) if math.isfinite(value) else math.nan for value in found]
        return [self._of(one) for one in seen]

    def _of(self, seen: Seen) -> float:
        if self.name == "niqe" and not self.function:
            return rounded(_niqe(seen, self.weights), DIGITS)
        if not self.function:
            score = SCORES[self.name]
            return rounded(score.of(seen), score.digits)
        value = self.call(seen)
        try:
            if math.isinf(value := float(value)):
                raise ValueError
            return rounded(value, DIGITS)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"{self.function} gave {value!r}, not a number: let it return a float"
            ) from error

    def call(self, seen: Seen) -> Any:
        """What a function of the user's gives for an image, RGB uint8 (height, width, 3).

        Raises UsageError where it fails.
        """
        function = imported_function(self.function, "a function of an image")
        try:
            return function(seen.image)
        except Exception as error:  # whatever it raises
            size, why = f"{seen.image.shape[1]}x{seen.image.shape[0]}", f"{type(error).__name__}: {error}"
            raise UsageError(
                f"{self.function} fails on an image of {size} pixels ({' '.join(why.split())}): mend it, or "
                "let it give nan where it cannot tell"
            ) from error


@dataclass(frozen=True)
class Embedding:
    """A function of the user's that gives a vector for an image."""

    score: WantedScore

    @property
    def column(self) -> str:
        """Its column in the tables of scores."""
        return f"{EMBEDDING}{self.score.version}"

    def of(self, seen: Seen) -> bytes:
        """The vector of an image, of length 1, as float32; raises UsageError for what is none."""
        given = self.score.call(seen)
        try:
            vector = np.asarray(given, np.float32).ravel()
            length = float(np.linalg.norm(vector))
        except (TypeError, ValueError) as error:
            raise UsageError(f"{self.score.function} gave {given!r}, not a vector of numbers") from error
        if not length > 0 or not np.isfinite(length):
            raise UsageError(f"{self.score.function} gave a vector of length {length}: it says nothing")
        return (vector / np.float32(length)).tobytes()


@lru_cache
def _metric(wanted: WantedScore) -> Callable[[Sequence[Pixels]], list[float]]:
    return load_metric(wanted.function, wanted.weights)


def _niqe(seen: Seen, model: Path | None) -> float:
    if model is None:
        return math.nan
    try:
        return naturalness(seen.image, load_natural(model))
    except UsageError:  # too small, or flat
        return math.nan


def find_scores(
    names: Sequence[str],
    functions: Mapping[str, str] | None = None,
    weights: Mapping[str, str | Path] | None = None,
) -> tuple[WantedScore, ...]:
    """The scores of these names: of `srdata`, or of `functions` by name, MODULE:FUNCTION or pyiqa:METRIC.

    `weights` are files by the name of the score. Raises UnknownNameError, and UsageError for weights that are
    not given, files that are not there and functions that are not found.
    """
    files = {name: Path(path) for name, path in (weights or {}).items()}
    for name, path in files.items():
        if not path.is_file():
            raise UsageError(f"weights of {name}: there is no file {path}")
        if name == "niqe":
            load_natural(path)
    return tuple(
        _found(name, (functions or {}).get(name, ""), files.get(name)) for name in dict.fromkeys(names)
    )


def _found(name: str, function: str, weights: Path | None) -> WantedScore:
    if not function and name not in SOURCE_SCORES:
        raise UnknownNameError.among("score", name, SOURCE_SCORES)
    if name == "niqe" and not function and weights is None:
        raise UsageError(f"niqe needs a model that you have: give --weights niqe=FILE, {_NIQE_FILE}")
    parts = [version_of(function, weights) if function else str(SOURCE_SCORES[name])]
    if weights is not None:
        weights = weights.absolute()
        parts.append(f"sha256:{sha256_of(weights)}")
    return WantedScore(name, " ".join(parts), function, weights)


def version_of(function: str, weights: Path | None = None) -> str:
    """What a function is, and a hash of its source: it is another score once that has changed."""
    if function.startswith(PYIQA):
        return metric_version(function, weights)
    found = imported_function(function, "a function of an image")
    try:
        source = inspect.getsource(found)
    except (OSError, TypeError):
        source = ""  # of an extension, or an object
    return f"{function}#{hashlib.sha256(source.encode()).hexdigest()[:12]}"
