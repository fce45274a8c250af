"""How Sphinx makes the site of these pages: `make docs` writes it to build/site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # where `docs` lies: Sphinx starts elsewhere, so this comes before

from docs.copied import linked, write_copies  # noqa: E402  # found by that path
from docs.reference import about, as_rst, without_bounds, write_reference  # noqa: E402  # likewise

project = "srdata"
author = copyright = "the authors of srdata"  # a name of Sphinx
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_click"]
exclude_patterns = ["images", "static"]
smartquotes = False  # --scale stays --scale

html_theme = "furo"
html_title = "srdata"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 4  # links such as recipes.md#what-is-certain, as GitHub has them
myst_enable_extensions = ["colon_fence"]

default_role = "code"  # docstrings have `name` in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "signature"


def _docstring(_app: Sphinx, what: str, _name: str, _it: Any, _options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(about(lines) if what == "module" else lines)


def _signature(
    _app: Sphinx, _what: str, _name: str, _it: Any, _options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    return signature and without_bounds(signature), returned


def _skip(_app: Sphinx, what: str, name: str, _it: Any, _skipped: bool, _options: Any) -> bool | None:
    """What a class has of pydantic is no part of it."""
    return True if what == "class" and name.startswith("model_") else None


def _links(_app: Sphinx, page: str, source: list[str]) -> None:
    path = DOCS / f"{page}.md"
    if path.exists():
        source[0] = linked(source[0], path, path)


def setup(app: Sphinx) -> None:
    """Make the pages that are not in docs/, and have docstrings and links read as they are written here."""
    write_reference()
    write_copies()
    app.connect("source-read", _links)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-skip-member", _skip)
