"""Mending a prepared set: what is missing or damaged is made again, and what is right stays."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from srdata.common.processes.one_at_a_time import only_one_at
from srdata.difficulty import classify
from srdata.errors import DamagedSetError, SetError, UsageError, given_path
from srdata.exporting.set_names import chain_name
from srdata.preparation.prepare_set import Request, make
from srdata.prepared.image_columns import COLUMNS_FOLDER, column_names, has_keys, read_column
from srdata.recipes.set_recipe import Recipe
from srdata.store.index import Index, write_index
from srdata.store.set_json import (
    ADDED,
    SET_FILE,
    SetFile,
    add_file,
    changed_files,
    check_files,
    digest_of,
    read_set,
    write_set,
)
from srdata.store.tables.set_files import INDEX_FILE, file_entry, problem_of
from srdata.store.tables.shard_table import SHARDS_FILE, write_shard_table
from srdata.store.window_scores import kinds_in

_RECIPE = re.compile(rb'\n  "recipe": (\{.*?\n  \}),\n', re.DOTALL)


def repair(
    path: str | Path,
    *,
    root: str | Path | None = None,
    from_dir: str | Path | None = None,
    jobs: int = -1,
    log: Callable[[str], None] = lambda line: None,
) -> None:
    """Make again what of the prepared set at `path` is missing or damaged, to the same bytes.

    An index is made of its shards, scores are made of the images; columns that were added cannot be made
    again. All else needs the source, which is downloaded below `root` (the folder that holds the set) unless
    it is there, or taken from `from_dir`; a set of a folder of images needs that. Files that are right are
    kept.

    Raises SetError for a folder that is no set or whose recipe cannot be read any more, UsageError where it
    is not known where the source is, and whatever `srdata.preparation.prepare` raises.
    """
    folder = given_path(path).absolute()
    plain, content = _recipe_and_content(folder)
    wrong = _wrong(folder, content)
    there = (path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))
    scores = kinds_in(there if content is None else content.named)
    if content is not None and content.layout == "lmdb" and wrong and wrong <= {INDEX_FILE, SHARDS_FILE}:
        with only_one_at(folder):
            wrong = _tables_again(folder, content, wrong)
    if wrong:
        recipe = _recipe(folder, plain, from_dir)
        source = None if recipe.folder or from_dir is None else Path(from_dir)
        skip_bad = content is not None and bool(content.quarantine)
        how = Request(Path(root or folder.parent), source, jobs, skip_bad=skip_bad, thorough=True)
        make(recipe, folder, how, log)
    for kind in scores:
        classify(folder, kind.by, windows=kind.windows, scales=[kind.scale], jobs=jobs)
    _keep_columns(folder)


def _keep_columns(folder: Path) -> None:
    """Declare again the columns that a damaged set.json named; CorruptRecordError for one that is damaged."""
    content, files = read_set(folder), sorted(folder.glob(f"{COLUMNS_FOLDER}/*.parquet"))
    if not files and not column_names(content):
        return
    index = Index.of_set(folder, content)
    for file in files:
        name = file.relative_to(folder).as_posix()
        if name not in content.named and has_keys(file, index.keys):
            add_file(folder, name)
    content = read_set(folder)
    for name in column_names(content):
        read_column(folder, content, name, len(index))


def _recipe_and_content(folder: Path) -> tuple[dict[str, Any], SetFile | None]:
    """The resolved recipe of a set, and the rest of set.json, None where that is damaged."""
    try:
        content = read_set(folder)
        return content.recipe, content
    except DamagedSetError as error:
        if (recipe := _readable(folder)) is None:
            raise SetError(
                f"{folder / SET_FILE} is damaged where it holds the recipe: run the `srdata prepare` command "
                "that made the set again, which keeps what is right"
            ) from error
        return recipe, None


def _readable(folder: Path) -> dict[str, Any] | None:
    """The recipe in a damaged set.json, if it has the digest that stands there too."""
    text = (folder / SET_FILE).read_bytes()
    try:
        recipe = json.loads(match[1]) if (match := _RECIPE.search(text)) else None
    except (ValueError, RecursionError):
        return None
    return recipe if recipe is not None and digest_of(recipe).encode() in text else None


def _wrong(folder: Path, content: SetFile | None) -> set[str]:
    """The files, but for what was added, that are not what set.json says."""
    if content is None:
        return {SET_FILE}
    found = {one.path for one in check_files(folder, content, full=True) if one.problem}
    return {name for name in found if not name.startswith(ADDED)}


def _tables_again(folder: Path, content: SetFile, wrong: set[str]) -> set[str]:
    """Make the list of shards and the index again of the shards; gives what cannot be made so."""
    if SHARDS_FILE in wrong:
        shards = map(file_entry, sorted(folder.glob("shards/*.lmdb")))
        write_shard_table(folder / SHARDS_FILE, ((one.bytes, one.sha256) for one in shards))
        if problem_of(folder / SHARDS_FILE, content.named[SHARDS_FILE]):
            return wrong  # a shard is not what it was, or another version of Arrow writes other bytes
    if INDEX_FILE in wrong:
        shards_there = sorted(name for name in content.files if name.startswith("shards/"))
        write_index(folder / INDEX_FILE, [folder / name for name in shards_there])
        entry = file_entry(folder / INDEX_FILE)
        if entry != content.named[INDEX_FILE]:  # another version of Arrow writes other bytes
            write_set(folder, changed_files(folder, content, {INDEX_FILE: entry}))
    return set()


def _recipe(folder: Path, plain: dict[str, Any], from_dir: str | Path | None) -> Recipe:
    """The recipe of a set, which does not say where a folder of images lies."""
    if "from" in plain:
        raise UsageError(
            f"{folder} was made of other sets: delete it, and run the `srdata join` or `srdata split` again "
            "that made it"
        )
    given = dict(plain)
    if given.get("source") is None and given.get("hub") is None:
        if from_dir is None:
            raise UsageError(
                f"{folder} was made of a folder of images, which it does not name: "
                f"run `srdata verify {folder} --repair --from FOLDER`"
            )
        given["folder"] = str(Path(from_dir).resolve())
    try:
        recipe = Recipe.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise SetError(
            f"{folder}: {error.errors()[0]['msg']} in its recipe: prepare the set again"
        ) from error
    if recipe.digest != digest_of(plain):
        raise SetError(f"{folder} was made by another version of srdata: that one can repair it")
    return recipe if recipe.store.layout == "lmdb" or recipe.published else _named(folder, recipe)


def _named(folder: Path, recipe: Recipe) -> Recipe:
    """The recipe with the name of its degradation, which stands in the names of files."""
    names = {chain_name(chain.resolved(), folder.name) for chain in recipe.chains.values()}
    named = recipe.changed(degradation=names.pop()) if len(names) == 1 and "custom" not in names else recipe
    if named.digest != recipe.digest or named is recipe:
        raise SetError(
            f"{folder} was degraded by a chain of your own: delete what is damaged, and run the "
            "`srdata prepare` command that made the set again"
        )
    return named
