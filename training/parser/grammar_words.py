"""Small trees: determiners, modifiers before a noun, prepositions, adverbs."""

from __future__ import annotations

from training.parser.draw import Draw
from training.parser.inflect import article
from training.parser.lexicon import Noun, listed, nouns
from training.parser.tree import Tree

NAMES_OF_MATERIALS = frozenset(listed("material_noun"))
"""Adjectives of the lists that are nouns by tag: "glass table" is a compound."""

ADJECTIVES_IN_COMPOUNDS = frozenset(listed("compound_adjective"))
PARTICIPLES_IN_COMPOUNDS = frozenset(listed("compound_participle"))

ADJECTIVES_BY_TAG = frozenset(listed("adjective_like_participle"))
"""Words that end like participles and are adjectives."""

COMPARATIVES = listed("comparative")
SUPERLATIVES = listed("superlative")
NUMBERS = listed("number")
MANY = listed("many")


def simple(word: str, tag: str) -> Tree:
    """A word alone."""
    return Tree(word, tag)


def prep(word: str, inside: Tree, *, relation: str = "pobj") -> Tree:
    """A prepositional phrase; of several words, each hangs on the one before it."""
    first, *others = [Tree(part, "IN") for part in word.split()]
    last = first
    for other in others:
        last.behind("prep", other)
        last = other
    last.behind(relation, inside)
    return first


def hyphenated(parts: list[str], tag: str) -> Tree:
    """ "snow-covered": what spaCy cuts at its hyphens, the last word the head."""
    *before, last = parts
    head = Tree(last, tag)
    for part in before:
        relation, part_tag = _hyphen_role(part, tag, last)
        head.before(relation, Tree(part, part_tag)).before("punct", Tree("-", "HYPH"))
    return head


def _hyphen_role(part: str, tag: str, last: str) -> tuple[str, str]:
    if part in ("two", "three", "four", "one", "five", "2", "3"):
        return "nummod", "CD"
    if part in ("well", "newly", "half", "so", "home", "hand", "self", "wall", "upside"):
        return ("npadvmod", "NN") if part in ("home", "hand", "self", "wall") else ("advmod", "RB")
    if part in {noun.words[0] for noun in nouns()["nature"]} | {"dust", "tree", "polka", "heart"}:
        return "npadvmod", "NN"
    if last in ("looking", "flying", "moving", "grown"):
        return ("acomp", "JJ") if last == "looking" else ("advmod", "RB")
    if part in ("u", "l", "t", "yo", "flip"):
        return ("compound" if tag.startswith("NN") else "npadvmod"), "NN"
    return "amod", "JJ"


def adjective_tree(word: str) -> tuple[str, Tree]:
    """(relation, tree) of a modifier before a noun."""
    if "-" in word:
        parts = word.split("-")
        if word == "black-and-white":
            return "amod", _black_and_white(hyphens=True)
        last = parts[-1]
        if last in ("story", "decker", "speed", "air", "size", "screen", "style", "up"):
            return "compound", hyphenated(parts, "NN")
        tag = {"covered": "VBN", "lined": "VBN", "mounted": "VBN", "dressed": "VBN",
               "capped": "VBN", "eaten": "VBN", "made": "VBN", "held": "VBN", "lit": "VBN",
               "looking": "VBG", "moving": "VBG", "flying": "VBG"}.get(last, "JJ")  # fmt: skip
        return "amod", hyphenated(parts, tag)
    if word in NAMES_OF_MATERIALS:
        return "compound", Tree(word, "NN")
    return "amod", Tree(word, "JJ")


def _black_and_white(*, hyphens: bool = False) -> Tree:
    black = Tree("black", "JJ")
    if hyphens:
        black.behind("punct", Tree("-", "HYPH"))
    black.behind("cc", Tree("and", "CC"))
    if hyphens:
        black.behind("punct", Tree("-", "HYPH"))
    return black.behind("conj", Tree("white", "JJ"))


def modifiers(d: Draw, kind: str, *, most: int = 3) -> list[tuple[str, Tree]]:
    """Zero to three modifiers before a noun, in their usual order."""
    count = d.weighted({0: 0.64, 1: 0.28, 2: 0.06, 3: 0.02})
    found = []
    for _ in range(min(count, most)):
        found.append(_modifier(d, kind))
    if len(found) > 1 and d.chance(0.15):
        found = _with_commas(found)
    # Nouns stand next to the noun they modify.
    return sorted(found, key=lambda pair: pair[0] == "compound")


def _with_commas(found: list[tuple[str, Tree]]) -> list[tuple[str, Tree]]:
    if any(relation != "amod" for relation, _ in found):
        return found
    out = []
    for place, pair in enumerate(found):
        out += [pair] if not place else [("punct", Tree(",", ",")), pair]
    return out


