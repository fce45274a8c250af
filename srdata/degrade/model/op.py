"""What an op is: a frozen, validated model that draws parameters for an image, then applies them to a batch.

An op's fields are its YAML. `sample` holds all of its randomness, `apply` holds none: the same parameters
give the same pixels, alone or within a batch, on the CPU or on a device.

    class Gamma(Op):
        op: Literal["gamma"] = "gamma"
        exponent: Annotated[Range, between(0.1, 10)] = (0.5, 2.0)

        def sample(self, rng):
            return {"exponent": uniform(rng, self.exponent)}

        def apply(self, x, params):
            return x ** column([p["exponent"] for p in params], x)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from srdata.common.strict_model import WrittenModel
from srdata.degrade.numerics import backend
from srdata.degrade.numerics.backend import Array, Image

Params = dict[str, Any]  # what one op drew for one image: plain numbers, texts and lists of them


class Settings(WrittenModel):
    """A strict model of finite numbers, whose lists may be written as such."""

    model_config = ConfigDict(allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, data: Any) -> Any:
        """Lists as tuples, which is what frozen fields hold."""
        return {name: _frozen(value) for name, value in data.items()} if isinstance(data, dict) else data


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


class Op(Settings):
    """One step of a degradation."""

    version: ClassVar[int] = 1  # raise it when the results change for the same parameters
    host_only: ClassVar[bool] = False  # needs a codec or library that only the CPU has
    later: ClassVar[tuple[str, ...]] = ()  # younger fields, unsaid at their defaults
    applied: ClassVar[tuple[str, ...] | None] = None  # the fields that `apply` reads; None: any of them
    draws: ClassVar[bool] = True  # False: `sample` asks its generator for nothing
    neutral: ClassVar[Params | None] = None  # parameters that change nothing, if there are any

    op: str

    @model_validator(mode="before")
    @classmethod
    def _right_version(cls, data: Any) -> Any:
        """A resolved chain names the version of each op: refuse another than this one."""
        if not isinstance(data, dict) or "version" not in data:
            return data
        if data["version"] != cls.version:
            raise ValueError(
                f"version {data['version']} of {name_of(cls)} is asked for, this srdata has {cls.version} "
                "with other pixels: prepare anew, or use the srdata that made this"
            )
        return {name: value for name, value in data.items() if name != "version"}

    @model_serializer(mode="wrap")
    def _with_version(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unsaid = {name for name in self.later if getattr(self, name) == type(self).model_fields[name].default}
        told = {name: value for name, value in plain(self).items() if name not in unsaid}
        return {"op": self.op, "version": self.version, **told}

    @property
    def sets_size(self) -> bool:
        """Whether a draw of this op decides the size of its result.

        Such draws are shared by a group of images, and `apply` finds the final size as `lr_size` in each of
        its parameters: [height, width].
        """
        return False

    @cached_property
    def kin(self) -> Hashable:
        """Equal for ops that do the same by the same parameters, whose images go through one of them."""
        if self.applied is None:
            return id(self)
        return type(self), *(getattr(self, name) for name in self.applied)

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Params:
        """Draw the parameters of one image, by `rng.random()` alone (see `distributions`)."""

    @abstractmethod
    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        """Degrade a batch (float32 NCHW in 0–1, numpy or torch) by the parameters of each of its images.

        Pure: draws nothing, writes neither to the op nor to `x`. Results beyond 0–1 are clipped by the op.
        """


class BytesOp(Op):
    """An op that works on 8-bit images on the host: a codec, or a resize with MATLAB's integer rounding.

    A chain of such ops on a uint8 image never leaves uint8.
    """

    @property
    def gives_levels(self) -> bool:
        """Whether batches come in whole 8-bit levels."""
        return True

    @property
    def in_floats(self) -> bool:
        """Whether a setting takes it out of 8 bits: then `apply` is to be called, and `on_bytes` is not."""
        return False

    @abstractmethod
    def on_bytes(self, image: Image, params: Params) -> Image:
        """Degrade one image, uint8 HWC, without writing to it."""

    def apply(self, x: Array, params: Sequence[Params]) -> Array:
        return backend.through_bytes(x, params, self.on_bytes)


def name_of(kind: type[Op]) -> str:
    """The name by which YAML calls an op: the one value that its field `op` admits."""
    return str(kind.model_fields["op"].default)
