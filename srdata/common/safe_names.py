"""Names that mean one file and nothing else on every system: for members of archives and keys of images."""

from __future__ import annotations

import re
import unicodedata

_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')
LONGEST_NAME_BYTES = 255
LONGEST_PATH_BYTES = 1024


def why_unsafe(path: str) -> str | None:
    """What is wrong with the relative path of a file; None if nothing is.

    >>> why_unsafe("Train/4/0001.png"), why_unsafe("../0001.png"), why_unsafe("nul.png")
    (None, 'leads out of the folder', "is a reserved name ('nul.png')")
    """
    if not path or path.startswith("/"):
        return "is no path inside the folder"
    if len(path.encode(errors="surrogatepass")) > LONGEST_PATH_BYTES:
        return "is too long"
    problems = (_why_unsafe_part(part) for part in path.split("/"))
    return next((problem for problem in problems if problem), None)


def _why_unsafe_part(part: str) -> str | None:
    if part == "..":
        return "leads out of the folder"
    if part in ("", "."):
        return "has an empty part"
    if _FORBIDDEN.search(part):
        return "has a character that is no part of a file name everywhere"
    if part != part.rstrip(". "):
        return "ends a part with a dot or space"
    if _RESERVED.fullmatch(part):
        return f"is a reserved name ({part!r})"
    if any(0xD800 <= ord(character) <= 0xDFFF for character in part):
        return "is no text"
    return "has a part that is too long" if len(part.encode()) > LONGEST_NAME_BYTES else None


def folded(path: str) -> str:
    """What two names share if a file system may take them for one: letters without case and composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


class NewNames:
    """The names given out so far; each may come once, and none may be both a file and a folder."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def why_not(self, path: str) -> str | None:
        """Take the name `path` for a file, or say why it cannot be taken."""
        if problem := why_unsafe(path):
            return problem
        one = folded(path)
        parents = [one[: match.start()] for match in re.finditer("/", one)]
        for taken, where in [
            (one, self._files),
            (one, self._folders),
            *((up, self._files) for up in parents),
        ]:
            if taken in where:
                return f"stands for the same file as {where[taken]!r}"
        self._files[one] = path
        self._folders.update(dict.fromkeys(parents, path))
        return None