def _modifier(d: Draw, kind: str) -> tuple[str, Tree]:
    r = d.rng.random()
    if r < 0.012:
        years = Tree(d.pick("year", "month", "day", "foot"), "NN")
        years.before("nummod", Tree(d.pick("two", "5", "ten", "100"), "CD"))
        years.before("punct", Tree("-", "HYPH"))
        last = Tree("tall" if years.word == "foot" else "old", "JJ")
        return "amod", last.before("npadvmod", years).before("punct", Tree("-", "HYPH"))
    if r < 0.58:
        return adjective_tree(d.adjective())
    if r < 0.64:
        return adjective_tree(d.word("adjectives", "material"))
    if r < 0.72:
        word = d.word("verbs", "participle_adjective")
        return "amod", Tree(word, "JJ" if word in ADJECTIVES_BY_TAG else "VBN")
    if r < 0.76:
        return "amod", Tree(d.word("verbs", "participle_active"), "VBG")
    if r < 0.85:
        return "amod", _coordinated_adjectives(d)
    if r < 0.91:
        adjective = adjective_tree(d.word("adjectives", "state"))[1]
        return "amod", adjective.first("advmod", Tree(d.word("adverbs", "degree"), "RB"))
    if r < 0.95:
        word = d.word("verbs", "participle_adjective")
        adverb = Tree(d.word("adverbs", "degree"), "RB")
        return "amod", Tree(word, "VBN").before("advmod", adverb)
    if r < 0.98:
        return "amod", Tree(d.of(COMPARATIVES), "JJR")
    return "amod", Tree(d.word("adjectives", "color"), "JJ")


def _coordinated_adjectives(d: Draw) -> Tree:
    if d.chance(0.3):
        return _black_and_white(hyphens=d.chance(0.2))
    table = d.pick("color", "color", "color", "state", "size")
    first = Tree(_plain(d, table), "JJ")
    last = Tree(_plain(d, table), "JJ")
    if d.chance(0.15):
        middle = Tree(_plain(d, table), "JJ")
        first.behind("punct", Tree(",", ",")).behind("conj", middle)
        if d.chance(0.4):
            middle.behind("punct", Tree(",", ","))
        middle.behind("cc", Tree("and", "CC")).behind("conj", last)
        return first
    return first.behind("cc", Tree(d.pick("and", "and", "and", "or", "but"), "CC")).behind(
        "conj", last
    )


def _plain(d: Draw, table: str) -> str:
    while True:
        word = d.word("adjectives", table)
        if "-" not in word and word not in NAMES_OF_MATERIALS:
            return word


def noun_tree(noun: Noun, *, many: bool) -> Tree:
    """The noun with the words that belong to it: "stop sign", "t-shirt"."""
    *before, last = noun.forms(many=many)
    plural = (many and not noun.mass) or noun.only_plural
    tag = "NNS" if plural else "NN"
    head = hyphenated(last.split("-"), tag) if "-" in last else Tree(last, tag)
    head.many = plural
    modifier: Tree | None = None
    for word in before:
        relation, tree = _compound_part(word)
        if modifier is not None and relation == "compound":
            tree.before("compound" if modifier.tag.startswith("NN") else "amod", modifier)
        elif modifier is not None:
            head.before("compound" if modifier.tag.startswith("NN") else "amod", modifier)
        modifier = tree
    if modifier is not None:
        head.before("compound" if modifier.tag.startswith("NN") else "amod", modifier)
    return head


def _compound_part(word: str) -> tuple[str, Tree]:
    if word in ADJECTIVES_IN_COMPOUNDS:
        return "amod", Tree(word, "JJ")
    if word in PARTICIPLES_IN_COMPOUNDS:
        return "amod", Tree(word, "VBN")
    many = word in ("farmers", "sports", "glasses", "brussels", "trunks")
    return "compound", Tree(word, "NNS" if many else "NN")


def adverb(d: Draw, table: str) -> Tree:
    """An adverb; hyphenated ones are left to others."""
    while True:
        word = d.word("adverbs", table)
        if "-" not in word:
            return Tree(word, "RB")


def determiner(d: Draw, head: Tree) -> None:
    """Put an article before a singular phrase: what stands first decides between a and an."""
    first = head
    while first.left:
        first = first.left[0][1]
    word = d.weighted({"a": 0.72, "the": 0.2, "another": 0.02, "this": 0.01, "that": 0.01,
                       "each": 0.01, "one": 0.02, "no": 0.01})  # fmt: skip
    if word == "one":
        head.first("nummod", Tree("one", "CD"))
        return
    # A misspelt article occurs in captions too.
    given = article(first.word) if word == "a" and not d.chance(0.03) else word
    head.first("det", Tree(given, "DT"))
