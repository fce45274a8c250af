"""The names of configs: bicubic_x4, bsrgan_x4, unknown_x2."""

from __future__ import annotations

from typing import Any

from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.publication.forms import Config
from srdata.recipe import PUBLISHED
from srdata.scale import Scale
from srdata.store.setfile import SetFile


def configs_of(content: SetFile) -> list[Config]:
    """A config for each scale of a set."""
    degradation = content.recipe["degradation"]
    if isinstance(degradation, str):
        name = degradation.removeprefix(PUBLISHED)
        return [Config(name, Scale(scale)) for scale in content.scales]
    return [Config(chain_name(degradation[scale], content.name), Scale(scale)) for scale in content.scales]


def chain_name(chain: dict[str, Any], set_name: str = "") -> str:
    """What a resolved chain is called: `bicubic` in any of MATLAB's variants, a preset, or `custom`.

    Of several names for one chain it is that which the name of the set has in it.
    """
    match chain:
        case {"hr": [], "steps": [{"op": "imresize", "kernel": "bicubic", "antialias": True}]}:
            return "bicubic"
    known = catalog.names(Shelf.DEGRADATIONS)
    same = [name for name in known if load_chain(name).resolved() == chain]
    return max(same, key=lambda name: name in set_name, default="custom")
