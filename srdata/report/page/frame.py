"""What every page has: its head, links to its sections, and leave to load nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import srdata
from srdata.report.page.html import Html, el

Section = tuple[str, str, Html]  # its id, title and element


def section(id_: str, title: str, *parts: Html) -> Section:
    """A section of a page."""
    return id_, title, el("section", el("h2", title, id=f"{id_}-title"), *parts, id=id_)


def whole_page(title: str, header: Html, sections: Sequence[Section], *end: Html) -> str:
    """A page of these sections; `end` stands behind them."""
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", style),
    )
    links = (el("a", title, href=f"#{id_}") for id_, title, _ in sections)
    body = el(
        "body",
        header,
        el("nav", *links, aria_label="Sections"),
        el("main", *(section for _, _, section in sections)),
        el("footer", f"Written by srdata {srdata.__version__}. This page loads nothing from anywhere."),
        *end,
        *([el("script", script)] if end else []),
    )
    return f"<!doctype html>\n{el('html', head, body, lang='en')}\n"


def _asset(name: str) -> Html:
    return Html(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _policy(style: str, script: str) -> str:
    """Nothing may run, style or load but what this page holds."""
    allowed = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{what} {where}" for what, where in allowed.items())


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
