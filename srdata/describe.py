"""What there is: data sets, recipes, degradations, and what is here already; and one of them in full."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import yaml

from srdata import catalog, testsets
from srdata.catalog import Shelf
from srdata.common.free_space import readable_bytes
from srdata.common.wording.amounts import how_many
from srdata.degrade.chain import load_chain
from srdata.errors import SetError
from srdata.fetch import have
from srdata.fetch.manifest import Archive, Digest, ImageSet, Manifest, load_manifest
from srdata.papers import Paper, as_text, load_paper
from srdata.papers.load import names_in
from srdata.recipes.brought_sets import brought, told
from srdata.recipes.hub_commit import pinned
from srdata.recipes.image_choice import NamedChoice, read_choice
from srdata.recipes.name_meaning import Kind, Meaning, meanings, paper_file, unknown
from srdata.recipes.read_recipe import known_recipe, read_set_recipe
from srdata.recipes.set_recipe import Recipe
from srdata.store.set_json import SET_FILE, read_set


def overview(root: Path) -> str:
    """Data sets with what is here of them, recipes, degradations, and the prepared sets below `root`."""
    blocks = [
        ("data sets", (_data_set_line(load_manifest(name), root) for name in catalog.names(Shelf.MANIFESTS))),
        ("data sets that you bring", _brought_lines()),
        ("recipes", _recipe_lines()),
        ("recipes of papers", (as_text.line(stem) for stem in catalog.names(Shelf.PAPERS))),
        (
            "choices of images",
            (f"{name:12} {read_choice(name).title}" for name in catalog.names(Shelf.CHOICES)),
        ),
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
    number = how_many(counts, "image") if counts else "number not known"
    return f"{manifest.name:12} {manifest.title} · {number} · {manifest.licence.name}{how}{state}"


def _brought_lines() -> Iterator[str]:
    for name in catalog.names(Shelf.BROUGHT):
        if (one := brought(name)) is not None:
            yield f"{name:12} {one.what}"


def _recipe_lines() -> Iterator[str]:
    yield from (_recipe_line(known_recipe(name)) for name in catalog.names(Shelf.RECIPES))
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
        counts = ", ".join(f"{count} {split}" for split, count in content.counts.items())
        yield f"{path.parent.name} · {counts} · {content.layout} · {readable_bytes(content.bytes)}"


def describe(name: str, *, full: bool = False) -> str:
    """A recipe and the data set it takes, or a data set, or a degradation, as text.

    With `full` in resolved form, with every setting, address and hash; else as short as it was written.

    Of a name that stands for several things, and of a paper whose recipes differ by scale, what they are in
    short, and how to name each.
    """
    if not meanings(name, SHOWN) and (given := brought(name)) is not None:
        return told(name, given)
    found = _found(name)
    if len(found) > 1:
        lines = (f"  {one.exact:28} {_in_short(one)}" for one in found)
        return "\n".join([f"{name} could be {len(found)} things; name one:", *lines])
    if found[0].kind in _DESCRIBED:
        return _DESCRIBED[found[0].kind](found[0])
    text = "\n".join((_full if full else _short)(found[0]))
    return text if full else f"{text}\n\nevery setting, address and hash: srdata show {name} --full"


def describe_json(name: str) -> str:
    """The same as JSON; of a name that stands for several things all of them."""
    parts: dict[str, Any] = {}
    for one in _found(name):
        parts |= _PLAIN.get(one.kind, _plain_parts)(one)
    return json.dumps(parts, indent=2)


def _found(name: str) -> list[Meaning]:
    if not (found := meanings(name, SHOWN)):
        raise unknown(name, SHOWN)
    return found


def _in_short(meant: Meaning) -> str:
    """What a thing is, in a line."""
    lines = {
        Kind.RECIPE: lambda: _recipe_line(known_recipe(meant.name)),
        Kind.DATA_SET: lambda: load_manifest(meant.name).title,
        Kind.DEGRADATION: lambda: f"degradation: {load_chain(meant.name).title}",
        Kind.CHOICE: lambda: read_choice(meant.name).title,
        Kind.PAPER: lambda: f"recipe of a paper: {as_text.line(str(paper_file(meant.name))).strip()}",
    }
    return lines.get(meant.kind, lambda: meant.what)()


def _paper_text(meant: Meaning) -> str:
    return "\n".join(as_text.common_lines(meant.name) if _several(meant) else as_text.lines(_paper(meant)))


def _several(meant: Meaning) -> list[str]:
    """The recipes of a paper that a name stands for, where they are several."""
    names = [] if meant.file else names_in(str(paper_file(meant.name)))
    return names if len(names) > 1 and meant.name not in names else []


def _paper(meant: Meaning) -> Paper:
    """The recipe of that name, or the only one in the file of that name."""
    names = [meant.name] if meant.file else names_in(str(paper_file(meant.name)))
    return load_paper(names[0] if len(names) == 1 else meant.name)


def _short(meant: Meaning) -> Iterator[str]:
    """A degradation as its file has it; a recipe without what it leaves at its default."""
    recipe, manifest, chain = _loaded(meant)
    if recipe:
        yield f"# recipe {recipe.name}, digest {recipe.digest}"
        said = {"title": recipe.title, **recipe.resolved(), "degradation": recipe.degradation_name}
        short = {name: value for name, value in said.items() if value not in (None, [], {}, "")}
        yield _yaml(short, default_flow_style=None)
    if manifest:
        yield from _manifest_lines(manifest, full=False)
    if chain:
        yield f"# degradation {meant.name}"
        yield catalog.find(Shelf.DEGRADATIONS, meant.name).read_text("utf-8").rstrip()


def _full(meant: Meaning) -> Iterator[str]:
    recipe, manifest, chain = _loaded(meant)
    if recipe:
        yield f"# recipe {recipe.name}, digest {recipe.digest}"
        yield _yaml({"title": recipe.title, **recipe.resolved()})
    if manifest:
        yield from _manifest_lines(manifest, full=True)
    if chain:
        yield f"# degradation {meant.name}"
        yield _yaml(chain).rstrip()


def _plain_parts(meant: Meaning) -> dict[str, Any]:
    recipe, manifest, chain = _loaded(meant)
    return {
        **({"recipe": recipe.resolved(), "digest": recipe.digest} if recipe else {}),
        **({"data_set": _dumped(manifest)} if manifest else {}),
        **({"degradation": chain} if chain else {}),
    }


def _plain_paper(meant: Meaning) -> dict[str, Any]:
    if names := _several(meant):
        return {"papers": {name: _dumped(load_paper(name)) for name in names}}
    return {"paper": _dumped(_paper(meant))}


def _dumped(model: Paper | Manifest | NamedChoice) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)


def _loaded(meant: Meaning) -> tuple[Recipe | None, Manifest | None, dict[str, Any] | None]:
    """A recipe and its data set, or a data set, or a degradation."""
    if meant.kind is Kind.DEGRADATION:
        return None, None, load_chain(meant.name).model_dump(mode="json")
    if meant.kind is Kind.DATA_SET:
        return None, load_manifest(meant.name), None
    recipe = pinned(read_set_recipe(meant.exact))
    return recipe, load_manifest(recipe.source) if recipe.source else None, None


def _manifest_lines(manifest: Manifest, *, full: bool) -> Iterator[str]:
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
    yield from map(_set_line, manifest.sets) if full else _sets_by_split(manifest.sets)
    for name, archive in manifest.archives.items():
        yield from _archive_lines(manifest, name, archive, full=full)
    for name, listing in manifest.listings.items():
        size = readable_bytes(sum(file.bytes for file in listing.files))
        where = listing.urls[0] if listing.urls else "packaged with srdata"
        yield f"files     {name}: {how_many(len(listing.files), 'file')}, {size}, a SHA-256 each ({where})"


def _sets_by_split(sets: Sequence[ImageSet]) -> Iterator[str]:
    """A line for all sets of a split that have as many images."""
    key = attrgetter("split", "count")
    for (split, count), group in groupby(sorted(sets, key=lambda one: str(key(one))), key):
        number = f"{how_many(count, 'image')} of" if count is not None else "number not known:"
        yield f"set       {split}: {number} {', '.join(one.label.removeprefix(f'{split} ') for one in group)}"


def _set_line(one: ImageSet) -> str:
    count = how_many(one.count, "image") if one.count is not None else "number not known"
    bicubic = f", bicubic {one.bicubic.rounding}, {one.bicubic.border} border" if one.bicubic else ""
    return f"set       {one.label}: {count}{bicubic}"


def _archive_lines(manifest: Manifest, name: str, archive: Archive, *, full: bool) -> Iterator[str]:
    sizes = sorted({digest.bytes for digest in archive.digests if digest.bytes is not None})
    size = " or ".join(readable_bytes(count) for count in sizes) or "size not known"
    known = "" if archive.digests else ", hash not known: recorded at the first download"
    yield f"archive   {name}: {size}{known}"
    if not full:
        return
    for url in archive.urls:
        yield f"            from {url}"
    for digest in archive.digests:
        yield f"            {_hashes(digest)} ({'; '.join(manifest.evidence_of(digest))})"


def _hashes(digest: Digest) -> str:
    known: Iterable[str] = (
        f"{kind} {value}" for kind, value in (("sha256", digest.sha256), ("md5", digest.md5)) if value
    )
    return ", ".join(known)


def _yaml(values: dict[str, Any], **options: Any) -> str:
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110, **options)
    return text


SHOWN = (
    Kind.RECIPE,
    Kind.RECIPE_FILE,
    Kind.DATA_SET,
    Kind.DEGRADATION,
    Kind.PAPER,
    Kind.CHOICE,
    Kind.BENCHMARKS,
    Kind.PATH,
)
_DESCRIBED: dict[Kind, Callable[[Meaning], str]] = {
    Kind.PAPER: _paper_text,
    Kind.CHOICE: lambda meant: catalog.find(Shelf.CHOICES, meant.name).read_text("utf-8").rstrip(),
    Kind.BENCHMARKS: lambda meant: testsets.summary(),
}
_PLAIN: dict[Kind, Callable[[Meaning], dict[str, Any]]] = {
    Kind.PAPER: _plain_paper,
    Kind.CHOICE: lambda meant: {"choice": _dumped(read_choice(meant.name))},
    Kind.BENCHMARKS: lambda meant: {"benchmarks": testsets.summary().splitlines()},
}
