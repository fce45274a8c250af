"""The table of ops: every name that a chain may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Field

from srdata.degrade.choices import Branch, Maybe, OneOf, Repeat, Shuffled
from srdata.degrade.op import Op, name_of
from srdata.degrade.ops.imresize import Imresize

_KINDS: tuple[type[Op], ...] = (
    Imresize,
    OneOf,
    Maybe,
    Shuffled,
    Repeat,
)

OPS: dict[str, type[Op]] = {name_of(kind): kind for kind in _KINDS}

if TYPE_CHECKING:
    AnyOp = Op
else:
    AnyOp = Annotated[Union[_KINDS], Field(discriminator="op")]  # noqa: UP007  # a union of the table's members

_NAMES: dict[str, Any] = {"AnyOp": AnyOp}
for _model in (Branch, OneOf, Maybe, Shuffled, Repeat):
    _model.model_rebuild(force=True, _types_namespace=_NAMES)
