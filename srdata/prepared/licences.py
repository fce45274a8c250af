"""Whether the images of a set may be passed on, by the licences of the data sets that they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from srdata.errors import LicenceError, UsageError
from srdata.fetch.manifest import Manifest, load_manifest
from srdata.prepared.licence_names import OwnLicence, own_licence
from srdata.store.set_json import SetFile


@dataclass(frozen=True)
class Terms:
    """The data sets whose images a set holds; none where it was made of a folder of images."""

    manifests: tuple[Manifest, ...]
    own: OwnLicence | None = None  # that the owner of a folder of images gives
    others: bool = False  # whether there are images of a folder besides those of data sets

    @property
    def redistributable(self) -> bool:
        """Whether it is known of all of them that they may be passed on."""
        if (self.others or not self.manifests) and self.own is None:
            return False
        return all(one.licence.redistributable for one in self.manifests)

    @property
    def lines(self) -> list[str]:
        """The terms of each, in a line."""
        lines = [f"licence of {one.title}: {one.licence.name}: {one.licence.text}" for one in self.manifests]
        if self.own is not None:
            return [*lines, f"licence: {self.own.name}, given by the owner of the images"]
        if self.others or not lines:
            return [*lines, "licence: the images of a folder, which are yours to answer for"]
        return lines

    @property
    def citations(self) -> list[str]:
        """What to cite."""
        return list(dict.fromkeys(one.citation for one in self.manifests))


def terms_of(content: SetFile) -> Terms:
    """The terms of everything that a set was made of; raises UnknownNameError for a source of no manifest."""
    sources = dict.fromkeys(recipe.get("source") for recipe in content.origins)
    manifests: dict[str, Manifest] = {}
    for manifest in (load_manifest(source) for source in sources if source is not None):
        for one in (manifest, *(load_manifest(member.manifest) for member in manifest.members)):
            manifests[one.name] = one
    return Terms(tuple(manifests.values()), others=bool(manifests) and None in sources)


def with_licence(terms: Terms, licence: str | None) -> Terms:
    """The terms with the licence that the owner of the images gives; raises UsageError, UnknownNameError."""
    if licence is None:
        return terms
    if terms.manifests and not terms.others:
        titles = " and ".join(one.title for one in terms.manifests)
        raise UsageError(f"the images of {titles} have a licence, which stays theirs: leave --licence out")
    return replace(terms, own=own_licence(licence))


def refuse_unless_allowed(folder: Path, terms: Terms) -> None:
    """Raise LicenceError, with the two ways out, unless the images may be passed on."""
    if terms.redistributable:
        return
    if all(one.licence.redistributable for one in terms.manifests):
        raise LicenceError(
            f"{folder} is not published: nothing is known of the rights to its images. Say under which "
            "licence others may use them, as --licence cc-by-4.0 or --licence cc0-1.0; without one give "
            "--i-have-the-rights if you hold them, or --recipe-only to publish no pixels"
        )
    closed = [one for one in terms.manifests if not one.licence.redistributable]
    why = f"{closed[0].title} is not known to be free to pass on (licence: {closed[0].licence.name})"
    raise LicenceError(
        f"{folder} is not published: {why}. Publish the recipe and the hashes without any pixels by "
        "--recipe-only, or give --i-have-the-rights if you hold them"
    )
