"""The names of configs: bicubic_x4, bsrgan_x4, unknown_x2."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from srdata.exporting.set_names import chain_name
from srdata.prepared.image_columns import kind_of
from srdata.publishing.formats import Config
from srdata.recipes.set_recipe import PUBLISHED
from srdata.scale import Scale
from srdata.store.set_json import SetFile


def published_configs(content: SetFile, columns: Mapping[str, pa.Array] | None = None) -> list[Config]:
    """A config for each scale of a set, with the columns that it has."""
    told = tuple((name, kind_of(values)) for name, values in (columns or {}).items())
    degradation = content.recipe["degradation"]
    if isinstance(degradation, str):
        name = degradation.removeprefix(PUBLISHED)
        return [Config(name, Scale(scale), told) for scale in content.scales]
    names = {scale: chain_name(degradation[scale], content.name) for scale in content.scales}
    return [Config(name, Scale(scale), told) for scale, name in names.items()]
