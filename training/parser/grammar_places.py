"""Where things are: prepositional phrases, and what each kind of thing is found on, in or with."""

from __future__ import annotations

from training.parser import grammar_describing as describing
from training.parser import grammar_nouns as nouns
from training.parser.draw import Draw
from training.parser.grammar_words import adjective_tree, adverb, determiner, noun_tree, prep
from training.parser.lexicon import classes, listed
from training.parser.tree import Tree

NEAR = listed("near")
COMMON = listed("common")

ADVERBS_WITH_TO = {"next": "RB", "close": "RB", "left": "RB", "right": "RB", "away": "RB",
                   "far": "RB", "ahead": "RB", "together": "RB", "near": "RB"}  # fmt: skip

ON, IN, AT = listed("on"), listed("in"), listed("at")

LANDMARKS = {
    "furniture": 2, "building": 1.5, "nature": 2, "person": 2, "animal": 1.5, "vehicle": 1.5,
    "part": 1.5, "place": 1.5, "container": 1, "food": 1, "appliance": 1, "tool": 1, "sport":
    0.7, "toy": 0.5,
}  # fmt: skip
"""Classes of what things stand beside, by weight."""

DIRECTIONS = {
    "down": 3, "along": 2, "across": 2, "through": 2.5, "over": 1.5, "into": 1.5, "out of": 1.5,
    "up": 1.5, "past": 1, "to": 1.5, "toward": 1, "towards": 1, "around": 1, "onto": 0.7,
    "off": 1, "off of": 0.5, "from": 1, "by": 0.7, "under": 0.5, "in": 2, "on": 2.5, "at": 0.5,
    "behind": 0.5, "between": 0.3, "above": 0.3, "beneath": 0.2, "away from": 0.5,
    "in front of": 0.7, "down the middle of": 0.3, "down the side of": 0.3,
    "up the side of": 0.2, "against": 0.2, "after": 0.3, "about": 0.1, "throughout": 0.1,
    "near": 0.5, "next to": 0.5, "alongside": 0.3, "with": 0.6, "without": 0.1, "for": 0.3,
    "beyond": 0.1, "within": 0.1, "upon": 0.1, "via": 0.05, "amid": 0.05, "during": 0.2,
    "inside": 0.2, "outside": 0.2, "as": 0.1,
}  # fmt: skip
"""How a movement relates to its ground, by weight."""

GROUNDS = {
    "place": 5, "nature": 2, "part": 1, "building": 1.5, "room": 1, "vehicle": 1, "person":
    0.5, "animal": 0.5, "sport": 0.7, "furniture": 0.5,
}  # fmt: skip
"""Classes of what movements lead along or to, by weight."""

PARTS_OF = {
    "person": ("body", "clothing", "clothing"),
    "animal": ("body", "body", "clothing"),
    "vehicle": ("part", "nature", "tool", "person"),
    "food": ("food", "food", "food", "utensil"),
    "container": ("food", "nature", "drink"),
    "furniture": ("furniture", "part", "container", "tool", "food"),
    "room": ("furniture", "furniture", "appliance", "part"),
    "building": ("part", "part", "nature"),
    "place": ("nature", "building", "vehicle", "animal"),
    "clothing": ("part", "tool", "animal"),
    "appliance": ("part", "appliance", "tool"),
    "nature": ("nature", "part", "animal"),
}
WHOLES = listed("whole")


def place_phrase(d: Draw, kind: str = "", *, depth: int = 0) -> Tree:
    """A phrase of place for something of a class."""
    r = d.rng.random()
    if r < 0.27:
        return prep("on", spot(d, ON, ("furniture", "place", "part", "vehicle"), depth=depth))
    if r < 0.52:
        return prep("in", spot(d, IN, ("room", "place", "container", "building"), depth=depth))
    if r < 0.6:
        return prep("at", spot(d, AT, ("place", "event", "building"), depth=depth))
    if r < 0.96:
        other = d.weighted(LANDMARKS)
        return relation(d, d.of(COMMON), nouns.noun_phrase(d, other, depth=depth))
    return relation(d, d.of(NEAR), nouns.noun_phrase(d, depth=depth))


