"""Clauses and gerunds that complete a verb or preposition, quoted words, comparisons, measures."""

from __future__ import annotations

from training.parser import grammar_clauses as clauses
from training.parser import grammar_nouns as nouns
from training.parser import grammar_verbs as verbs
from training.parser.draw import Draw
from training.parser.grammar_words import COMPARATIVES, prep
from training.parser.lexicon import Verb
from training.parser.tree import Tree


def clause_after(d: Draw, tag: str, depth: int) -> Tree:
    """ "says that a dog is barking", "looks like he is asleep", "seeing what is inside"."""
    below = clauses.finite(d, subject(d), depth=0)
    r = d.rng.random()
    if r < 0.4:
        verb = d.pick("say", "show", "think", "know", "see", "hope", "indicate", "suggest", "tell")
        if d.chance(0.6):
            below.first("mark", Tree("that", "IN"))
        return Tree(Verb(verb).form(tag), tag).behind("ccomp", below)
    if r < 0.75:
        below.first("mark", Tree(d.pick("like", "as", "like"), "IN"))
        if below.left[0][1].word == "as":
            below.left.insert(1, ("mark", Tree(d.pick("if", "though"), "IN")))
        return Tree(Verb(d.pick("look", "seem", "act", "appear")).form(tag), tag).behind(
            "advcl", below
        )
    verb = Tree(Verb(d.pick("see", "watch", "show", "know", "wonder")).form(tag), tag)
    return verb.behind("ccomp", what_clause(d))


def what_clause(d: Draw) -> Tree:
    """ "what looks like a dog", "what is inside", "how to ride"."""
    if d.chance(0.2):
        return verbs.infinitive(d, "person").first("advmod", Tree(d.pick("how", "where"), "WRB"))
    r = d.rng.random()
    if r < 0.5:
        head = Tree(d.pick("looks", "appears", "seems"), "VBZ")
        if head.word == "looks":
            head.behind("prep", prep("like", nouns.noun_phrase(d, depth=0)))
        else:
            below = Tree("be", "VB").before("aux", Tree("to", "TO"))
            head.behind("xcomp", below.behind("attr", nouns.noun_phrase(d, depth=0)))
        return head.before("nsubj", Tree("what", "WP"))
    return clauses.finite(d, Tree("what", "WP"), depth=0)


def subject(d: Draw) -> Tree:
    """The subject of a clause inside another."""
    made = nouns.pronoun(d) if d.chance(0.4) else nouns.plain(
        d, d.pick("person", "person", "animal", "vehicle")
    )  # fmt: skip
    made.kind = made.kind or "person"
    return made


def gerund_phrase(d: Draw) -> Tree:
    """ "by jumping a fence", "after eating", "next to what looks like a dog"."""
    if d.chance(0.15):
        return Tree(d.pick("to", "of", "in", "at", "on", "with"), "IN").behind(
            "pcomp", what_clause(d)
        )
    word = d.pick("by", "for", "for", "after", "before", "without", "from", "of", "about", "in",
                  "instead of", "at", "on", "as")  # fmt: skip
    below = verbs.predicate(d, "VBG", "person", depth=0)
    if word == "instead of":
        return Tree("instead", "RB").behind("prep", Tree("of", "IN").behind("pcomp", below))
    return Tree(word, "IN").behind("pcomp", below)


def quoted(d: Draw, tag: str, depth: int) -> Tree:
    """ "reading " stop "", "saying no parking"."""
    verb = Tree(Verb(d.pick("say", "read", "say", "spell", "mean")).form(tag), tag)
    inside = quotation(d)
    if inside.tag.startswith("NN"):
        return verb.behind("dobj", inside)
    return verb.behind("ccomp", inside)


def quotation(d: Draw) -> Tree:
    """A word or short phrase, in quotation marks or not."""
    r = d.rng.random()
    if r < 0.5:
        word = d.noun(d.kind(), countable=True).forms(many=False)[-1]
        head = Tree(word.split("-")[-1], "NN")
        if d.chance(0.3):
            head = nouns.plain(d, d.kind())
        if d.chance(0.15):
            head.word = head.word.upper()
    elif r < 0.7:
        head = nouns.name(d, d.pick("brand", "person", "place", "day"))
    else:
        head = verbs.predicate(d, "VB", "person", depth=0)
    if d.chance(0.75):
        head.first("punct", Tree('"', "``")).behind("punct", Tree('"', "''"))
    return head


def named_thing(d: Draw) -> Tree:
    """ "the word " love "", "the letter A", "the number 7"."""
    head = Tree(d.pick("word", "words", "letter", "number", "name", "sign", "words"), "NN")
    head.tag = "NNS" if head.word == "words" else "NN"
    head.before("det", Tree(d.pick("the", "the", "a"), "DT"))
    if head.word == "number":
        return head.behind("appos", Tree(d.pick("7", "3", "42", "one"), "CD"))
    return head.behind("appos", quotation(d))


def comparison(d: Draw) -> Tree:
    """ "taller than a man", "as big as a house", "too small to ride", "big enough for two"."""
    other = nouns.noun_phrase(d, d.kind(), depth=0)
    r = d.rng.random()
    if r < 0.45:
        return Tree(d.of(COMPARATIVES), "JJR").behind("prep", prep("than", other))
    head = Tree(d.word("adjectives", "size").split("-")[0], "JJ")
    if r < 0.65:
        return head.before("advmod", Tree("as", "RB")).behind("prep", prep("as", other))
    if r < 0.85:
        head.before("advmod", Tree("too", "RB"))
    else:
        head.behind("advmod", Tree("enough", "RB"))
    return head.behind("xcomp", verbs.infinitive(d, "person"))


def distance(d: Draw) -> Tree:
    """ "a few feet away", "two years old": a measure before an adverb or adjective."""
    unit = Tree(d.pick("feet", "miles", "yards", "inches", "years", "blocks", "steps"), "NNS")
    if d.chance(0.3):
        unit.before("amod", Tree("few", "JJ")).first("det", Tree("a", "DT"))
    else:
        unit.before("nummod", Tree(d.pick("two", "three", "ten", "20", "five"), "CD"))
    word, tag = d.pick(("away", "RB"), ("apart", "RB"), ("high", "JJ"), ("tall", "JJ"),
                       ("long", "JJ"), ("deep", "JJ"), ("above", "RB"))  # fmt: skip
    return Tree(word, tag).before("npadvmod", unit)


def negated(d: Draw, subject_tree: Tree, many: bool, depth: int) -> Tree:
    """ "does not look", "do n't eat", "ca n't see"."""
    helper, tag = d.pick(("do" if many else "does", "VBP" if many else "VBZ"), ("can", "MD"),
                         ("did", "VBD"), ("will", "MD"))  # fmt: skip
    head = verbs.predicate(d, "VB", subject_tree.kind, depth=min(depth, 1))
    head.first("neg", Tree("n't" if d.chance(0.45) and helper != "will" else "not", "RB"))
    if head.left[0][1].word == "n't" and helper == "can":
        helper = "ca"
    return head.first("aux", Tree(helper, tag)).first("nsubj", subject_tree)
