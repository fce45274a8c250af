"""YAML that people write: what is read, what is refused, and that every mistake is named with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from srdata.common.documents import Document, check, place_text
from srdata.common.strict_yaml import parse_yaml, read_yaml
from srdata.errors import RecipeError

FILE = Path("a.yaml")


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Blur(Strict):
    op: Literal["blur"]
    sigma: float | tuple[float, float] = 1.0


class Noise(Strict):
    op: Literal["noise"]
    level: float = 1.0


class OneOf(Strict):
    op: Literal["one-of"]
    of: tuple[Op, ...]


Op = Annotated[Blur | Noise | OneOf, Field(discriminator="op")]
OneOf.model_rebuild()


class Recipe(Strict):
    name: str
    title: str = ""
    jobs: int = 1
    lmdb: bool = False
    codec: Literal["raw", "png", "jxl"] = "raw"
    folder: Path = Path()
    chain: tuple[Op, ...] = ()


def problems(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(RecipeError) as caught:
        check(Recipe, parse_yaml(content, FILE))
    return list(caught.value.problems)


def read(text: str) -> object:
    return parse_yaml(text.encode(), FILE).data


def test_values_agree_with_pyyaml_where_yaml_holds_no_surprise():
    text = """
    text: words  # with a comment
    quoted: "0801"
    block: |
      two
      lines
    folded: >-
      one
      line
    list: [1, -2, 0.5, 1.0e-3, true, false, null, .inf]
    nested: {a: {b: [[], {}]}}
    """
    assert read(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("plain", "surprise"),
    [
        ("no", False),
        ("12:30", 750),
        ("1_000", 1000),
        ("0o17", "0o17"),
        ("010", 8),
        ("on", True),
        ("0x10", 16),
    ],
)
def test_what_yaml_11_takes_for_something_else_is_text(plain, surprise):
    assert yaml.safe_load(f"a: {plain}")["a"] == surprise
    assert read(f"a: {plain}") == {"a": plain}


def test_a_date_is_text():
    assert read("a: 2026-11-23") == {"a": "2026-11-23"}


def test_keys_are_text():
    assert read("{2: a, true: b, null: c}") == {"2": "a", "true": "b", "null": "c"}


def test_whatever_pyyaml_writes_is_read_back():
    data = {
        "text": ["no", "12:30", "1", "1.5", "", "~", "é", "a: b", " x"],
        "n": [1, -3, 0.1, 1e-7, 3e20, True, None],
    }
    assert read(yaml.safe_dump(data)) == data


def test_lines_and_places():
    document = parse_yaml(b"a:\n  - x\n  - b:\n      c: 1\n", FILE)
    assert document.line(("a", 1, "b", "c")) == 4
    assert document.line(("a", 1, "b", "absent")) == 3
    assert place_text(("a", 1, "b", "c")) == "a[1].b.c"
    assert document.problem((), "is odd") == "a.yaml:1: is odd"


def test_a_document_from_no_file_has_no_lines():
    document = Document(Path("<recipe>"), {"name": 1})
    with pytest.raises(RecipeError, match=r"^<recipe>: name: must be text, not 1"):
        check(Recipe, document)


def test_a_byte_order_mark_is_no_key():
    assert parse_yaml(b"\xef\xbb\xbfname: x", FILE).data == {"name": "x"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: x\nname: y", "a.yaml:2: name: stands here twice"),
        (b"a: {b: 1, b: 2}", "a.yaml:1: a.b: stands here twice"),
        (b"a: &x [1]\nb: *x", "a.yaml:1: a: anchors and aliases (x) are refused"),
        (
            b"a: !!python/object/apply:os.system [id]",
            "the tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        (b"a: !!int 3", "is refused; write the plain value"),
        (b"a: !include b", "the tag !include is refused"),
        (b"? [1, 2]\n: x", "a key must be a plain word"),
        (b"a: 1\n--- \nb: 2", "a.yaml:2: starts a second document"),
        (b"a: [1, 2", "is no YAML: did not find expected ',' or ']'"),
        (b"a:\n\t- 1", "a.yaml:2: is no YAML"),
        (b"[" * 100 + b"]" * 100, "is nested deeper than 64"),
        (b"- " * 100 + b"1", "is nested deeper than 64"),
        (b"a: " + b"x" * (1 << 20), "is larger than 1048576 bytes"),
        (b"a: \x00", "is not plain text in UTF-8"),
        ("name: x".encode("utf-16"), "is not plain text in UTF-8"),
        ("name: x".encode("utf-32-be"), "is not plain text in UTF-8"),
        (b"a: 1\nb: caf\xe9", "a.yaml:2: is not UTF-8"),
        (b"a: \x07", "is no YAML"),
    ],
)
def test_refused(content, said):
    with pytest.raises(RecipeError) as caught:
        parse_yaml(content, FILE)
    assert said in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_once():
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40))]
    with pytest.raises(RecipeError, match="anchors and aliases"):
        parse_yaml("\n".join(lines).encode(), FILE)


def test_all_refusals_come_at_once():
    with pytest.raises(RecipeError) as caught:
        parse_yaml(b"a: &x 1\nb: *x\nb: !t 2\n", FILE)
    assert [line.split(": ")[0] for line in caught.value.problems] == [
        "a.yaml:1",
        "a.yaml:2",
        "a.yaml:3",
        "a.yaml:3",
    ]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match=r"absent\.yaml: cannot be read: No such file"):
        read_yaml(tmp_path / "absent.yaml")


def test_a_good_recipe():
    recipe = check(Recipe, parse_yaml(b"name: x\nfolder: a/b\nchain: [{op: blur, sigma: [1, 2]}]", FILE))
    assert recipe == Recipe(name="x", folder=Path("a/b"), chain=(Blur(op="blur", sigma=(1.0, 2.0)),))


def test_every_mistake_is_named_with_its_line_and_remedy():
    text = """\
