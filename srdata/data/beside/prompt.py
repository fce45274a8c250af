"""`Prompt`: the text that a batch has for each image, one of several, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from srdata.common.strict_model import StrictModel


def _weighted(value: Any) -> Any:
    """A name, names, or names with how likely each is."""
    names = (value,) if isinstance(value, str) else value
    return dict.fromkeys(names, 1.0) if isinstance(names, list | tuple) else names


class Prompt(StrictModel):
    """The text that a batch has for each image: `batch.prompt`.

    >>> Prompt(columns="tags", empty=0.5)  # SeeSR: half of the images have none
    Prompt(columns={'tags': 1.0}, empty=0.5)
    """

    # of texts: a name, several that are as likely, or {short: 0.2, long: 0.8}; of several texts one is drawn
    columns: Annotated[dict[str, float], BeforeValidator(_weighted)]
    empty: Annotated[float, Field(ge=0, le=1)] = 0.0  # how likely there is no text

    @model_validator(mode="after")
    def _likely(self) -> Self:
        if not self.columns or min(self.columns.values()) < 0 or not sum(self.columns.values()) > 0:
            raise ValueError("columns needs a name, and numbers none of which is below 0 and one above")
        return self

    def drawn(self, values: Mapping[str, Sequence[Any]], numbers: NDArray[np.float64]) -> list[str]:
        """The text of each image, by three numbers in [0, 1) each; "" where there is none."""
        edges = np.cumsum(list(self.columns.values()))
        which = np.searchsorted(edges, numbers[:, 1] * edges[-1], side="right")
        names = list(self.columns)
        found = [values[names[column]][image] for image, column in enumerate(which.tolist())]
        empty = (numbers[:, 0] < self.empty).tolist()
        return [
            "" if none else _one_of(texts, number)
            for none, texts, number in zip(empty, found, numbers[:, 2].tolist(), strict=True)
        ]


def _one_of(texts: Any, number: float) -> str:
    if isinstance(texts, list):
        texts = texts[int(number * len(texts))] if texts else None
    return "" if texts is None else str(texts)
