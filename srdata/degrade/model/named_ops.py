"""Ops by their names: a class is imported, and its model built, when a chain first names it.

A chain has few of all ops, whose models take longer to build than a small set to make.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from srdata.degrade.model.op import Op


class NamedOps(Mapping[str, type[Op]]):
    """The classes of ops by name, each known by its path below a package until it is asked for."""

    def __init__(self, package: str, paths: Mapping[str, str]) -> None:
        self._package = package
        self._paths = paths

    def __getitem__(self, name: str) -> type[Op]:
        module, _, kind = self._paths[name].rpartition(".")
        found: type[Op] = getattr(importlib.import_module(f"{self._package}.{module}"), kind)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class OpByName:
    """In an annotation: any op of a table, refused as by a union of all of them that `op` tells apart."""

    def __init__(self, kinds: NamedOps) -> None:
        self._kinds = kinds
        self._validators: dict[str, SchemaValidator] = {}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {"discriminator": {"mapping": _Schemas(self._kinds)}}

    def _validated(self, value: Any, info: ValidationInfo) -> Any:
        self._of_a_known_name.validate_python(value)
        name = value["op"] if isinstance(value, dict) else value.op
        validator = self._validators.get(name) or self._validators.setdefault(name, self._validator(name))
        if info.mode == "json":  # whose types are other ones
            return validator.validate_json(json.dumps(value), context=info.context)
        return validator.validate_python(value, context=info.context)

    def _validator(self, name: str) -> SchemaValidator:
        kind = self._kinds[name]
        kind.model_rebuild()
        return SchemaValidator(_union({name: kind.__pydantic_core_schema__}))

    @cached_property
    def _of_a_known_name(self) -> SchemaValidator:
        """Refuses what is no op, and names that there are not."""
        return SchemaValidator(_union({name: core_schema.any_schema() for name in self._kinds}))


def _union(kinds: Mapping[str, CoreSchema]) -> CoreSchema:
    return core_schema.tagged_union_schema(dict(kinds), "op", strict=True)


class _Schemas:
    """The JSON schema of each op, which is made where the nearest name of a setting is looked for."""

    def __init__(self, kinds: NamedOps) -> None:
        self._kinds = kinds

    def __contains__(self, name: object) -> bool:
        return name in self._kinds

    def __getitem__(self, name: str) -> dict[str, Any]:
        return self._kinds[name].model_json_schema()
