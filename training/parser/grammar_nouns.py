"""Noun phrases: what stands before the noun, groups, names, coordination; and what follows it."""

from __future__ import annotations

from training.parser import grammar_complements as complements
from training.parser import grammar_describing as describing
from training.parser import grammar_places as places
from training.parser import grammar_verbs as verbs
from training.parser.draw import Draw
from training.parser.grammar_words import (
    MANY,
    NUMBERS,
    SUPERLATIVES,
    adjective_tree,
    determiner,
    modifiers,
    noun_tree,
    prep,
)
from training.parser.lexicon import all_nouns, listed
from training.parser.tree import Tree

CONTAINED = ("food", "drink", "animal", "person", "vehicle", "nature", "clothing", "furniture",
    "tool", "part", "utensil", "container", "material")  # fmt: skip
PEOPLE_LIKE = ("person", "animal")
QUANTITIES = listed("quantity")


def noun_phrase(d: Draw, kind: str = "", *, depth: int = 1, many: bool | None = None) -> Tree:
    """A noun phrase of a class of things, with or without what follows its noun.

    Parameters
    ----------
    depth
        How much may follow the noun: 0 nothing, 1 a little, 2 what a caption's subject has.
    many
        Asks for a singular or plural; by default either.
    """
    kind = kind or d.kind()
    r = d.rng.random()
    if r < (0.07 if depth else 0.045) and many is None:
        return coordination(d, kind, depth=depth)
    if 0.08 <= r < 0.082 and many is None:
        return complements.named_thing(d)
    if 0.1 <= r < 0.2 and kind in CONTAINED and many is None:
        head = group(d, kind)
    elif 0.2 <= r < 0.225 and kind == "person":
        head = pronoun(d)
    elif 0.225 <= r < 0.237 and depth and many is None:
        head = partitive(d, kind)
    elif 0.237 <= r < 0.255 and depth and many is None:
        head = wholes(d, kind)
    else:
        head = plain(d, kind, many=many)
    head.kind = kind
    if d.chance(0.004):
        head.first("neg", Tree(d.pick("not", "not", "never"), "RB"))
    if depth >= 2:
        follow(d, head)
    elif depth == 1 and d.chance(0.16):
        places.attach_to_noun(d, head)
    elif depth == 1 and d.chance(0.1) and not head.right:
        _describe_object(d, head)
    return head


def plain(d: Draw, kind: str, *, many: bool | None = None) -> Tree:
    """Determiner, modifiers, noun."""
    if kind == "person" and d.chance(0.02) and not many:
        return name(d, "person")
    plural = d.chance(0.3) if many is None else many
    noun = d.noun(kind, countable=bool(plural))
    head = noun_tree(noun, many=plural)
    head.kind = kind
    whole = d.chance(0.05) and len(noun.words) == 1
    if whole:
        _compound_from_anything(d, head)
    count = modifiers(d, kind, most=2 if whole else 3)
    head.left = [*count, *head.left]
    _determine(d, head, mass=noun.mass)
    return head


def _compound_from_anything(d: Draw, head: Tree) -> None:
    """Any noun before any noun: what fixed compounds do not cover."""
    other = d.noun(d.kind()) if d.chance(0.3) else d.of(all_nouns())
    tree = noun_tree(other, many=False)
    head.left = [("compound", tree), *head.left]


def _determine(d: Draw, head: Tree, *, mass: bool) -> None:
    if mass:
        _determine_mass(d, head)
    elif head.many:
        _determine_many(d, head)
    elif d.chance(0.07):
        possessor(d, head)
    elif d.chance(0.035):
        pass  # "boy in front of house"
    elif d.chance(0.03):
        ordinal = Tree(d.pick("first", "second", "last", "same", "only", "other", "next"), "JJ")
        superlative = Tree(d.of(SUPERLATIVES), "JJS")
        head.first("amod", d.pick(ordinal, superlative)).first("det", Tree("the", "DT"))
    else:
        determiner(d, head)


def _determine_mass(d: Draw, head: Tree) -> None:
    r = d.rng.random()
    if r < 0.35:
        head.first("det", Tree("the", "DT"))
    elif r < 0.5:
        head.first("det", Tree(d.pick("some", "some", "some", "no", "all", "any"), "DT"))
    elif r < 0.56:
        head.first("amod", Tree(d.pick("much", "more", "little"), "JJ"))
    elif r < 0.62:
        possessor(d, head)
    elif r < 0.66:
        determiner(d, head)


