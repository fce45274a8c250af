"""What there is: data sets, recipes, degradations, and what is here already; and one of them in full."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from srdata import catalog, papers, testsets
from srdata.catalog import Shelf
from srdata.degrade.chain import load_chain
from srdata.errors import SetError, UnknownNameError, nearest
from srdata.fetch import have
from srdata.fetch.manifest import Archive, Digest, ImageSet, Manifest, load_manifest
from srdata.papers import Paper, as_text
from srdata.papers.load import is_paper
from srdata.preparation.plan import readable
from srdata.recipes.hub_commit import pinned
from srdata.recipes.set_recipe import Recipe, read_set_recipe
from srdata.store.set_json import SET_FILE, read_set


def overview(root: Path) -> str:
    """Data sets with what is here of them, recipes, degradations, and the prepared sets below `root`."""
    blocks = [
        ("data sets", (_data_set_line(load_manifest(name), root) for name in catalog.names(Shelf.MANIFESTS))),
        ("recipes", _recipe_lines()),
        ("recipes of papers", (as_text.line(stem) for stem in catalog.names(Shelf.PAPERS))),
        ("degradations", (_degradation_line(name) for name in catalog.names(Shelf.DEGRADATIONS))),
        (f"prepared in {root}", list(_prepared_lines(root)) or ["nothing yet"]),
    ]
    return "\n\n".join(f"{title}\n" + "\n".join(f"  {line}" for line in lines) for title, lines in blocks)


def _data_set_line(manifest: Manifest, root: Path) -> str:
    hr = [(owner, one) for owner, one in manifest.find(track="HR")]
    counts = sum(one.count or 0 for _, one in hr)
    here = sum(have(owner, one, root) for owner, one in hr)
    state = "" if not here else " · here" if here == len(hr) else " · partly here"
    how = " · bring your own copy" if manifest.by_hand else " · gated" if manifest.gate else ""
    number = f"{counts} images" if counts else "number not known"
    return f"{manifest.name:12} {manifest.title} · {number} · {manifest.licence.name}{how}{state}"


def _recipe_lines() -> Iterator[str]:
    yield from (_recipe_line(read_set_recipe(name)) for name in catalog.names(Shelf.RECIPES))
    yield f"{testsets.NAME:12} the five test sets in one go, in the folders of EDSR, BasicSR and RCAN"


def _recipe_line(recipe: Recipe) -> str:
    scales = " ".join(scale.label for scale in recipe.scales)
    return f"{recipe.name:12} {recipe.title} · {recipe.degradation_name} · {scales}"


def _degradation_line(name: str) -> str:
    return f"{name:22} {load_chain(name).title}"


def _prepared_lines(root: Path) -> Iterator[str]:
    for path in sorted(root.glob(f"*/{SET_FILE}")):
        try:
            content = read_set(path.parent)
        except SetError as error:
            yield f"{path.parent.name}: {error}"
            continue
        size = sum(entry.bytes for entry in content.files.values())
        counts = ", ".join(f"{count} {split}" for split, count in content.counts.items())
        yield f"{path.parent.name} · {counts} · {content.layout} · {readable(size)}"


def describe(name: str) -> str:
    """A recipe in its resolved form and the data set it takes, or a data set, or a degradation, as text."""
    if name == testsets.NAME:
        return testsets.summary()
    if (paper := _paper(name)) is not None:
        return "\n".join(as_text.lines(paper))
    parts = [_yaml(part) if isinstance(part, dict) else part for part in _parts(name)]
    return "\n".join(part.rstrip() for part in parts)


def describe_json(name: str) -> str:
    """The same as JSON."""
    if (paper := _paper(name)) is not None:
        return json.dumps({"paper": paper.model_dump(mode="json", exclude_none=True)}, indent=2)
    recipe, manifest, chain = _found(name)
    return json.dumps(
        {
            **({"recipe": recipe.resolved(), "digest": recipe.digest} if recipe else {}),
            **({"data_set": manifest.model_dump(mode="json", exclude_none=True)} if manifest else {}),
            **({"degradation": chain} if chain else {}),
        },
        indent=2,
    )


def _paper(name: str) -> Paper | None:
    """The recipe of a paper with that name or in that file, if it is one."""
    others = {one for shelf in (Shelf.MANIFESTS, Shelf.DEGRADATIONS) for one in catalog.names(shelf)}
    in_a_file = Path(name).suffix in {".yaml", ".yml"}
    if not in_a_file and (name.lower() in others or not is_paper(name)):
        return None
    found = papers.load_recipe(name)
    return found if isinstance(found, Paper) else None


def _parts(name: str) -> Iterator[str | dict[str, Any]]:
    recipe, manifest, chain = _found(name)
    if recipe:
        yield f"# recipe {recipe.name}, digest {recipe.digest}"
        yield {"title": recipe.title, **recipe.resolved()}
        yield ""
    if manifest:
        yield from _manifest_lines(manifest)
    if chain:
        yield f"# degradation {name}"
        yield chain


def _found(name: str) -> tuple[Recipe | None, Manifest | None, dict[str, Any] | None]:
    """What `name` is: a recipe (and its data set), a data set, a degradation; raises UnknownNameError."""
    manifests, degradations = catalog.names(Shelf.MANIFESTS), catalog.names(Shelf.DEGRADATIONS)
    if (
        Path(name).suffix in {".yaml", ".yml"}
        or name.lower() in catalog.names(Shelf.RECIPES)
        or Path(name).is_dir()
    ):
        recipe = pinned(read_set_recipe(name))
        return recipe, load_manifest(recipe.source) if recipe.source else None, None
    if name.lower() in manifests:
        return None, load_manifest(name), None
    if name.lower() in degradations:
        chain = load_chain(name.lower())
        return None, None, chain.model_dump(mode="json")
    known = {*manifests, *degradations, *catalog.names(Shelf.RECIPES), *papers.paper_names()}
    hint = nearest(name.lower(), known)
    raise UnknownNameError(
        f"unknown recipe, data set or degradation {name!r}{hint}: srdata list shows what there is"
    )


def _manifest_lines(manifest: Manifest) -> Iterator[str]:
    yield f"# data set {manifest.name}: {manifest.title}"
    yield f"licence   {manifest.licence.name}: {manifest.licence.text}"
    yield f"          may {'' if manifest.licence.redistributable else 'not '}be passed on"
    yield f"citation  {manifest.citation}"
    for text in filter(None, (manifest.homepage, manifest.by_hand, manifest.gate)):
        yield f"see       {text}"
    for note in manifest.notes:
        yield f"note      {note}"
    for member in manifest.members:
        yield f"member    {member.manifest}: {', '.join(member.splits)} (srdata show {member.manifest})"
    for one in manifest.sets:
        yield _set_line(one)
    for name, archive in manifest.archives.items():
        yield from _archive_lines(manifest, name, archive)
    for name, listing in manifest.listings.items():
        size = readable(sum(file.bytes for file in listing.files))
        where = listing.urls[0] if listing.urls else "packaged with srdata"
        yield f"files     {name}: {len(listing.files)} files, {size}, a SHA-256 each ({where})"


def _set_line(one: ImageSet) -> str:
    count = f"{one.count} images" if one.count is not None else "number not known"
    bicubic = f", bicubic {one.bicubic.rounding}, {one.bicubic.border} border" if one.bicubic else ""
    return f"set       {one.label}: {count}{bicubic}"


def _archive_lines(manifest: Manifest, name: str, archive: Archive) -> Iterator[str]:
    sizes = sorted({digest.bytes for digest in archive.digests if digest.bytes is not None})
    size = " or ".join(readable(count) for count in sizes) or "size not known"
    yield f"archive   {name}: {size}"
    for url in archive.urls:
        yield f"            from {url}"
    if not archive.digests:
        yield "            hash not known: recorded at the first download"
    for digest in archive.digests:
        yield f"            {_hashes(digest)} ({'; '.join(manifest.evidence_of(digest))})"


def _hashes(digest: Digest) -> str:
    known: Iterable[str] = (
        f"{kind} {value}" for kind, value in (("sha256", digest.sha256), ("md5", digest.md5)) if value
    )
    return ", ".join(known)


def _yaml(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110)
