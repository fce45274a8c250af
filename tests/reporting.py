"""Sets for the tests of report pages, and what a page holds by a parser that is not srdata's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from storing import write_content

from srdata.difficulty import classify
from srdata.images import read_image
from srdata.scale import Scale
from srdata.store.blocks import HR, BlockLayout
from srdata.store.codecs import CODECS
from srdata.store.records import Facts, make_record
from srdata.store.set_json import Quarantined
from srdata.store.shards import ShardPlan, ShardWriter
from srdata.store.tables.set_files import shard_name
from srdata.store.windows import Windows

VOID = {"img", "meta", "input"}
EVIL = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"' onfocus='alert(3)' autofocus x=\"",
    "</title></style><svg onload=alert(4)>\u2028\u202e&lt;b&gt;${alert(5)}",
]


def write_hostile_set(folder: Path, photographs: Path) -> Path:
    """A finished set in which every name, text and draw is written to break out of a page."""
    scale = Scale(4)
    plan = ShardPlan(BlockLayout((scale,), 48), "raw", digest=EVIL[1])
    hr = read_image(photographs / "chelsea.png")[:192, :192]
    path = folder / shard_name(0)
    with ShardWriter(path, plan) as shard:
        for number, key in enumerate(EVIL):
            step = {"op": EVIL[0], "version": 1, "params": {EVIL[1]: EVIL[number], "number": number / 7}}
            facts = Facts(
                key=key, split=EVIL[0], source=EVIL[1], source_sha256="0" * 64, params={"x4": [step]}
            )
            turned = np.ascontiguousarray(np.rot90(hr, number % 2))  # the third is a copy of the first
            shard.add(make_record(facts, {HR: turned, "x4": turned[::4, ::4]}, plan.layout, CODECS["raw"]))
        shard.seal()
    chain = {"hr": [], "steps": [{"op": EVIL[0], "text": EVIL[3]}, {"op": EVIL[1]}]}
    write_content(
        folder,
        plan,
        [path],
        name=EVIL[1],
        recipe={"source": EVIL[0], EVIL[1]: EVIL[2], "degradation": {"4": chain}},
        windows=Windows(size=96, step=96),
        versions={EVIL[0]: EVIL[1]},
        counts={EVIL[0]: len(EVIL)},
        quarantine=tuple(Quarantined(key=one, reason=one) for one in EVIL),
    )
    for by in ("psnr", "deviation"):
        classify(folder, by, jobs=1)
    return folder


@dataclass
class Element:
    """An element of a page."""

    name: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text within."""
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, name: str = "", **attributes: str) -> list[Element]:
        """The elements within of that name and with those attributes; class_ stands for class."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        found = []
        for one in self.children:
            if isinstance(one, Element):
                fits = all(
                    value in (one.attributes.get(key) or "").split(" ") for key, value in wanted.items()
                )
                found += [one] if fits and name in ("", one.name) else []
                found += one.all(name, **attributes)
        return found

    def one(self, name: str = "", **attributes: str) -> Element:
        """The only such element."""
        [found] = self.all(name, **attributes)
        return found


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice in {tag} {attrs}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().name == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(page: str) -> Element:
    """The elements of a page, all of which must be closed in order."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert len(parser.open) == 1, f"not closed: {[one.name for one in parser.open]}"
    return parser.open[0]


def figures(page: Element, title: str) -> list[Element]:
    """The charts whose title matches a pattern."""
    return [one for one in page.all("figure") if re.search(title, one.one("figcaption").text)]


def bar_counts(figure: Element) -> list[int]:
    """How many values each bar of a chart has."""
    return [
        int(one.attributes["data-count"] or "")
        for one in figure.all("g") + figure.all("div")
        if "data-count" in one.attributes
    ]
