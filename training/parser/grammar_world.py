"""The shipped model's own captions with trees: the wordings of `daam_nb.menagerie.captions`."""

from __future__ import annotations

from daam_nb.menagerie import BACKGROUNDS, COLORS, NOUNS, RELATIONS, SIZES
from training.parser import grammar_places as places
from training.parser.draw import Draw
from training.parser.grammar_words import prep
from training.parser.tree import Tree

NAMES = [(noun.name, noun.plural, noun.hypernym) for noun in NOUNS]


def world_caption(d: Draw) -> Tree:
    """A caption of the menagerie's world: one object, two in relation, a count, or three."""
    r = d.rng.random()
    head = (
        _single(d) if r < 0.35 else _pair(d) if r < 0.75 else _count(d) if r < 0.87 else _triple(d)
    )
    if d.chance(0.6):
        phrase = _background(d)
        target = head
        if d.chance(0.12):
            head.first("punct", Tree(",", ","))
            head.first("prep", phrase)
        else:
            target.behind("prep", phrase)
    return head


def _thing(d: Draw, *, many: bool = False, article: bool = True, plain: bool = False) -> Tree:
    name, plural, hypernym = d.of(NAMES)
    words = hypernym.split() if d.chance(0.08) and not many else [plural if many else name]
    head = Tree(words[-1], "NNS" if many else "NN", many=many)
    if words[:-1] == ["wild"]:
        head.before("amod", Tree("wild", "JJ"))
    elif words[:-1]:
        head.before("compound", Tree(words[0], "NN"))
    if d.chance(0.5) and not plain:
        head.first("amod", Tree(d.of(tuple(COLORS)), "JJ"))
    if d.chance(0.3):
        head.first("amod", Tree(d.of([w for ws in SIZES.values() for w in ws]), "JJ"))
    if article and d.chance(0.12):
        head.first("det", Tree("the", "DT"))
    elif article:
        first = head.left[0][1].word if head.left else head.word
        head.first("det", Tree("an" if first[0] in "aeiou" else "a", "DT"))
    return head


def _background(d: Draw) -> Tree:
    words = d.of(tuple(BACKGROUNDS.values())).split()
    if words == ["at", "night"]:
        return prep("at", Tree("night", "NN"))
    inside = Tree(words[-1], "NN")
    if words[-2] in ("the", "a"):
        inside.before("det", Tree(words[-2], "DT"))
    else:
        inside.before("det", Tree("a", "DT"))
        relation = "compound" if words[-2] == "brick" else "amod"
        inside.before(relation, Tree(words[-2], "NN" if relation == "compound" else "JJ"))
    if words[:3] == ["in", "front", "of"]:
        return places.relation(d, "in front of", inside)
    return prep(words[0], inside)


def _opening(d: Draw, thing: Tree, *, verb: str = "is") -> Tree:
    r = d.rng.random()
    if r < 0.12:
        word = d.pick("picture", "photo", "image")
        head = Tree(word, "NN").before("det", Tree("an" if word == "image" else "a", "DT"))
        return head.behind("prep", prep("of", thing))
    if r < 0.22:
        head = Tree(verb, "VBZ" if verb == "is" else "VBP").before("expl", Tree("there", "EX"))
        return head.behind("attr", thing)
    return thing


def _shown(d: Draw, thing: Tree) -> Tree:
    r = d.rng.random()
    if r < 0.45:
        return Tree("is", "VBZ").before("nsubj", thing)
    head = Tree(d.pick("seen", "shown", "placed"), "VBN").before("nsubjpass", thing)
    if r < 0.6:
        head.word = "seen"
        return head.before("aux", Tree("can", "MD")).before("auxpass", Tree("be", "VB"))
    return head.before("auxpass", Tree("is", "VBZ"))


def _single(d: Draw) -> Tree:
    r = d.rng.random()
    color = Tree(d.of(tuple(COLORS)), "JJ")
    if r < 0.1:
        clause = Tree("is", "VBZ").before("nsubj", Tree("that", "WDT")).behind("acomp", color)
        return _thing(d, plain=True).behind("relcl", clause)
    if r < 0.2:
        head = Tree("is", "VBZ").before("nsubj", _thing(d, plain=True))
        return head.behind("acomp", color)
    if r < 0.8:
        return _opening(d, _thing(d))
    return _shown(d, _thing(d))


def _pair(d: Draw) -> Tree:
    words = d.of([w for name, ws in RELATIONS.items() if name != "and" for w in ws])
    other = _thing(d)
    if d.chance(0.25):
        first = _thing(d)
        if d.chance(0.75):
            first.behind("cc", Tree("and", "CC")).behind("conj", other)
            return _opening(d, first, verb="are")
        if d.chance(0.5):
            return first.behind("prep", prep("with", other))
        verb = Tree(d.pick("joined", "accompanied"), "VBN").before("nsubjpass", first)
        return verb.before("auxpass", Tree("is", "VBZ")).behind("agent", prep("by", other))
    phrase = places.relation(d, words, other)
    if d.chance(0.55):
        thing = _thing(d)
        thing.behind(places.label_of(phrase), phrase)
        return _opening(d, thing)
    head = _shown(d, _thing(d))
    return head.behind(places.label_of(phrase), phrase)


def _count(d: Draw) -> Tree:
    thing = _thing(d, many=True, article=False)
    thing.first("nummod", Tree(d.pick("two", "three"), "CD"))
    return _opening(d, thing, verb="are")


def _triple(d: Draw) -> Tree:
    first, second, third = _thing(d), _thing(d), _thing(d)
    second.behind("cc", Tree("and", "CC")).behind("conj", third)
    first.behind("punct", Tree(",", ",")).behind("conj", second)
    return _opening(d, first, verb="are")