def _determine_many(d: Draw, head: Tree) -> None:
    r = d.rng.random()
    if r < 0.3:
        _number(d, head)
    elif r < 0.48:
        if d.chance(0.08):
            more = d.pick(("more", "JJR"), ("most", "JJS"), ("fewer", "JJR"), ("such", "JJ"))
            head.first("amod", Tree(*more))
            return
        word = d.of(MANY)
        head.first(
            "det" if word == "some" else "amod", Tree(word, "DT" if word == "some" else "JJ")
        )
        if word in ("few", "other") and d.chance(0.6):
            head.first("det", Tree("a" if word == "few" else "the", "DT"))
    elif r < 0.58:
        head.first("det", Tree(d.pick("the", "the", "the", "these", "those", "no"), "DT"))
        if d.chance(0.2):
            _number(d, head, place=1)
        if d.chance(0.1):
            head.first("predet", Tree(d.pick("all", "both", "half"), "PDT"))
    elif r < 0.64:
        possessor(d, head)
    elif r < 0.67:
        head.first("det", Tree(d.pick("both", "all", "any"), "DT"))


def _number(d: Draw, head: Tree, *, place: int = 0) -> None:
    number = Tree(d.pick("2", "3", "4", "5", "10", "100") if d.chance(0.1) else d.of(NUMBERS), "CD")
    if d.chance(0.05):
        number.before("advmod", Tree(d.word("adverbs", "quantity"), "RB"))
    elif d.chance(0.03):
        number.before("amod", Tree("more", "JJR")).before("quantmod", Tree("than", "IN"))
    head.left.insert(place, ("nummod", number))


def possessor(d: Draw, head: Tree) -> None:
    """ "his", "the man's"."""
    if d.chance(0.8):
        owner = Tree(
            d.pick("his", "her", "its", "their", "his", "their", "my", "our", "your"), "PRP$"
        )
    elif d.chance(0.15):
        owner = name(d, d.pick("person", "place", "brand")).behind("case", Tree("'s", "POS"))
    else:
        many = d.chance(0.2)
        owner = plain(d, d.pick("person", "person", "animal"), many=many)
        ending = "'" if owner.word.endswith("s") else "'s"
        owner.behind("case", Tree(ending, "POS"))
    if d.chance(0.06):
        head.first("amod", Tree("own", "JJ"))
    head.first("poss", owner)


def name(d: Draw, kind: str) -> Tree:
    """A proper name, of one or two words."""
    found = Tree(d.word("names", kind), "NNP", kind=kind)
    if "-" in found.word:
        return Tree("Coke", "NNP", kind=kind)
    if d.chance(0.25):
        first = d.pick("New", "San", "Saint", "Big", "Mount", "Central", "Grand", "Royal", "North")
        found.before("compound", Tree(first, "NNP"))
    return found


def pronoun(d: Draw) -> Tree:
    """Somebody unnamed."""
    word, many = d.pick(("someone", False), ("somebody", False), ("everyone", False),
                        ("something", False), ("people", True), ("one", False), ("others", True),
                        ("he", False), ("she", False), ("we", True), ("you", True),
                        ("they", True), ("it", False))  # fmt: skip
    tag = "NNS" if many else "NN"
    if word in ("he", "she", "they", "it", "we", "you"):
        tag = "PRP"
    return Tree(word, tag, many=many)


def group(d: Draw, kind: str) -> Tree:
    """ "a group of people", "a bowl of soup"."""
    inside_many = kind not in ("drink", "material") and d.chance(0.85)
    inside = _bare(d, kind, many=inside_many)
    if d.chance(0.12):
        quantity = d.of(QUANTITIES)
        head = Tree(quantity, "NNS" if quantity != "plenty" else "NN", many=True)
    else:
        word = d.of(listed(f"contains_{kind}"))
        head = Tree(word, "NN", many=d.chance(0.5) and kind in PEOPLE_LIKE)
        if d.chance(0.25):
            head.before(*adjective_tree(d.word("adjectives", d.pick("size", "state"))))
        determiner(d, head)
    if kind in PEOPLE_LIKE or head.many:
        head.inner = inside
    head.behind("prep", prep("of", inside))
    return head


def _bare(d: Draw, kind: str, *, many: bool) -> Tree:
    noun = d.noun(kind)
    head = noun_tree(noun, many=many)
    if d.chance(0.35):
        head.left = [*modifiers(d, kind, most=2), *head.left]
    if d.chance(0.06) and head.many:
        _number(d, head)
    head.kind = kind
    if d.chance(0.12) and kind == "food":
        coordinate(d, head, lambda: _bare(d, kind, many=many))
    return head


