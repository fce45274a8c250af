"""Writes the generated parts of the pages, their pictures and the schema of recipes: `python -m docs.make`.

With --check it writes nothing, and fails if a page is not what it would write.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from docs import augments, papers, protocols, recipe_keys, rooms, tutorial
from docs.pictures import as_png, hr_and_degraded, picture
from docs.settings import as_yaml
from srdata import catalog
from srdata.catalog import Shelf
from srdata.degrade.chain import Chain, load_chain
from srdata.degrade.model.op import Op, name_of
from srdata.degrade.ops import FAMILIES, OPS
from srdata.images import write_png
from srdata.recipes.set_recipe import schema

DOCS = Path(__file__).parent
PICTURES = DOCS / "images" / "ops"


def main() -> int:
    """Write the pictures and the pages, or check the pages."""
    parser = argparse.ArgumentParser(prog="python -m docs.make", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the pages")
    parser.add_argument("ops", nargs="*", help="make pictures of these ops alone")
    arguments = parser.parse_args()
    pages = {DOCS / name: written((DOCS / name).read_text(), parts) for name, parts in PAGES.items()}
    pages[catalog.folder(Shelf.RECIPES) / "schema.json"] = json.dumps(schema(), indent=2) + "\n"
    if arguments.check:
        old = [path for path, text in pages.items() if path.read_text() != text]
        sys.stdout.write("".join(f"{path} is not current: run python -m docs.make\n" for path in old))
        return int(bool(old))
    for name in arguments.ops or OPS:
        if _has_picture(OPS[name]):
            write_png(PICTURES / f"{name}.png", as_png(picture(name)), level=9)
    if not arguments.ops:
        write_png(DOCS / "images" / "degradations.png", as_png(hr_and_degraded()), level=9)
        tutorial.write_pictures()
    for path, text in pages.items():
        path.write_text(text)
    return 0


def written(page: str, parts: dict[str, Callable[[], str]]) -> str:
    """A page whose generated parts are made anew."""
    for name, part in parts.items():
        start, end = f"<!-- {name}: written by docs/make.py -->", f"<!-- end of {name} -->"
        before, _, rest = page.partition(start)
        page = f"{before}{start}\n\n{part()}\n\n{end}{rest.partition(end)[2]}"
    return page


def presets() -> str:
    """The table of presets."""
    rows = [_preset(name, load_chain(name)) for name in catalog.names(Shelf.DEGRADATIONS)]
    return "\n".join(["| name | what it is | scales | paper | code |", "|---|---|---|---|---|", *rows])


def _preset(name: str, chain: Chain) -> str:
    source = chain.source
    paper = "" if source.paper == "none" else source.paper
    code = source.repository.removeprefix("https://github.com/")
    link = f"[{code}]({source.repository})"
    if source.commit:
        link = f"[{code} @ {source.commit[:7]}]({source.repository}/tree/{source.commit})"
    scales = ", ".join(f"{scale:g}" for scale in chain.scales) or "any"
    return (
        f"| [`{name}`](../recipes/degradations/{name}.yaml) | {chain.title} | {scales} | {paper} | {link} |"
    )


def ops() -> str:
    """Every op, family by family."""
    return "\n\n".join(part for title, names in FAMILIES.items() for part in _family(title, names))


def _family(title: str, names: Iterable[str]) -> Iterator[str]:
    yield f"### {title}"
    yield " · ".join(f"[`{name}`](#{name})" for name in names)
    for name in names:
        yield from _op(OPS[name])


def _op(kind: type[Op]) -> Iterator[str]:
    name = name_of(kind)
    meaning, source = _described(kind)
    yield f"#### `{name}`"
    yield meaning
    if _has_picture(kind):
        yield f"![HR, and what {name} makes of it](images/ops/{name}.png)"
    yield f"```yaml\n{as_yaml(kind)}\n```"
    notes = ["Runs on the CPU only."] if kind.host_only else []
    file = inspect.getfile(kind)[len(str(DOCS.parent)) + 1 :]
    yield " ".join([*notes, *([source] if source else []), f"Code: [{Path(file).name}](../{file})."])


def _has_picture(kind: type[Op]) -> bool:
    """Learned ops have none: their pixels come from weights that a user brings."""
    return "weights" not in kind.model_fields


def _described(kind: type[Op]) -> tuple[str, str]:
    """What an op does, and its source, from its docstring and those of private classes that it extends."""
    texts = [
        inspect.cleandoc(one.__doc__ or "") for one in kind.__mro__ if one is kind or one.__name__[0] == "_"
    ]
    parts = [re.split(r"\n+(?=Source)", text, maxsplit=1) for text in texts]
    meaning = "\n\n".join(_unwrapped(part[0]) for part in parts)
    return meaning, " ".join(_unwrapped(part[1]) for part in parts if len(part) > 1)


def _unwrapped(text: str) -> str:
    """Paragraphs with each on one line, so that the page changes only where a text does."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


# The generated parts of each page.
PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "architecture.md": {"rooms": rooms.picture},
    "degradations.md": {"presets": presets, "ops": ops},
    "recipe-files.md": {"set keys": recipe_keys.set_keys, "paper keys": recipe_keys.paper_keys},
    "recipes.md": {"brought": papers.brought_sets, "systems": papers.systems},
    "augmentations.md": {"presets": augments.presets, "augmentations": augments.augmentations},
    "evaluation.md": {
        "protocols": protocols.protocols,
        "measures": protocols.measures,
        "weights": protocols.weights,
    },
}

if __name__ == "__main__":
    sys.exit(main())
