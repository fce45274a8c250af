"""`curate`: from a source of images to the condition that chooses among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from srdata.common.wording.amounts import how_many
from srdata.curation.survey import START, survey
from srdata.discovery.named_files import KeptFiles
from srdata.errors import SourceError, UsageError
from srdata.preparation.source_items import find_items, scoring_of, training_files
from srdata.recipes.set_recipe import Recipe
from srdata.report.choice_page import check_choice_page, left_out_by, where_lines, write_choice_page


def curate(
    recipe: Recipe, source: str, out: Path, *, root: Path = Path("data"), jobs: int = -1
) -> Iterator[str]:
    """Score the training images of a source, write the page to choose by to `out`, and say what it leaves.

    `recipe` says by `where` what to begin with, else it is `START`. Raises SourceError where images come or
    go meanwhile, UsageError where there are none, and what scoring raises.
    """
    check_choice_page(out)  # before any work
    chosen = recipe if recipe.choice.where is not None else recipe.changed(where=START)
    files = _files(chosen, root)
    if not files:
        raise UsageError(f"{source} has no training images to choose from: give a source that has some")
    found = survey(files, chosen, scoring_of(chosen, root, jobs, "loky"))
    if changed := set(files) ^ set(_files(chosen, root)):
        raise SourceError(
            f"{source} changed while it was scored: {how_many(len(changed), 'image')} came or went, such as "
            f"{min(changed)}; run the same command again once it is whole"
        )
    write_choice_page(found, source, chosen.images, out)
    yield f"the condition is met by {found.kept:,} of {how_many(len(found.why), 'image', form=',')}"
    for text, count, alone in left_out_by(found):
        yield f"  {count:7,} not meeting {text}" + (f", {alone:,} of them meeting all else" if count else "")
    for key, reason in list(found.bad.items())[:10]:
        yield f"cannot be read: {key}: {reason}"
    yield f"{out}: histograms, and the images just below and above each threshold"
    yield from where_lines(found, source, chosen.images)


def _files(recipe: Recipe, root: Path) -> KeptFiles:
    return training_files(find_items(recipe.without_choice(), root))
