"""Which files in a folder are the images of a set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from srdata.common.wording.amounts import how_many
from srdata.errors import SourceError
from srdata.fetch.manifest import ImageSet, ImageSource, Listing, Manifest, path_pattern
from srdata.images import list_folder, natural

SHOWN = 5  # names in an error


@dataclass(frozen=True)
class SourceImage:
    """An image file; `hr` is the key of its HR image, which several LR images may share (DIV2K wild)."""

    key: str
    path: Path
    hr: str


@dataclass(frozen=True)
class Matched:
    """The images found, and what is wrong with them; None if nothing is."""

    images: tuple[SourceImage, ...]
    problem: str | None


def images_below(folder: Path) -> dict[str, Path]:
    """Every image file below `folder` by its relative path."""
    return {path.relative_to(folder).as_posix(): path for path in list_folder(folder).images}


def keys_in_listing(listing: Listing, paths: str) -> dict[str, str]:
    """The files of a listing that `paths` means, with their keys."""
    pattern = path_pattern(paths)
    matches = {file: pattern.fullmatch(file.path) for file in listing.files}
    return {
        file.path: file.key or match.groupdict().get("key") or _path_key(file.path)
        for file, match in matches.items()
        if match
    }


def expected_keys(manifest: Manifest, image_set: ImageSet) -> frozenset[str]:
    """The keys that the images of a set have; empty where they are not known."""
    listings = (source for source in image_set.sources if source.listing)
    keys = (key for source in listings for key in listed_by(manifest, source).values())
    return frozenset(image_set.key_range) or frozenset(keys)


def listed_by(manifest: Manifest, source: ImageSource) -> dict[str, str]:
    """The paths of a listed source, with their keys."""
    return keys_in_listing(manifest.listings[str(source.listing)], source.paths)


def match_paths(found: Mapping[str, Path], paths: str, image_set: ImageSet, keys: frozenset[str]) -> Matched:
    """The images among `found` that are named as `paths` says and have one of `keys`, if those are known."""
    pattern = path_pattern(paths)
    matches = {name: match for name in found if (match := pattern.fullmatch(name))}
    hr = {name: match.groupdict().get("key") or _path_key(name) for name, match in matches.items()}
    return _matched(found, hr, image_set, keys)


def match_listed(
    found: Mapping[str, Path], names: Mapping[str, str], image_set: ImageSet, keys: frozenset[str]
) -> Matched:
    """The images among `found` that `names` gives keys to."""
    return _matched(found, {name: key for name, key in names.items() if name in found}, image_set, keys)


def _matched(
    found: Mapping[str, Path], hr: Mapping[str, str], image_set: ImageSet, keys: frozenset[str]
) -> Matched:
    known = {name: key for name, key in hr.items() if not keys or key in keys}
    several = len(set(known.values())) < len(known)
    images = [
        SourceImage(PurePosixPath(name).stem if several else key, found[name], key)
        for name, key in known.items()
    ]
    images.sort(key=lambda image: natural(image.key))
    surplus = sorted(set(hr.values()) - set(known.values()), key=natural)
    return Matched(tuple(images), _problem(images, surplus, image_set, keys))


def _problem(
    images: Sequence[SourceImage], surplus: Sequence[str], image_set: ImageSet, keys: frozenset[str]
) -> str | None:
    missing = sorted(keys - {image.hr for image in images}, key=natural)
    twins = [key for key, count in Counter(image.key for image in images).items() if count > 1]
    if twins:
        return f"several files for {_some(twins)}"
    if images and not missing and image_set.count in (None, len(images)):
        return None
    text = how_many(len(images), "image")
    text += f" instead of {image_set.count}" if image_set.count else ""
    text += f"; missing: {_some(missing)}" if missing else ""
    return text + (f"; not expected: {_some(surplus)}" if surplus else "")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _path_key(path: str) -> str:
    """A key from a path: its folders and name, joined by underscores."""
    return PurePosixPath(path).with_suffix("").as_posix().replace("/", "_")


def match_folder(manifest: Manifest, image_set: ImageSet, folder: Path) -> Matched:
    """The images of a set in a folder of the user: in any known layout, whole or from any level on."""
    found = images_below(folder)
    keys = expected_keys(manifest, image_set)
    best = Matched((), f"no image in a known layout: {' or '.join(image_set.paths)}")
    for matched in _attempts(found, manifest, image_set, keys):
        if matched.problem is None:
            return matched
        if len(matched.images) > len(best.images):
            best = matched
    return best


def _attempts(
    found: Mapping[str, Path], manifest: Manifest, image_set: ImageSet, keys: frozenset[str]
) -> Iterator[Matched]:
    for source in image_set.sources:
        if source.listing:
            names = listed_by(manifest, source)
            for parent in {PurePosixPath(url).name for url in manifest.listings[source.listing].urls}:
                deeper = {f"{parent}/{name}": key for name, key in names.items()}
                yield match_listed(found, deeper, image_set, keys)
            for level in range(max(name.count("/") for name in names) + 1):
                cut = {name.split("/", level)[-1]: key for name, key in names.items()}
                yield match_listed(found, cut, image_set, keys)
    for paths in image_set.paths:
        if "{key}" in paths or not keys:
            for level in range(paths.count("/") + 1):
                yield match_paths(found, paths.split("/", level)[-1], image_set, keys)
            yield match_paths(found, f"**/{paths}", image_set, keys)


def checked(matched: Matched, manifest: Manifest, image_set: ImageSet, folder: Path) -> list[SourceImage]:
    """The images; SourceError naming the missing and unexpected ones."""
    if matched.problem is not None:
        raise SourceError(f"{folder} is not {manifest.title} {image_set.label}: {matched.problem}")
    return list(matched.images)