def spot(d: Draw, listed_places: tuple[str, ...], kinds: tuple[str, ...], *, depth: int) -> Tree:
    """A usual place of the list, or anything of the kinds."""
    if d.chance(0.45) and d.chance(1 - d.pseudo):
        word = d.of(listed_places)
        many = word in ("woods", "hands", "stairs")
        head = Tree(word, "NNS" if many else "NN", many=many, kind=kinds[0])
        if d.chance(0.3):
            made = nouns.modifiers(d, kinds[0], most=2)
            head.left = made
        if word in ("night", "home", "school", "camera", "dusk", "sunset") and not head.left:
            return head
        r = d.rng.random()
        if r < 0.5 or word in ("background", "foreground", "air", "sky", "ground", "water"):
            head.first("det", Tree("the", "DT"))
        elif r < 0.58:
            nouns.possessor(d, head)
        elif not many:
            determiner(d, head)
        if depth and d.chance(0.17):
            attach_to_noun(d, head)
        return head
    if d.chance(0.05):
        return nouns.name(d, "place")
    return nouns.noun_phrase(d, d.of(kinds), depth=depth)


def relation(d: Draw, words: str, inside: Tree) -> Tree:
    """ "next to X", "in front of X", "to the left of X": the tree of a wording of place."""
    parts = words.split()
    if len(parts) > 2 and parts[-1] == "of":
        head = Tree(parts[-2], "NN")
        for part in parts[1:-2]:
            label = "det" if part in ("the", "each", "a") else "amod"
            head.before(label, Tree(part, "DT" if label == "det" else "JJ"))
        if len(parts) > 3 and d.chance(0.06):
            head.before("amod", Tree(d.pick("left", "right", "far", "very", "other"), "JJ"))
        head.behind("prep", prep("of", inside))
        return prep(parts[0], head)
    if parts[0] in ADVERBS_WITH_TO and len(parts) > 1:
        first = Tree(parts[0], ADVERBS_WITH_TO[parts[0]])
        return first.behind("prep", prep(parts[1], inside))
    if words in ("because of", "due to", "instead of"):
        return Tree(parts[0], "IN").behind("pcomp", prep(parts[1], inside))
    if words in ("up against", "up to", "over by", "out from", "down in"):
        return prep(parts[1], inside).before("advmod", Tree(parts[0], "RB"))
    if parts[0] == "between" and d.chance(0.5) and not inside.right:
        nouns.coordinate(d, inside, lambda: nouns.plain(d, inside.kind or "furniture"))
    if parts[0] == "surrounding":
        return Tree("surrounding", "VBG").behind("dobj", inside)
    return prep(words, inside)


def label_of(phrase: Tree) -> str:
    """How a phrase of place hangs on what it places."""
    if phrase.tag == "VBG":
        return "acl"
    return "advmod" if phrase.tag == "RB" else "prep"


def attach_to_noun(d: Draw, head: Tree, *, depth: int = 0) -> None:
    """Put a phrase behind a noun: of, with, in clothes, in a place."""
    kind = head.kind
    r = d.rng.random()
    if r < 0.24 and kind in PARTS_OF:
        head.behind("prep", with_phrase(d, kind))
    elif r < 0.32 and kind == "person":
        head.behind("prep", _in_clothes(d))
    elif r < 0.38 and kind not in ("person", "animal"):
        head.behind("prep", prep("of", nouns.noun_phrase(d, depth=depth)))
    elif r < 0.41:
        word = d.pick("for", "from", "with", "like", "without", "for")
        head.behind("prep", prep(word, nouns.noun_phrase(d, depth=depth)))
    elif r < 0.425:
        such = prep("as", nouns.noun_phrase(d, kind or "food", many=True, depth=0))
        head.behind("prep", such.before("amod", Tree("such", "JJ")))
    else:
        phrase = place_phrase(d, kind, depth=depth if d.chance(0.8) else 1)
        head.behind(label_of(phrase), phrase)