titel: x
jobs: 1_000
lmdb: no
codec: jpg
name: 5
folder: [a]
chain:
  - op: blur
    sigm: 1
  - op: blurr
  - sigma: 1
  - op: one-of
    of:
      - op: noise
        lvel: 3
      - op: blur
        sigma: "0.5"
"""
    assert problems(text) == [
        "a.yaml:1: titel: is not known here, did you mean 'title'?",
        'a.yaml:2: jobs: must be a whole number, not "1_000"; write 1000',
        'a.yaml:3: lmdb: must be true or false, not "no"; write false',
        "a.yaml:4: codec: must be one of raw, png, jxl, not \"jpg\", did you mean 'png'?",
        "a.yaml:5: name: must be text, not 5; put it in quotes: '5'",
        "a.yaml:6: folder: must be text, not a list",
        "a.yaml:9: chain[0].sigm: is not known here, did you mean 'sigma'?",
        "a.yaml:10: chain[1]: must be one of blur, noise, one-of, not \"blurr\", did you mean 'blur'?",
        "a.yaml:11: chain[2]: must say which it is: 'op' is missing",
        "a.yaml:15: chain[3].of[0].lvel: is not known here, did you mean 'level'?",
        'a.yaml:17: chain[3].of[1].sigma: must be a number or a list, not "0.5"; write 0.5',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "a.yaml:1: name: is missing"),
        ("", "a.yaml: must be a mapping, not null"),
        ("- 1", "a.yaml:1: must be a mapping, not a list"),
        ("name: true", "must be text, not true; put it in quotes: 'true'"),
        ("name: null", "must be text, not null"),
        ("name: x\njobs: 007", 'must be a whole number, not "007"; write 7'),
        ("name: x\njobs: 12:30", 'must be a whole number, not "12:30"'),
        ("name: x\njobs: 1.5", "must be a whole number, not 1.5"),
        ("name: x\nlmdb: 1", "must be true or false, not 1"),
        ("name: x\nlmdb: 'on'", "write true"),
    ],
)
def test_a_slip_is_told_with_its_remedy(text, said):
    assert any(said in line for line in problems(text)), problems(text)
