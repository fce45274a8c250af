"""What a choice depends on: the scores that it needs, each in its version."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from srdata.common.files import sha256_of
from srdata.curation.wanted_scores import Embedding, WantedScore, find_scores, version_of
from srdata.duplicates.known_images import KnownImages, read_known, shipped
from srdata.errors import UsageError
from srdata.recipes.image_choice import ChoiceSettings, ImageChoice
from srdata.recipes.set_recipe import Recipe


def scores_of(settings: ChoiceSettings, names: Sequence[str]) -> tuple[WantedScore, ...]:
    """The scores of these names, in the versions that a recipe says, where it does; raises UsageError."""
    choice = settings.choice
    functions = {name: _function(value) for name, value in choice.own_scores.items()}
    weights = {name: path for name, path in (settings.weights or {}).items() if name in names}
    found = find_scores(names, functions, weights)
    for one in found:
        given = choice.scores.get(one.name)
        if given is not None and given not in (one.version, one.function):
            raise UsageError(
                f"scores: {one.name} was {given} and is {one.version} here: leave it out of scores, "
                "or take the function or weights that it was"
            )
    return found


def embedding_of(choice: ImageChoice) -> Embedding | None:
    """The function of the user's that says when images show the same, if there is one."""
    if choice.likeness.by is None:
        return None
    function = _function(choice.likeness.by)
    return Embedding(WantedScore("embedding", version_of(function), function))


def _function(version: str) -> str:
    """MODULE:FUNCTION of a version."""
    return version.partition("#")[0].partition(" ")[0]


def with_versions(recipe: Recipe) -> Recipe:
    """A recipe that says the version of all that its choice depends on, so that its digest does."""
    choice = recipe.choice
    if not choice:
        return recipe
    versions = {
        one.name: one.version for one in scores_of(recipe, (*choice.image_scores, *choice.tile_scores))
    }
    if choice.by_likeness:
        embedding = embedding_of(choice)
        versions["duplicate"] = "1" if embedding is None else embedding.score.version
    if choice.by_tests:
        known_tests(recipe)
        versions["leaked"] = " ".join(f"sha256:{sha256_of(table)}" for table in _tables_of_tests(recipe))
    return recipe.changed(scores={**choice.own_scores, **versions} or None)


def known_tests(settings: ChoiceSettings) -> KnownImages:
    """The images of test sets that an image must not show; raises UsageError."""
    return read_known(*_tables_of_tests(settings))


def _tables_of_tests(settings: ChoiceSettings) -> list[Path]:
    return [shipped(), *([Path(settings.test_images)] if settings.test_images else [])]
