"""What a preparation asks for and would do, before it does it."""

from __future__ import annotations

from srdata.errors import UsageError
from srdata.manifest import load_manifest
from srdata.preparation.shards import layout_of
from srdata.recipe import Recipe


def check_request(recipe: Recipe) -> None:
    """Raise UsageError for settings that do not go together, before anything is downloaded."""
    if len(recipe.scales) > 1 and any(chain.hr for chain in recipe.chains.values()):
        raise UsageError("this degradation alters HR, so give it one --scale and prepare a set for each")
    if recipe.store.layout != "folder":
        layout_of(recipe)
    if recipe.windows:
        for scale in recipe.scales:
            recipe.windows.check(scale)


def licence_text(recipe: Recipe) -> str:
    """The terms under which the source may be used."""
    if recipe.folder is not None:
        return f"licence: the images of {recipe.folder} are yours to answer for"
    manifest = load_manifest(str(recipe.source))
    owners = [manifest, *(load_manifest(member.manifest) for member in manifest.members)]
    return "\n".join(f"licence of {one.title}: {one.licence.name}: {one.licence.text}" for one in owners)
