"""The names of configs: bicubic_x4, bsrgan_x4, unknown_x2."""

from __future__ import annotations

from srdata.exporting.set_names import chain_name
from srdata.publishing.formats import Config
from srdata.recipes.set_recipe import PUBLISHED
from srdata.scale import Scale
from srdata.store.set_json import SetFile


def configs_of(content: SetFile) -> list[Config]:
    """A config for each scale of a set."""
    degradation = content.recipe["degradation"]
    if isinstance(degradation, str):
        name = degradation.removeprefix(PUBLISHED)
        return [Config(name, Scale(scale)) for scale in content.scales]
    return [Config(chain_name(degradation[scale], content.name), Scale(scale)) for scale in content.scales]
