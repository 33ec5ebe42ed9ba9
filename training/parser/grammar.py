"""Whole captions: what kinds there are, how often, and how they are written.

A caption is drawn from a random generator; equal seeds give equal captions. Labels are those of
ClearNLP as spaCy's English pipelines use them, tags those of the Penn Treebank as in OntoNotes 5.
"""

from __future__ import annotations

import random

from training.parser import grammar_clauses as clauses
from training.parser import grammar_describing as describing
from training.parser import grammar_nouns as nouns
from training.parser import grammar_places as places
from training.parser import grammar_verbs as verbs
from training.parser.draw import Draw
from training.parser.grammar_words import adjective_tree, adverb, determiner, prep
from training.parser.grammar_world import world_caption
from training.parser.lexicon import listed
from training.parser.tree import Sentence, Tree, flatten

PSEUDO = 0.15
"""Share of open-class words that do not exist, in training."""

LONGEST = 28
"""Words; longer sentences are drawn again."""


def caption(rng: random.Random, *, pseudo: float = PSEUDO) -> Sentence:
    """One caption, now and then of two sentences, with its gold tree."""
    while True:
        d = Draw(rng, pseudo if d_chance(rng, 0.8) else 0.0)
        trees = [whole(d)]
        ended = d.chance(0.55)
        if d.chance(0.05):
            ended = True
            trees.append(whole(d))
        if ended:
            for tree in trees:
                tree.behind(
                    "punct", Tree(d.pick(".", ".", ".", ".", ".", ".", ".", ".", ".", "!"), ".")
                )
        if sum(map(_size, trees)) <= LONGEST:
            break
    if d.chance(0.6):
        for tree in trees:
            _capitalize(tree)
    return flatten(*trees)


def d_chance(rng: random.Random, share: float) -> bool:
    """Yes in this share of the calls."""
    return rng.random() < share


def whole(d: Draw) -> Tree:
    """One sentence or fragment."""
    return d.weighted(
        {
            _fragment: 0.33,
            _sentence: 0.48,
            clauses.existential: 0.05,
            _image: 0.05,
            clauses.opened: 0.025,
            clauses.inverted: 0.01,
            clauses.clausal_subject: 0.008,
            _parts: 0.03,
            _prompt: 0.01,
            _this: 0.015,
            _participle: 0.01,
            world_caption: 0.05,
        }
    )(d)


def _fragment(d: Draw) -> Tree:
    kind = d.weighted({"person": 4, "animal": 2, "vehicle": 1.5, "": 3, "room": 0.6, "food": 0.8,
                       "place": 0.6, "building": 0.6})  # fmt: skip
    head = nouns.noun_phrase(d, kind, depth=2)
    if d.chance(0.04):
        head.before("advmod", adverb(d, "focus"))
        head.left = [head.left[-1], *head.left[:-1]]
    return head


def _sentence(d: Draw) -> Tree:
    kind = d.weighted({"person": 4, "animal": 2, "vehicle": 1.2, "": 3, "room": 0.3, "food": 0.6,
                       "building": 0.4})  # fmt: skip
    # A third of the subjects are described before their verb comes: "A man in a hat is ...".
    subject = nouns.noun_phrase(d, kind, depth=2 if d.chance(0.3) else d.pick(0, 1))
    if not subject.right and subject.tag.startswith("NN") and d.chance(0.08):
        describing.attach_relative(d, subject, subject)
    root = clauses.finite(d, subject, depth=1)
    if d.chance(0.05):
        other = clauses.finite(d, nouns.noun_phrase(d, d.kind(), depth=1), depth=0)
        if d.chance(0.5):
            root.behind("punct", Tree(",", ","))
        root.behind("cc", Tree(d.pick("and", "and", "but"), "CC")).behind("conj", other)
    return root


IMAGES = listed("picture")


def image_of(d: Draw, inside: Tree) -> Tree:
    """ "a black and white photo of X", "a close up of X"."""
    word = d.of(IMAGES)
    if word in ("close up", "close-up"):
        head = Tree("up", "NN").before("amod", Tree("close", "JJ"))
        if "-" in word:
            head.before("punct", Tree("-", "HYPH"))
        if d.chance(0.3):
            old, head = head, Tree(d.pick("view", "shot", "photo", "picture"), "NN")
            head.before("compound", old)
    else:
        head = Tree(word, "NN")
        if d.chance(0.4):
            head.left = nouns.modifiers(d, "tool", most=2)
    if d.chance(0.9):
        determiner(d, head)
    return head.behind("prep", prep(d.pick("of", "of", "of", "of", "with"), inside))


def _image(d: Draw) -> Tree:
    return image_of(d, nouns.noun_phrase(d, d.kind(), depth=2))


def _parts(d: Draw) -> Tree:
    """ "the front of a bus", "the side of a building with windows"."""
    head = Tree(d.of(places.WHOLES[:17]), "NN", kind="part")
    if d.chance(0.25):
        head.before(*adjective_tree(d.word("adjectives", "state")))
    head.first("det", Tree(d.pick("the", "the", "the", "a"), "DT"))
    head.behind("prep", prep("of", nouns.noun_phrase(d, d.kind(), depth=1)))
    if d.chance(0.5):
        nouns.follow(d, head)
    if d.chance(0.3):
        return clauses.finite(d, head)
    return head


def _prompt(d: Draw) -> Tree:
    """ "a photo of a cat, digital art, highly detailed"."""
    head = _image(d) if d.chance(0.4) else nouns.noun_phrase(d, d.kind(), depth=1)
    for _ in range(d.pick(1, 1, 2, 3)):
        head.behind("punct", Tree(",", ","))
        r = d.rng.random()
        if r < 0.5:
            style = Tree(d.pick("art", "painting", "style", "photo", "lighting", "render"), "NN")
            style.before(*adjective_tree(d.adjective()))
            head.behind("appos", style)
        elif r < 0.75:
            word = Tree(d.pick("detailed", "realistic", "colorful", "lit"), "JJ")
            head.behind("amod", word.before("advmod", Tree(d.word("adverbs", "degree"), "RB")))
        else:
            head.behind("appos", nouns.plain(d, d.kind()))
    return head


def _this(d: Draw) -> Tree:
    """ "This is an image of ...", "It is a ...", "Here is ..."."""
    word, tag = d.pick(("this", "DT"), ("this", "DT"), ("it", "PRP"), ("that", "DT"))
    head = Tree("is", "VBZ").before("nsubj", Tree(word, tag))
    inside = nouns.noun_phrase(d, d.kind(), depth=2, many=False)
    return head.behind("attr", image_of(d, inside) if d.chance(0.5) else inside)


def _participle(d: Draw) -> Tree:
    """ "Riding a bike down the street"."""
    return verbs.predicate(d, "VBG", "person", depth=1)


def _size(tree: Tree) -> int:
    return 1 + sum(_size(child) for _, child in [*tree.left, *tree.right])


def _capitalize(tree: Tree) -> None:
    first = tree
    while first.left:
        first = first.left[0][1]
    first.word = first.word[:1].upper() + first.word[1:]
