"""Results as Markdown."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

LIBRARIES = ("srdata", "numpy", "opencv-python-headless", "torch", "lmdb")


@dataclass(frozen=True)
class Table:
    """A title, column names, rows of text, and what a reader must know to judge them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def markdown(table: Table) -> str:
    """The table as Markdown, with an empty line before and after."""
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    grid = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"\n## {table.title}\n\n{grid}\n" + (f"\n{table.note}\n" if table.note else "")


def times(value: float, unit: float) -> str:
    """How many times `unit` a value is."""
    return f"{value / unit:.1f}×"


def machine(peers: Path | None = None) -> str:
    """A heading that says what the tables were measured on, and which commits of the peers stood there."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    python = platform.python_version()
    found = f"# Results\n\n{_processor()}, {os.cpu_count()} cores; Python {python}, {versions}.\n"
    commits = ", ".join(_commits(peers)) if peers and shutil.which("git") else ""
    return f"{found}\nPeers, by commit: {commits}.\n" if commits else found


def _commits(peers: Path) -> Iterator[str]:
    for checkout in sorted(path.parent for path in peers.glob("*/.git")):
        command = ["git", "-C", str(checkout), "log", "-1", "--format=%h of %cs"]
        done = subprocess.run(command, capture_output=True, text=True)
        yield f"{checkout.name} {done.stdout.strip() or 'of which git tells none'}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
