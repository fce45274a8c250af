"""Which SR file belongs to which HR image, by name: baby.png, babyx4.png, baby_x4_SR.png, baby_SwinIR.png."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from srdata.errors import UsageError

SHOWN = 100  # names in an error
_RULES = 3  # that may be meant, in another

Affixes = tuple[str, str]  # what stands before and after the name of the HR image


def match_sr(keys: Sequence[str], found: Iterable[str], template: str | None = None) -> dict[str, str]:
    """The name of the SR file of each key, by `template`, or by what all SR names add to their keys.

    With a template, files that it does not describe are left aside. Raises UsageError listing every key
    without a file and every file without a key, or the templates to choose from.

    >>> match_sr(["1", "10"], ["1x4_net", "10x4_net"])
    {'1': '1x4_net', '10': '10x4_net'}
    """
    names = sorted(found)
    before, after = _split(template) if template is not None else _common(keys, names)
    wanted = {key: f"{before}{key}{after}" for key in keys}
    described = [name for name in names if template is None or _fits(name, before, after)]
    missing = [name for name in wanted.values() if name not in set(names)]
    extra = sorted(set(described) - set(wanted.values()))
    if missing or extra:
        hint = "" if template is not None else "; if their names follow a rule, give it as --name '{key}…'"
        raise UsageError(
            f"SR images do not match HR images as {before}{{key}}{after}: {_list(missing, extra)}{hint}"
        )
    return wanted


def _split(template: str) -> Affixes:
    before, key, after = template.partition("{key}")
    if not key or "{" in before + after:
        raise UsageError(f"the name {template!r} must hold {{key}}, the name of the HR image, once")
    return before, after


def _fits(name: str, before: str, after: str) -> bool:
    return name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)


def _common(keys: Sequence[str], names: Sequence[str]) -> Affixes:
    """What the names of the most keys have before and after the key."""
    found = _affixes(keys, names)
    most = max((len(having) for having in found.values()), default=0)
    best = sorted(affixes for affixes, having in found.items() if len(having) == most)
    if not best or ("", "") in best:
        return "", ""
    if len(best) > 1:
        rules = " or ".join(f"--name '{before}{{key}}{after}'" for before, after in best[:_RULES])
        more = f" or {len(best) - _RULES} more" if len(best) > _RULES else ""
        raise UsageError(f"there are several images of each key: say which are SR by {rules}{more}")
    return best[0]


def _affixes(keys: Sequence[str], names: Sequence[str]) -> Mapping[Affixes, set[str]]:
    found: defaultdict[Affixes, set[str]] = defaultdict(set)
    for key in keys:
        for name in names:
            for match in re.finditer(f"(?={re.escape(key)})", name):
                found[name[: match.start()], name[match.start() + len(key) :]].add(key)
    return found


def _list(missing: Sequence[str], extra: Sequence[str]) -> str:
    parts = [("missing", missing), ("not of this set", extra)]
    return "; ".join(f"{len(names)} {what} ({_some(names)})" for what, names in parts if names)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
