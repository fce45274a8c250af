"""What a set is, what may be done with it, what was left out of it, and how to load it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import numpy as np
import yaml

from srdata import catalog
from srdata.catalog import Shelf
from srdata.common.free_space import readable_bytes
from srdata.degrade.chain import load_chain
from srdata.errors import UnknownNameError
from srdata.fetch.manifest import Manifest
from srdata.prepared.licences import terms_of
from srdata.prepared.set_images import PreparedImages
from srdata.report.page.html import Html, code, definitions, el, join, name, table
from srdata.store.set_json import SetFile
from srdata.store.tables.shard_table import SHARDS_FILE

_FOLDER = "a folder of images"
_PATCH = 192  # HR pixels, or as many whole LR cells
_LISTED = 200  # images that were left out
_KINDS = {
    "shards/": "shards",
    "scores/": "scores",
    "columns/": "columns",
    "index": "index",
    "choice": "what was chosen",
    SHARDS_FILE: "list of shards",
}  # starts of paths → what the files are


def head(images: PreparedImages) -> Html:
    """The name of the set, and what it is in a few words and numbers."""
    content = images.content
    titles = [one.title for one in _sources(content)[:1]]
    store = content.layout if content.codec is None else f"{content.layout}, {content.codec}"
    words = [
        *(scale.label for scale in images.scales),
        *dict.fromkeys(degradation_name(content, str(scale)) for scale in images.scales),
        *images.index.splits,
        store,
    ]
    return el(
        "header",
        el("p", "prepared set", class_="kind"),
        el("h1", name(content.name)),
        el("p", *(titles or [str(content.recipe.get("source") or _FOLDER)]), class_="lead"),
        definitions(_numbers(images), class_="stats"),
        el("ul", *(el("li", word) for word in words), class_="words"),
    )


def _numbers(images: PreparedImages) -> Iterator[tuple[str, str]]:
    index, content = images.index, images.content
    yield "images", f"{len(index):,}"
    if content.windows:
        scale = images.scales[-1]
        windows = int(content.windows.counts(index.heights, index.widths, scale).sum())
        yield f"windows at {scale.label}", f"{windows:,}"
    pixels = (index.heights.astype(np.int64) * index.widths).sum() / 1e6
    yield "HR megapixels", f"{pixels:,.1f}"
    yield "on disk", readable_bytes(content.bytes)
    if content.left_out:
        yield "left out", f"{len(content.left_out):,}"


def identity(images: PreparedImages) -> list[Html]:
    """Where it comes from, its digest, seed, versions and files."""
    content = images.content
    windows = content.windows
    cut = f"{windows.size} px every {windows.step} px, threshold {windows.threshold}" if windows else "none"
    pairs: list[tuple[str, Html | str | int | None]] = [
        ("source", name(str(content.recipe.get("source") or _FOLDER))),
        ("recipe digest", el("code", content.digest)),
        ("seed", content.seed),
        ("windows", cut),
        (
            "format",
            f"{content.format}, {content.layout}"
            + (f", blocks of {content.block} px" if content.block else ""),
        ),
        ("made with", join((name(f"{one} {version}") for one, version in content.versions.items()), " · ")),
    ]
    return [definitions(pairs), table(["files", "number", "bytes"], _files(content), class_="numbers")]


def _files(content: SetFile) -> Iterator[list[Html | str]]:
    sizes: dict[str, list[int]] = {}
    for path, entry in content.files.items():
        kind = next((kind for start, kind in _KINDS.items() if path.startswith(start)), "images")
        sizes.setdefault(kind, []).append(entry.bytes)
    for kind, found in sizes.items():
        yield [kind, f"{len(found):,}", readable_bytes(sum(found))]


def recipe(content: SetFile) -> Html:
    """The recipe with every setting spelled out, folded away."""
    text = yaml.safe_dump(content.recipe, sort_keys=False, allow_unicode=True, width=100)
    return el("details", el("summary", "The recipe, every setting spelled out"), code(text))


def degradation_name(content: SetFile, scale: str) -> str:
    """The name of a degradation in the catalogue, else its ops, or that LR is published."""
    given = _chain(content, scale)
    if given is None:
        return "published LR"
    known = [one for one in catalog.names(Shelf.DEGRADATIONS) if load_chain(one).resolved() == given]
    if known:  # some differ in nothing but their name, which may be in that of the set
        return next((one for one in known if one in content.name), known[0])
    ops = [str(step["op"]) for step in (*given.get("hr", []), *given["steps"])]
    return "MATLAB bicubic" if ops == ["imresize"] else " → ".join(ops)


def steps_on_hr(content: SetFile, scale: str) -> int:
    """How many steps of a degradation are done to HR."""
    return len((_chain(content, scale) or {}).get("hr", []))


def _chain(content: SetFile, scale: str) -> dict[str, Any] | None:
    chains = content.recipe.get("degradation")
    return chains.get(scale) if isinstance(chains, dict) else None


def _sources(content: SetFile) -> tuple[Manifest, ...]:
    """The data sets of the catalogue that a set was made of, the one that it names first."""
    try:
        return terms_of(content).manifests
    except UnknownNameError:
        return ()


def licence(content: SetFile) -> list[Html]:
    """Terms and citation of every data set that the images come from."""
    unknown = "Nothing is known of the rights to these images: whoever prepared them answers for them."
    return [_terms(one) for one in _sources(content)] or [el("p", unknown)]


def _terms(manifest: Manifest) -> Html:
    allowed = manifest.licence.redistributable
    verdict = "may be passed on" if allowed else "not known to be free to pass on"
    return el(
        "article",
        el("h3", manifest.title, " ", el("span", verdict, class_="yes" if allowed else "no")),
        el("p", el("b", manifest.licence.name), ". ", manifest.licence.text),
        el("p", "Cite: ", manifest.citation),
        el("p", *_links(manifest)),
    )


def _links(manifest: Manifest) -> list[Html]:
    """Where to read on; a manifest admits no addresses but http: and https:."""
    links = {"home page": manifest.homepage, "licence": manifest.licence.url}
    found = [(word, url) for word, url in links.items() if url]
    return [join([el("a", word, href=url, rel="noreferrer noopener"), " "]) for word, url in found]


def quarantine(content: SetFile) -> list[Html]:
    """The images of the source that were left out, and why."""
    bad = content.left_out
    if not bad:
        return [el("p", "No image of the source was left out.", class_="good")]
    rows = [[name(one.key), one.reason] for one in bad[:_LISTED]]
    more = [el("p", f"and {len(bad) - _LISTED:,} more, in set.json")] if len(bad) > _LISTED else []
    return [table(["image", "why it was left out"], rows), *more]


def loading(images: PreparedImages) -> list[Html]:
    """Code that reads the set."""
    folder, scale = str(images.folder), images.scales[-1]
    quoted = shlex.quote(folder)
    split, count = next(iter(images.content.counts.items()))
    patch = max(_PATCH // scale.numerator, 1) * scale.numerator
    chosen = f", scale={str(scale)!r}" if len(images.scales) > 1 else ""
    data = f"PairedDataset({folder!r}, split={split!r}{chosen}, patch_size={patch})"
    return [
        code(
            "from srdata import Loader, PairedDataset\n\n"
            f"data = {data}  # patch_size in HR pixels\n"
            'data[0]  # {"lr": float32 CHW in 0–1, "hr": …, "key": …}\n\n'
            f'for batch in Loader(data, batch_size={min(16, count)}, device="cuda", augment=["dihedral"]):\n'
            "    batch.lr, batch.hr, batch.keys"
        ),
        code(
            f"srdata verify {quoted}  # every byte against its hash\n"
            f"srdata explain {quoted} {shlex.quote(images.index.key(0))}  # what was drawn for an image"
        ),
    ]