def with_phrase(d: Draw, kind: str) -> Tree:
    """ "with a red hat", "with its mouth open", "with people sitting in it"."""
    inside_kind = d.of(PARTS_OF.get(kind, ("part",)))
    many = True if inside_kind == "body" and d.chance(0.3) else None
    inside = nouns.noun_phrase(d, inside_kind, depth=0, many=many)
    if inside_kind == "body" and d.chance(0.4) and not inside.right:
        inside.left = [pair for pair in inside.left if pair[0] not in ("det", "poss", "nummod")]
        owner = d.pick("its", "his", "her", "their")
        inside.first("poss", Tree(owner, "PRP$"))
        r = d.rng.random()
        if r < 0.25:
            inside.behind("amod", Tree(d.pick("open", "wide", "up", "closed", "full"), "JJ"))
        elif r < 0.4:
            inside.behind("advmod", Tree(d.pick("out", "up", "down", "back", "outstretched"), "RB"))
        elif r < 0.7:
            place = place_phrase(d, "body")
            inside.behind(label_of(place), place)
        else:
            describing.attach_passive(d, inside)
    else:
        r = d.rng.random()
        if r < 0.1:
            place = place_phrase(d, inside_kind)
            inside.behind(label_of(place), place)
        elif r < 0.17:
            describing.attach_active(d, inside, inside, depth=0)
        elif r < 0.21:
            describing.attach_passive(d, inside)
        elif r < 0.24:
            inside.behind("advmod", Tree(d.pick("on", "inside", "nearby", "around", "in"), "RB"))
        elif r < 0.44:
            nouns.coordinate(d, inside, lambda: nouns.plain(d, inside_kind))
    return prep(d.pick("with", "with", "with", "with", "with", "without"), inside)


def _in_clothes(d: Draw) -> Tree:
    if d.chance(0.15):
        inside = noun_tree_of_color(d)
    else:
        inside = nouns.noun_phrase(d, "clothing", depth=0)
        if d.chance(0.25) and not inside.right:
            nouns.coordinate(d, inside, lambda: nouns.plain(d, "clothing"))
    return prep("in", inside)


def noun_tree_of_color(d: Draw) -> Tree:
    """The color in "dressed in red"."""
    return Tree(d.of(classes("adjectives")["color"][:14]), "NN")


def attach_adverb(d: Draw, head: Tree) -> None:
    """ "a man alone", "the house nearby"."""
    head.behind("advmod", adverb(d, "place"))


def direction(d: Draw, *, depth: int = 0) -> Tree:
    """Where a movement goes: "down the street", "out of the water", "towards a dog"."""
    words = d.weighted(DIRECTIONS)
    kind = d.weighted(GROUNDS)
    return relation(d, words, nouns.noun_phrase(d, kind, depth=depth))


def time_phrase(d: Draw) -> Tree:
    """ "at night", "on a sunny day", "during the game"."""
    r = d.rng.random()
    if r < 0.25:
        return prep("at", Tree(d.pick("night", "dusk", "sunset", "dawn", "noon", "sunrise"), "NN"))
    if r < 0.55:
        day = Tree(d.pick("day", "day", "afternoon", "morning", "evening", "night"), "NN")
        day.before(*adjective_tree(d.word("adjectives", "state")))
        determiner(d, day)
        return prep("on", day)
    if r < 0.75:
        part = Tree(d.pick("morning", "evening", "day", "afternoon", "summer", "rain"), "NN")
        return prep(d.pick("in", "during"), part.before("det", Tree("the", "DT")))
    if r < 0.9:
        return prep(
            d.pick("during", "after", "before", "for"), nouns.noun_phrase(d, "event", depth=0)
        )
    return prep(
        d.pick("for", "as"), nouns.noun_phrase(d, d.pick("event", "tool", "person"), depth=0)
    )


__all__ = ["attach_to_noun", "direction", "label_of", "noun_tree", "place_phrase", "relation"]
