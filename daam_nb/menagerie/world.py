"""The menagerie's world: captioned scenes with a label for every pixel.

`scene(seed)` is a pure function of its arguments; nothing here touches a global random state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from daam_nb.errors import SelectionError
from daam_nb.kinds import names_checked, number_between
from daam_nb.menagerie.captions import Caption, Span, word_layout
from daam_nb.menagerie.layout import KINDS, Layout, draw_layout
from daam_nb.menagerie.render import SIZE, composite, paint_background
from daam_nb.menagerie.taxonomy import NOUN

WORLD_VERSION = 1
"""Changes whenever the same seed would give another scene."""

SPLITS = ("train", "test", "unseen")


@dataclass(frozen=True)
class SceneObject:
    """One object of a scene.

    Attributes
    ----------
    noun, hypernym, color, size
        Its attributes; color and size are None if not stated.
    center, extent
        Center (y, x) and longer side of its sprite, in pixels.
    word
        Characters (start, stop), half-open, of the word in the caption that names it.
    color_word
        The same for its color word, or None.
    """

    noun: str
    hypernym: str
    color: str | None
    size: str | None
    center: tuple[float, float]
    extent: float
    word: Span
    color_word: Span | None


@dataclass(frozen=True, eq=False)
class Scene:
    """A captioned image with the masks of its objects.

    Attributes
    ----------
    image
        64 x 64 RGB.
    caption
        One lower-case phrase or sentence.
    objects
        In order of mention.
    masks
        (object, y, x), bool: the pixels that show each object.
    background_mask
        (y, x), bool: the pixels that show no object. With `masks` it covers every pixel once.
    background, background_words
        A key of `BACKGROUNDS`, and the characters that name it in the caption (None if it does
        not).
    relation
        Of the first object to the second, a key of `RELATIONS`, or None.
    kind
        "single", "pair", "count" or "triple".
    seed, split
        The arguments it was made from.
    """

    image: Image.Image
    caption: str
    objects: tuple[SceneObject, ...]
    masks: NDArray[np.bool_]
    background_mask: NDArray[np.bool_]
    background: str
    background_words: Span | None
    relation: str | None
    kind: str
    seed: int
    split: str


@names_checked
def scene(seed: int, split: str = "train", *, kind: str | None = None) -> Scene:
    """Make a scene of the world.

    Parameters
    ----------
    seed
        Any integer >= 0. The same arguments always give the same scene.
    split
        "train"; "test", drawn the same way from other seeds; or "unseen", scenes that show at
        least one combination kept from the other two (`HELD_OUT_PAIRS`, `HELD_OUT_COLORS`).
    kind
        "single", "pair", "count" or "triple"; None draws one by its share in `KINDS`.

    Raises
    ------
    SelectionError
        For a split or kind that does not exist, or a seed that is not an integer >= 0.
    UnknownOptionError
        For an unknown argument.
    """
    for name, choice, known in (("split", split, SPLITS), ("kind", kind, KINDS)):
        known_word = isinstance(choice, str) and choice in known
        if not known_word and not (name == "kind" and choice is None):
            raise SelectionError(
                f"There is no {name} {choice!r:.60}. Choose one of {', '.join(known)}."
            )
    try:
        seed = number_between(seed, "seed", low=0)
    except SelectionError:
        raise SelectionError(f"seed={seed!r:.60}: it must be a whole number >= 0.") from None
    rng = np.random.default_rng([WORLD_VERSION, SPLITS.index(split), seed])
    if kind is None:
        kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    layout = draw_layout(rng, kind=kind, unseen=split == "unseen")
    caption = word_layout(layout, rng)
    image, masks = composite(paint_background(layout.background, rng), list(layout.objects))
    return Scene(
        image=Image.fromarray(image),
        caption=caption.text,
        objects=_described(layout, caption),
        masks=masks[1:],
        background_mask=masks[0],
        background=layout.background,
        background_words=caption.background,
        relation=layout.relation,
        kind=kind,
        seed=seed,
        split=split,
    )


def _described(layout: Layout, caption: Caption) -> tuple[SceneObject, ...]:
    return tuple(
        SceneObject(
            noun=placed.noun,
            hypernym=NOUN[placed.noun].hypernym,
            color=placed.color,
            size=size,
            center=placed.center,
            extent=placed.extent,
            word=word,
            color_word=color_word,
        )
        for placed, size, word, color_word in zip(
            layout.objects, layout.sizes, caption.words, caption.color_words, strict=True
        )
    )


__all__ = ["SIZE", "SPLITS", "WORLD_VERSION", "Scene", "SceneObject", "scene"]
