"""Seeds of a caption's images: its own, the same in every session and in every folder.

Images with the same noise are alike whatever their captions, so images of many captions with one
seed are not independent observations. Unless seeds are given, each caption therefore has its own:
its fact ``seed`` (the image id of COCO's captions, as in the paper's experiments; a column of a CSV
file), else one computed from its text. It does not depend on other captions or their order, so that
a corpus can be extended and reordered without drawing images again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from daam_nb.errors import SelectionError, StudyError
from daam_nb.kinds import whole_number
from daam_nb.studies.corpus.captions import Caption, as_captions

LARGEST = 2**32
"""Seeds that are computed lie below: other programs take them, too."""


_LAST = 2**64 - 1


def own_seed(caption: Caption | str, number: int = 0) -> int:
    """Return the seed of a caption's image.

    Parameters
    ----------
    caption
        A text, or a `Caption`, perhaps with the fact ``seed``.
    number
        Index of the image among several of the caption, from 0.

    Returns
    -------
    int
        For the first image the fact ``seed`` if there is one; else the first 32 bits of the SHA-256
        of text, fact and number. Among 10,000 captions, two share a seed with a probability of 1 %.

    Raises
    ------
    StudyError
        If the fact ``seed`` is not a whole number.

    Examples
    --------
    >>> own_seed(Caption("a cat")), own_seed(Caption("a cat"), 1), own_seed(Caption("a dog"))
    (3798283203, 3863563138, 4203230993)
    >>> own_seed(Caption("a cat", {"seed": 7}))
    7
    """
    if not isinstance(caption, Caption):
        caption = Caption(caption)
    brought = _plain(caption.facts.get("seed"))
    if brought is not None:
        check_seed(caption, brought)
        if number == 0:
            return int(brought)
    text = json.dumps([caption.text, brought, number])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def with_seeds(captions: Iterable[str | Caption] | str, *, each: int = 1) -> list[Caption]:
    """Repeat every caption for several images, each from its own noise.

    Parameters
    ----------
    captions
        Texts or captions.
    each
        Number of images of each.

    Returns
    -------
    list of Caption
        Every caption `each` times, with the fact ``seed`` (`own_seed`); for ``generate(pipe,
        with_seeds(captions, each=4), into=...)``.

    Raises
    ------
    StudyError
        If `each` is not a whole number >= 1.
    """
    if isinstance(each, bool) or not isinstance(each, int) or each < 1:
        raise StudyError(f"each is {each!r}; it must be a whole number >= 1.")
    return [
        Caption(caption.text, {**caption.facts, "seed": own_seed(caption, number)})
        for caption in as_captions(captions)
        for number in range(each)
    ]


def several(seeds: Any) -> list[Any]:
    """Read seeds that are given for every caption.

    Raises
    ------
    StudyError
        If they are not several.
    """
    if isinstance(seeds, str | bytes) or not isinstance(seeds, Iterable):
        raise StudyError(
            f"seeds={seeds!r}: it must be several whole numbers, as in seeds=range(4), or "
            "seeds=[3]. Leave it out to draw each caption from its own."
        )
    return [_plain(seed) for seed in seeds]


def images_of(
    captions: Sequence[Caption], seeds: Iterable[int] | None
) -> list[tuple[Caption, int]]:
    """List every requested image: caption and seed, without duplicates.

    Parameters
    ----------
    captions
        The captions to draw.
    seeds
        Every caption is drawn with each; None: each with its own.

    Raises
    ------
    StudyError
        For a seed that is not a whole number, a repeated image, and no seed at all.
    """
    if seeds is None:
        pairs = [(caption, own_seed(caption)) for caption in captions]
    else:
        chosen = several(seeds)
        pairs = [(caption, seed) for caption in captions for seed in chosen]
    captions_by_key: dict[tuple[str, int], Caption] = {}
    for caption, seed in pairs:
        check_seed(caption, seed)
        if (caption.text, seed) in captions_by_key:
            raise StudyError(
                f"{caption.text!r} with the seed {seed} occurs more than once; each image is made "
                "once. For several images of a caption: corpus.with_seeds(captions, each=4)."
            )
        captions_by_key[caption.text, seed] = caption
    if not captions_by_key:
        raise StudyError("No seed was given; give at least one, as in seeds=range(4).")
    return [(caption, seed) for (_, seed), caption in captions_by_key.items()]


def _plain(seed: Any) -> Any:
    """Convert a whole number of numpy or torch to Python's; anything else is returned unchanged."""
    try:
        return whole_number(seed, "seed")
    except SelectionError:
        return seed


def check_seed(caption: Caption, seed: Any) -> None:
    """Raise a `StudyError` unless a seed is a whole number that torch takes, 0 to 2^64 - 1."""
    if isinstance(seed, int) and not isinstance(seed, bool) and not 0 <= seed <= _LAST:
        raise StudyError(
            f"The seed of {caption.text!r} is {seed}; it must be a whole number from 0 to {_LAST}."
        )
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise StudyError(
            f"The seed of {caption.text!r} is {seed!r}; it must be a whole number. Give "
            "seeds=range(4), captions with another fact 'seed', or neither."
        )
