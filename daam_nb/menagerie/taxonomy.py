"""The menagerie's world: nouns and their classes, colors, sizes and backgrounds.

Plain data. The nouns were chosen so that outlines are distinguishable at 64 pixels, every class has
at least three members (cohyponyms, for studies of entanglement), and no noun is a color word.
"""

from __future__ import annotations

from dataclasses import dataclass

TIER = "core"
"""Which world this is: the core tier (64 pixels, 27 nouns), learnable on two CPU cores."""


@dataclass(frozen=True)
class Noun:
    """One kind of object.

    Attributes
    ----------
    name, plural
        Singular and plural, lower case, one word each.
    hypernym
        The class it belongs to, a key of `CLASSES`.
    glyph
        The Unicode character its sprite was rendered from.
    """

    name: str
    plural: str
    hypernym: str
    glyph: str


def _class(hypernym: str, *members: tuple[str, str]) -> list[Noun]:
    irregular = {
        "octopus": "octopuses",
        "bus": "buses",
        "cactus": "cactuses",
        "strawberry": "strawberries",
    }
    return [Noun(name, irregular.get(name, name + "s"), hypernym, glyph) for name, glyph in members]


NOUNS: tuple[Noun, ...] = (
    *_class("wild animal", ("zebra", "🦓"), ("giraffe", "🦒"), ("elephant", "🐘")),
    *_class("pet", ("cat", "🐈"), ("dog", "🐕"), ("rabbit", "🐇")),
    *_class("bird", ("duck", "🦆"), ("penguin", "🐧"), ("owl", "🦉")),
    *_class("sea animal", ("whale", "🐳"), ("crab", "🦀"), ("turtle", "🐢")),
    *_class("fruit", ("apple", "🍎"), ("banana", "🍌"), ("strawberry", "🍓"), ("pear", "🍐")),
    *_class("vehicle", ("car", "🚗"), ("bus", "🚌"), ("bicycle", "🚲"), ("boat", "⛵")),
    *_class("plant", ("tree", "🌳"), ("cactus", "🌵"), ("sunflower", "🌻"), ("mushroom", "🍄")),
    *_class("instrument", ("guitar", "🎸"), ("drum", "🥁"), ("trumpet", "🎺")),
)

NOUN: dict[str, Noun] = {noun.name: noun for noun in NOUNS}
CLASSES: dict[str, tuple[str, ...]] = {
    h: tuple(n.name for n in NOUNS if n.hypernym == h)
    for h in dict.fromkeys(noun.hypernym for noun in NOUNS)
}

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (215, 40, 40),
    "yellow": (245, 205, 40),
    "green": (45, 160, 60),
    "blue": (45, 90, 220),
    "purple": (130, 60, 190),
    "pink": (248, 125, 185),
}
"""Color word to the RGB (0 to 255) of an object tinted with it, at its middle lightness."""

SIZES: dict[str, tuple[str, ...]] = {"small": ("small", "little"), "big": ("big", "large")}
"""Size to the words that say it."""

RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "over"),
    "below": ("below", "under"),
    "next to": ("next to", "beside"),
    "and": ("and",),
}
"""Relation to the phrases that say it. The first four fix a direction; the others do not."""

INVERSE = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
    "next to": "next to",
    "and": "and",
}

BACKGROUNDS: dict[str, str] = {
    "sky": "in the sky",
    "grass": "on the grass",
    "sand": "on the sand",
    "snow": "in the snow",
    "water": "in the water",
    "night": "at night",
    "brick wall": "in front of a brick wall",
    **{f"{c} background": f"on a {c} background" for c in ("white", "gray", *COLORS)},
}
"""Background to the phrase that says it; "white background" and so on are plain surfaces."""


def held_out_pairs() -> frozenset[frozenset[str]]:
    """List the pairs of nouns that no training scene shows together.

    Returns
    -------
    frozenset of frozenset of str
        27 unordered pairs across classes; every noun is in two of them.
    """
    n = len(NOUNS)
    return frozenset(frozenset((NOUNS[i].name, NOUNS[(i + 11) % n].name)) for i in range(n))


def held_out_colors() -> frozenset[tuple[str, str]]:
    """List the combinations of color and noun that no training scene shows.

    Returns
    -------
    frozenset of (str, str)
        27 pairs (color, noun): one color for every noun.
    """
    names = list(COLORS)
    return frozenset((names[(5 * i + i // 6) % 6], noun.name) for i, noun in enumerate(NOUNS))


HELD_OUT_PAIRS = held_out_pairs()
HELD_OUT_COLORS = held_out_colors()
