"""Numbers before their nouns, as English has them: 1 image, 2 images."""

from __future__ import annotations

from collections.abc import Mapping


def how_many(number: int, one: str, more: str = "", *, form: str = "") -> str:
    """A number and its noun.

    `more` is for several, where that is not `one` with an s; `form` is how the number is formatted.

    >>> how_many(1, "image"), how_many(1234, "image"), how_many(1234, "image", form=",")
    ('1 image', '1234 images', '1,234 images')
    >>> how_many(1, "file is", "files are"), how_many(0, "file is", "files are")
    ('1 file is', '0 files are')
    """
    return f"{number:{form}} {one if number == 1 else more or f'{one}s'}"


def images_by_split(counts: Mapping[str, int]) -> str:
    """How many images of which splits.

    >>> images_by_split({"train": 8, "validation": 1}), images_by_split({"train": 1})
    ('8 train, 1 validation images', '1 train image')
    """
    told = ", ".join(f"{count} {split}" for split, count in counts.items())
    return f"{told} {'image' if sum(counts.values()) == 1 else 'images'}"