def partitive(d: Draw, kind: str) -> Tree:
    """ "one of the men", "some of them"."""
    word, tag, many = d.pick(("one", "CD", False), ("two", "CD", True), ("some", "DT", True),
                             ("all", "DT", True), ("many", "JJ", True), ("each", "DT", False),
                             ("most", "JJS", True), ("several", "JJ", True))  # fmt: skip
    inside = Tree("them", "PRP") if d.chance(0.2) else plain(d, kind, many=True)
    if inside.word != "them":
        inside.left = [p for p in inside.left if p[0] in ("amod", "compound", "punct")]
        inside.first("det", Tree("the", "DT"))
    return Tree(word, tag, many=many).behind("prep", prep("of", inside))


def wholes(d: Draw, kind: str) -> Tree:
    """ "the front of a bus", "the side of a building"."""
    head = Tree(d.of(places.WHOLES[:17]), "NN", kind="part")
    head.before("det", Tree(d.pick("the", "the", "the", "a", "each"), "DT"))
    return head.behind("prep", prep("of", plain(d, kind)))


def coordination(d: Draw, kind: str, *, depth: int = 1) -> Tree:
    """Two or more noun phrases; the arcs run from each to the next, as in ClearNLP."""
    head = plain(d, kind)
    if depth and d.chance(0.12):
        places.attach_to_noun(d, head)
    both = Tree(d.pick("both", "both", "either"), "CC") if d.chance(0.02) else None

    def another() -> Tree:
        made = plain(d, kind if d.chance(0.75) else d.kind())
        if depth and d.chance(0.18):
            places.attach_to_noun(d, made)
        return made

    last = coordinate(d, head, another)
    if both is not None:
        head.first("preconj", both)
    if depth >= 2 and d.chance(0.3):
        follow(d, last)
    head.many = True
    head.kind = kind
    return head


def coordinate(d: Draw, head: Tree, another: object) -> Tree:
    """Add one to three conjuncts, each to the one before it; the last one is returned."""
    assert callable(another)
    count = d.weighted({1: 0.72, 2: 0.21, 3: 0.07})
    word = d.pick("and", "and", "and", "and", "and", "and", "or", "&")
    at = head
    for place in range(count):
        last = place == count - 1
        if not last or (count > 1 and d.chance(0.4)):
            at.behind("punct", Tree(",", ","))
        if last:
            if d.chance(0.02):
                well = Tree("well", "RB").before("advmod", Tree("as", "RB"))
                at.behind("cc", Tree("as", "IN").before("advmod", well))
            else:
                at.behind("cc", Tree(word, "CC"))
        following: Tree = another()
        at.behind("conj", following)
        at = following
    return at


def follow(d: Draw, head: Tree) -> None:
    """What follows the noun of a caption's subject: phrases, participles, relative clauses."""
    if d.chance(0.42):
        places.attach_to_noun(d, head)
        if d.chance(0.2):
            places.attach_to_noun(d, head)
    r = d.rng.random()
    described = head.inner or head
    if r < 0.38:
        describing.attach_active(d, described, head)
    elif r < 0.53:
        nearest = _nearest_noun(head) if d.chance(0.35) else described
        describing.attach_passive(d, nearest)
    elif r < 0.67:
        # "a table with plates that are full": a relative clause mostly describes what is nearest.
        nearest = _nearest_noun(head) if d.chance(0.6) else described
        describing.attach_relative(d, nearest, nearest)
    elif r < 0.69:
        describing.attach_infinitive(d, described)
    elif r < 0.72:
        _attach_adjective(d, described)
    elif r < 0.74:
        places.attach_adverb(d, head)


def _describe_object(d: Draw, head: Tree) -> None:
    """ "chasing a ball thrown by its owner", "on a wall covered in snow"."""
    r = d.rng.random()
    if r < 0.5:
        describing.attach_passive(d, head)
    elif r < 0.72:
        describing.attach_active(d, head, head, depth=0)
    else:
        describing.attach_relative(d, head, head)


def _nearest_noun(head: Tree) -> Tree:
    """The last noun of a phrase that nothing follows yet, or its head."""
    at = head
    while at.right and at.right[-1][0] in ("prep", "pobj", "advmod", "conj"):
        at = at.right[-1][1]
    return at if at.tag.startswith("NN") else head


def _attach_adjective(d: Draw, head: Tree) -> None:
    """ "a glass full of water", "a bag ready for school"."""
    head.behind("amod", verbs.adjective_phrase(d))


__all__ = ["coordinate", "coordination", "follow", "name", "noun_phrase", "plain", "possessor"]
