"""What the name of a folder or image says of it: its side, split, scale, and how LR was made.

    DIV2K_train_LR_bicubic   LR, train, bicubic        Canon_001_LR4   LR, x4, of Canon_001
    GTmod12                  HR                        0001x4          x4, of 0001

Names are claims: what they say is believed where the sizes of the images agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from srdata.images.folder_listing import forms_of
from srdata.scale import FINEST, LARGEST, Scale
from srdata.store.folder_names import SPLITS
from srdata.vocabulary import Split

Side = Literal["hr", "lr"]

# Words that mean a side whatever stands beside them, and words that do if the images agree.
_SURE: dict[str, Side] = {
    **dict.fromkeys(("hr", "hrs", "gt", "gts", "hq", "groundtruth", "highres"), "hr"),
    **dict.fromkeys(("lr", "lrs", "lq", "lqs", "lowres"), "lr"),
}
_LIKELY: dict[str, Side] = {
    **dict.fromkeys(("high", "target", "targets", "sharp", "clean", "clear", "ref", "reference"), "hr"),
    **dict.fromkeys(("original", "originals", "orig", "label", "labels", "truth"), "hr"),
    **dict.fromkeys(("low", "input", "inputs", "dist", "distorted", "degraded", "conditioning"), "lr"),
    **dict.fromkeys(("blur", "blurry", "blurred", "noise", "noisy", "bicubic", "bic", "compressed"), "lr"),
}
# Of these the word itself says how LR was made.
_KINDS = frozenset({"blur", "blurry", "blurred", "noise", "noisy", "bicubic", "compressed"})
_FILLERS = frozenset({"sub", "subs", "image", "images", "img", "imgs", "png", "jpg", "srf", "scale"})
_NUMBERED = ("srf", "scale")  # words that a number follows which is a scale
_TRACKS = {"bic": "bicubic"}
_PHRASES = (
    (re.compile(r"high[\s_-]*(?:res(?:olution)?|quality)", re.IGNORECASE), "HR"),
    (re.compile(r"low[\s_-]*(?:res(?:olution)?|quality)", re.IGNORECASE), "LR"),
    (re.compile(r"ground[\s_-]*truth", re.IGNORECASE), "GT"),
)
_BETWEEN = re.compile(r"[\s_+()\[\]-]+|\.(?!\d)|(?<!\d)\.")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NUMBER = r"\d{1,3}(?:\.\d{1,2})?"
_BARE = re.compile(r"(?:[2-9]|[1-9]\d)(?:\.\d{1,2})?|1\.\d{1,2}")
_SCALE = re.compile(rf"x(?P<before>{_NUMBER})[mdw]?\d*|(?P<after>{_NUMBER})x")
_SIDED = re.compile(
    rf"(?P<first>bic|bicubic)?(?P<side>hr|gt|hq|lr|lq)(?P<track>bic|bicubic|bi|bd|dn)?"
    rf"(?:mod(?P<multiple>\d+)|x?(?P<scale>{_NUMBER}))?"
)
_NAMES = "|".join(SPLITS)
_SPLIT = re.compile(rf"(?P<split>{_NAMES})(?P<side>hr|lr|gt|lq)?|(?P<first>hr|lr|gt|lq)(?P<then>{_NAMES})")
_ATTACHED = re.compile(  # 0001x4, 0001hr
    rf"(?P<key>.*?(?:[^\W_](?=x)|\d(?=[a-w])))(?P<mark>x{_NUMBER}[mdw]?\d*|(?:hr|gt|hq|lr|lq)(?:x{_NUMBER})?)",
    re.IGNORECASE,
)
# What no mark of an image is without: a word of a side or scale, or the H or L of KAIR's trainH.
_TELLING = re.compile(rf"{'|'.join(('x', *_SURE, *_LIKELY, *_NUMBERED))}|(?<![^\W_])[hl](?![^\W\d_])")
_CHUNK = re.compile(r"[^\s_+()\[\].-]+(?:(?<=\d)\.(?=\d)[^\s_+()\[\].-]+)*")


@dataclass(frozen=True)
class Marks:
    """What a name, or several that stand behind each other in a path, says."""

    side: Side | None = None
    sure: bool = False  # of the side
    split: Split | None = None
    scale: Scale | None = None
    track: str = ""

    @property
    def any(self) -> bool:
        """Whether it says which side an image is on, or at which scale."""
        return self.side is not None or self.scale is not None

    def then(self, deeper: Marks) -> Marks:
        """What this says and, first, what `deeper` in the path says."""
        side, sure = (deeper.side, deeper.sure) if deeper.side else (self.side, self.sure)
        tracks = dict.fromkeys(filter(None, (self.track, deeper.track)))
        return Marks(
            side=side,
            sure=sure,
            split=deeper.split or self.split,
            scale=deeper.scale or self.scale,
            track="_".join(tracks) if side == "lr" or side is None else "",
        )


_NOTHING = Marks()


@dataclass(frozen=True)
class _Word:
    """What one word of a name means; nothing at all for a word that is part of the name itself."""

    side: Side | None = None
    sure: bool = False
    split: Split | None = None
    scale: Scale | None = None
    track: str = ""
    filler: bool = False

    @property
    def known(self) -> bool:
        return self != _Word()


def marks_of_folder(name: str) -> tuple[Marks, str]:
    """What the name of a folder says, and what is left of it.

    >>> marks_of_folder("DIV2K_train_LR_bicubic")[1]
    'div2k'
    """
    for phrase, word in _PHRASES:
        name = phrase.sub(word, name)
    spelt = [chunk for chunk in _BETWEEN.split(_HUMP.sub("_", name.removesuffix(".lmdb"))) if chunk]
    words = _words([chunk.lower() for chunk in spelt])
    last = max((i for i, word in enumerate(words) if word.side), default=-1)
    told = next((i for i, word in enumerate(words) if word.side and word.sure), len(words))
    marks, rest, after = Marks(), list[str](), list[str]()
    for number, (chunk, meant) in enumerate(zip(spelt, words, strict=True)):
        if told < number and meant.side and not meant.sure and not meant.track:
            after.append(chunk)  # LR_low: which LR it is
            continue
        marks = _added(marks, meant)
        if not meant.known:
            (after if 0 <= last < number else rest).append(chunk if 0 <= last < number else chunk.lower())
    if after and marks.side == "lr":
        marks = replace(marks, track="_".join(filter(None, (marks.track, *after))))
        after = []
    return marks, "_".join([*rest, *after])


def may_have_marks(keys: Iterable[str]) -> bool:
    """Whether there may be a mark in one of these keys of images: of a million, it is told at once."""
    forms = forms_of(key.rpartition("/")[2] for key in keys)
    return _TELLING.search("\n".join(forms).lower()) is not None


def marks_of_image(stem: str) -> tuple[Marks, str]:
    """What the last or first words of an image's name say, and the name without them; scene/hr has no other.

    >>> [marks_of_image(name)[1] for name in ("Canon_001_HR", "0001x4", "img7LR", "tree (1)x4")]
    ['Canon_001', '0001', 'img7', 'tree (1)']
    """
    if _TELLING.search(stem.lower()) is None:
        return _NOTHING, stem
    attached = _ATTACHED.fullmatch(stem)
    chunks = [(found.start(), found.end()) for found in _CHUNK.finditer(stem)]
    ends = [*chunks]
    if attached and ends and attached.start("mark") > ends[-1][0]:
        ends[-1:] = [(ends[-1][0], attached.start("mark")), attached.span("mark")]
    words = _words([stem[start:end].lower() for start, end in ends])
    tail = _run(list(reversed(words)))
    if tail == len(words) and any(word.side for word in words):
        return _together(words), ""
    if tail and tail < len(words):
        said = stem[ends[-tail - 1][1] :].lstrip(")]")  # what closes the (1) of a copy is of its name
        return _together(words[-tail:]), stem.removesuffix(said)
    head = min(_run(words), len(words) - 1)  # in hr_2 the number is the name
    if any(word.side for word in words[:head]):
        return _together(words[:head]), stem[ends[head][0] :]
    return Marks(), stem


def _run(words: list[_Word]) -> int:
    """How many words from the first on are marks; none where they say neither side nor scale."""
    count = next((i for i, word in enumerate(words) if not word.known or word.split), len(words))
    while count and words[count - 1].filler and not words[count - 1].scale:
        count -= 1  # what is next to the name belongs to it
    return count if any(word.side or word.scale for word in words[:count]) else 0


def _together(words: list[_Word]) -> Marks:
    marks = Marks()
    for word in words:
        marks = _added(marks, word)
    return marks


def _added(marks: Marks, word: _Word) -> Marks:
    """Marks with one word more: a sure side stays, else the last one holds."""
    takes = word.side is not None and (word.sure or not marks.sure)
    return Marks(
        side=word.side if takes else marks.side,
        sure=word.sure if takes else marks.sure,
        split=word.split or marks.split,
        scale=word.scale or marks.scale,
        track="_".join(dict.fromkeys(filter(None, (marks.track, word.track)))),
    )


def _words(chunks: list[str]) -> list[_Word]:
    """The meaning of each word; a number is a scale behind `srf`, `scale` or a side alone."""
    words: list[_Word] = []
    for number, chunk in enumerate(chunks):
        before = chunks[number - 1] if number else ""
        numbered = chunks[number + 1] if chunk in _NUMBERED and number + 1 < len(chunks) else ""
        if _BARE.fullmatch(numbered):
            words.append(_Word(scale=scale_of(numbered)))
        elif _BARE.fullmatch(chunk) and number and (before in _NUMBERED or words[-1].side):
            words.append(_Word(scale=scale_of(chunk)))
        elif chunk in ("h", "l") and number and words[-1].split:  # KAIR's trainH and trainL
            words.append(_Word("hr" if chunk == "h" else "lr", sure=True))
        else:
            words.append(_word(chunk))
    return words


def _word(chunk: str) -> _Word:
    if chunk in _SURE or chunk in _LIKELY:
        side = _SURE.get(chunk) or _LIKELY[chunk]
        track = _TRACKS.get(chunk, chunk) if chunk in _KINDS or chunk in _TRACKS else ""
        return _Word(side, chunk in _SURE, track=track)
    if found := _SCALE.fullmatch(chunk):
        full = found["after"] == "1"  # 1x beside 0.5x is full size, which says nothing of a pair
        return _Word() if full else _Word(scale=scale_of(found["before"] or found["after"]))
    if found := _SPLIT.fullmatch(chunk):
        sided = found["side"] or found["first"]
        split = SPLITS[found["split"] or found["then"]]
        return replace(_word(sided), split=split) if sided else _Word(split=split)
    if found := _SIDED.fullmatch(chunk):
        track = found["track"] or found["first"] or ""
        track = _TRACKS.get(track, track.upper() if len(track) == 2 else track)
        scale = scale_of(found["multiple"] if found["multiple"] not in (None, "12") else found["scale"])
        return _Word(_SURE[found["side"]], sure=True, scale=scale, track=track)
    return _Word(filler=True) if chunk in _FILLERS or re.fullmatch(r"mod\d+", chunk) else _Word()


def scale_of(text: str | None) -> Scale | None:
    """The scale that a number in a name can be; None where it is none."""
    if not text or not 1 <= float(text) <= LARGEST or Scale(text).denominator > FINEST:
        return None
    return Scale(text)
