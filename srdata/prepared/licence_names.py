"""Licences by the names of the Hub and of SPDX, checked without any network."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from srdata.errors import UnknownNameError

# What the Hub takes for `license:`, of what suits images; hub-docs: datasets-cards, "License identifiers".
# fmt: off
HUB_LICENCES = frozenset({
    "afl-3.0", "apache-2.0", "artistic-2.0", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear",
    "bsl-1.0", "c-uda", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-2.0",
    "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "etalab-2.0", "eupl-1.1", "eupl-1.2",
    "gfdl", "mit", "odbl", "odc-by", "openrail", "pddl", "unlicense", "wtfpl",
})
# fmt: on
_BY_SPDX = {"odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl", "c-uda-1.0": "c-uda"}
_USUAL = ("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0")


@dataclass(frozen=True)
class OwnLicence:
    """The licence that the owner of images gives them."""

    name: str  # as it is usually written: CC0-1.0
    hub: str | None  # as the Hub has it; None where it knows none

    @property
    def link(self) -> str | None:
        """Where its text is."""
        if self.hub is not None and self.name == self.hub:  # a name of the Hub alone
            return None
        return None if " " in self.name else f"https://spdx.org/licenses/{self.name}.html"


def own_licence(text: str) -> OwnLicence:
    """The licence with a name of the Hub or of SPDX, in any case of letters; raises UnknownNameError."""
    name = text.strip().lower()
    hub = _BY_SPDX.get(name, name)
    try:
        return OwnLicence(canonicalize_license_expression(name), hub if hub in HUB_LICENCES else None)
    except InvalidLicenseExpression as error:
        if name in HUB_LICENCES:
            return OwnLicence(name, name)
        raise _unknown(text) from error


def _unknown(text: str) -> UnknownNameError:
    error = UnknownNameError.among("licence", text.lower(), _USUAL)
    return UnknownNameError(f"{error}; also any other name that the Hub or SPDX has")
