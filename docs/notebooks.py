"""The notebooks of examples/: run, with what they show kept in them, and as pages of the site.

`python -m docs.notebooks` runs them anew, in empty folders. What a cell prints, and the value or picture of
its last line, stand below it; nothing of Jupyter is needed for that.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))

Notebook = dict[str, Any]


def ran(notebook: Notebook) -> Notebook:
    """A notebook with the outputs of its cells, run one after another in an empty folder."""
    names: dict[str, Any] = {"__name__": "notebook"}
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        cells = [_ran(cell, names) for cell in notebook["cells"]]
    numbers = iter(range(1, len(cells) + 1))
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["execution_count"] = next(numbers)
    return notebook | {"cells": cells}


def _ran(cell: Notebook, names: dict[str, Any]) -> Notebook:
    if cell["cell_type"] != "code":
        return cell
    *body, last = ast.parse(_text(cell["source"])).body
    if not isinstance(last, ast.Expr):
        body, last = [*body, last], ast.Expr(ast.Constant(None))
    with redirect_stdout(io.StringIO()) as said:
        exec(compile(ast.Module(body, []), "cell", "exec"), names)  # our own notebook
        value = eval(compile(_expression(last), "cell", "eval"), names)  # noqa: S307  # likewise
    printed = [{"output_type": "stream", "name": "stdout", "text": _lines(said.getvalue())}]
    outputs = (printed if said.getvalue() else []) + ([] if value is None else [_shown(value)])
    return cell | {"outputs": outputs}


def _expression(statement: ast.Expr) -> ast.Expression:
    return ast.fix_missing_locations(ast.Expression(statement.value))


def _shown(value: Any) -> Notebook:
    data: Notebook = {"text/plain": _lines(repr(value))}
    if hasattr(value, "_repr_png_"):
        png = base64.b64encode(value._repr_png_()).decode()
        data = {"image/png": png + "\n", "text/plain": ["a picture"]}
    return {"output_type": "display_data", "metadata": {}, "data": data}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _text(lines: list[str] | str) -> str:
    return "".join(lines)


def as_page(notebook: Notebook, pictures: Path) -> str:
    """A notebook as Markdown; what it draws goes into files that begin with `pictures`."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _parts(cell, pictures)) + "\n"


def _parts(cell: Notebook, pictures: Path) -> Iterator[str]:
    if cell["cell_type"] == "markdown":
        yield _text(cell["source"])
        return
    yield f"```python\n{_text(cell['source'])}\n```"
    for output in cell["outputs"]:
        if png := output.get("data", {}).get("image/png"):
            file = pictures.with_name(f"{pictures.name}-{cell['execution_count']}.png")
            file.write_bytes(base64.b64decode(png))
            yield f"![what the cell shows]({file.name})"
        else:
            text = output["text"] if "text" in output else output["data"]["text/plain"]
            yield f"```text\n{_text(text).rstrip()}\n```"


def main() -> None:
    """Run every notebook, and keep what it shows."""
    for path in NOTEBOOKS:
        done = ran(json.loads(path.read_text()))
        path.write_text(json.dumps(done, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
