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

    @property
    def redistributable(self) -> bool:
        """Whether it is known of all of them that they may be passed on."""
        if not self.manifests:
            return self.own is not None
        return all(one.licence.redistributable for one in self.manifests)

    @property
    def lines(self) -> list[str]:
        """The terms of each, in a line."""
        if self.own is not None:
            return [f"licence: {self.own.name}, given by the owner of the images"]
        if not self.manifests:
            return ["licence: the images of a folder, which are yours to answer for"]
        return [f"licence of {one.title}: {one.licence.name}: {one.licence.text}" for one in self.manifests]

    @property
    def citations(self) -> list[str]:
        """What to cite."""
        return list(dict.fromkeys(one.citation for one in self.manifests))


def terms_of(content: SetFile) -> Terms:
    """The terms of everything that a set was made of; raises UnknownNameError for a source of no manifest."""
    source = content.recipe.get("source")
    if source is None:
        return Terms(())
    manifest = load_manifest(source)
    return Terms((manifest, *(load_manifest(member.manifest) for member in manifest.members)))


def with_licence(terms: Terms, licence: str | None) -> Terms:
    """The terms with the licence that the owner of the images gives; raises UsageError, UnknownNameError."""
    if licence is None:
        return terms
    if terms.manifests:
        titles = " and ".join(one.title for one in terms.manifests)
        raise UsageError(f"the images of {titles} have a licence, which stays theirs: leave --licence out")
    return replace(terms, own=own_licence(licence))


def refuse_unless_allowed(folder: Path, terms: Terms) -> None:
    """Raise LicenceError, with the two ways out, unless the images may be passed on."""
    if terms.redistributable:
        return
    if not terms.manifests:
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
