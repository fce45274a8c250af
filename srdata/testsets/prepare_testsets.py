"""`prepare benchmarks`: the five test sets, each prepared in all its kinds, then written in styles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srdata.common.progress import progress
from srdata.common.wording.amounts import how_many
from srdata.errors import LicenceError, SourceError
from srdata.fetch.manifest import load_manifest
from srdata.preparation import plan, prepare
from srdata.preparation.beforehand.plan import refuse
from srdata.prepared.set_images import PreparedImages
from srdata.recipes.name_meaning import TEST_SETS
from srdata.recipes.read_recipe import known_recipe
from srdata.scale import Scale
from srdata.testsets.styles import BENCHMARKS, DEFAULT, STYLES, Folder, Style, Variant, folders, variants
from srdata.testsets.write_folder import write_folder
from srdata.vocabulary import Backend

NAME = TEST_SETS
SCALES = ("2", "3", "4")
_ALSO_CALLED = {"b100": ("bsd100", "bsds100")}


@dataclass(frozen=True)
class BenchmarkRequest:
    """What to make of every benchmark, where and how."""

    scales: tuple[Scale, ...]
    styles: tuple[Style, ...]
    root: Path
    jobs: int
    backend: Backend
    skip_bad: bool
    log: Callable[[str], None]


def prepare_benchmarks(
    scales: Sequence[str | int | float] = SCALES,
    styles: Sequence[str] = DEFAULT,
    *,
    root: str | Path = "data",
    from_dir: Path | None = None,
    dry_run: bool = False,
    jobs: int = -1,
    backend: Backend = "loky",
    skip_bad: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Iterator[str]:
    """Prepare Set5, Set14, B100, Urban100 and Manga109 below `root`, and write them in `styles`.

    Each is a prepared set with MATLAB's bicubic, and at x3 further ones with BD and DN; what the styles hold
    is read from those. Yields a line on what became of each. `from_dir` holds folders of these sets (Set5,
    benchmark/B100 …), or is that of Manga109, which cannot be downloaded: without it a line says what to do.

    Raises SourceError at the end, when all others are made, for what could not be had; UsageError or
    StoreError at once.
    """
    wanted = tuple(dict.fromkeys(map(Scale, scales or SCALES)))
    chosen = tuple(STYLES[style] for style in dict.fromkeys(styles or DEFAULT))
    request = BenchmarkRequest(wanted, chosen, Path(root), jobs, backend, skip_bad, log)
    failed = []
    for benchmark in BENCHMARKS:
        given = _given(benchmark, from_dir)
        try:
            yield from _planned(benchmark, given, request) if dry_run else _made(benchmark, given, request)
        except LicenceError as error:
            yield f"to do: {error}"
        except SourceError as error:
            failed.append(f"\n  {known_recipe(benchmark).prefix}: {error}")
    if failed:
        raise SourceError(
            f"could not make {len(failed)} of {len(BENCHMARKS)} benchmarks, what is made stays: run the same "
            f"command again, or give a folder that holds them with --from:{''.join(failed)}"
        )


def prepare_given(
    given: Mapping[str, Any], styles: Sequence[str], dry_run: bool, **how: Any
) -> Iterator[str]:
    """The same by the options of the command line; raises UsageError for those that would make other sets."""
    ours = ("scale", "root", "from_dir", "lmdb")
    refuse(NAME, {name: value for name, value in given.items() if name not in ours})
    places = {"root": given["root"], "from_dir": given["from_dir"]}
    return prepare_benchmarks(given["scale"], styles, dry_run=dry_run, **places, **how)


def summary() -> str:
    """What the name stands for, and how the files of each style are called."""
    sets = ", ".join(known_recipe(one).prefix for one in BENCHMARKS)
    paths = (
        line for name, style in STYLES.items() for line in (f"{name:14} {style.hr}", f"{'':14} {style.lr}")
    )
    return "\n".join([f"{NAME}: {sets} at x{', x'.join(SCALES)}, at x3 with BD and DN too", *paths])


def _made(benchmark: str, given: Path | None, request: BenchmarkRequest) -> Iterator[str]:
    images: dict[Variant, PreparedImages] = {}
    for variant in variants(request.styles, request.scales):
        built = prepare(
            variant.recipe(benchmark, request.scales),
            root=request.root,
            name=variant.set_name(benchmark, request.scales),
            from_dir=given,
            jobs=request.jobs,
            backend=request.backend,
            skip_bad=request.skip_bad,
            log=(lambda line: None) if images else request.log,  # the licence once
        )
        images[variant] = PreparedImages(built.path)
        yield f"{built.path}: {built.summary}"
    for style in request.styles:
        if found := list(folders(style, benchmark, request.scales)):
            new = _written(found, images, request)
            state = f"{how_many(new, 'folder')} written" if new else "is here"
            yield f"{request.root / style.folder}: {known_recipe(benchmark).prefix} {state}"


def _written(
    found: Sequence[Folder], images: Mapping[Variant, PreparedImages], request: BenchmarkRequest
) -> int:
    """How many of the folders were not there yet."""
    new, files = 0, [len(images[one.variant].index) for one in found]
    with progress(found[0].path.rpartition("/")[0], sum(files), "images") as advance:
        for one, count in zip(found, files, strict=True):
            there = images[one.variant]
            if write_folder(one, there, request.root, request.jobs, request.backend, advance):
                new += 1
            else:
                advance(count)
    return new


def _planned(benchmark: str, given: Path | None, request: BenchmarkRequest) -> Iterator[str]:
    """What `_made` would do."""
    by_hand = load_manifest(benchmark).by_hand
    if by_hand and given is None:
        yield f"to do: {by_hand}"
    first, *others = variants(request.styles, request.scales)
    yield plan(
        first.recipe(benchmark, request.scales),
        root=request.root,
        name=first.set_name(benchmark, request.scales),
        from_dir=given,
    )
    for variant in others:
        yield f"target    {request.root / variant.set_name(benchmark, request.scales)} (lmdb)"
    for style in request.styles:
        paths = [one.path for one in folders(style, benchmark, request.scales)]
        yield f"files     {request.root}: {', '.join(paths)}"


def _given(benchmark: str, from_dir: Path | None) -> Path | None:
    """The folder of the user that holds a benchmark; None where it is to be downloaded."""
    if from_dir is None:
        return None
    found = _known(from_dir)
    if benchmark in found:
        return found[benchmark]
    return from_dir if not found and load_manifest(benchmark).by_hand else None


def _known(from_dir: Path) -> dict[str, Path]:
    """The benchmarks whose folders lie in `from_dir`, or in its folder `benchmark` as EDSR has them."""
    named = {alias: one for one in BENCHMARKS for alias in (one, *_ALSO_CALLED.get(one, ()))}
    found = [*from_dir.glob("benchmark/*/"), *from_dir.glob("*/")]
    return {named[path.name.lower()]: path for path in sorted(found) if path.name.lower() in named}
