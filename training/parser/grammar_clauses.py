"""Sentences with a finite verb, and clauses that hang on another."""

from __future__ import annotations

from training.parser import grammar_complements as complements
from training.parser import grammar_describing as describing
from training.parser import grammar_nouns as nouns
from training.parser import grammar_places as places
from training.parser import grammar_verbs as verbs
from training.parser.draw import Draw
from training.parser.grammar_words import adverb, prep
from training.parser.lexicon import Verb
from training.parser.tree import Tree


def finite(d: Draw, subject: Tree, *, depth: int = 1, objectless: bool = False) -> Tree:
    """A clause about a subject.

    Parameters
    ----------
    objectless
        The object stands elsewhere: "the ball [that] a boy is kicking".
    """
    many = subject.many
    if objectless:
        verb = d.verb("transitive")
        if d.chance(0.35):
            tag = d.pick("VBP" if many else "VBZ", "VBP" if many else "VBZ", "VBD")
            return Tree(verb.form(tag), tag).before("nsubj", subject)
        head = Tree(verb.form("VBG"), "VBG")
        return _auxiliaries(d, head, subject, many)
    made = d.weighted(
        {
            _progressive: 0.36,
            _simple: 0.5,
            _passive: 0.22,
            _copula: 0.2,
            _has: 0.04,
            _modal: 0.05,
            _past: 0.03,
            _perfect: 0.05,
            complements.negated: 0.02,
        }
    )
    return made(d, subject, many, depth)


def _auxiliaries(
    d: Draw, head: Tree, subject: Tree, many: bool, *, relation: str = "nsubj"
) -> Tree:
    """Subject, "is", and now and then "not" or an adverb, before a participle."""
    word, tag = ("are", "VBP") if many else ("is", "VBZ")
    if d.chance(0.04):
        word, tag = ("were", "VBD") if many else ("was", "VBD")
    if not many and subject.tag in ("PRP", "WP", "EX") and d.chance(0.15):
        word, tag = "'s", "VBZ"
    before: list[tuple[str, Tree]] = [(relation, subject)]
    before.append(("aux" if relation == "nsubj" else "auxpass", Tree(word, tag)))
    r = d.rng.random()
    if r < 0.05:
        before.append(("neg", Tree(d.pick("not", "not", "n't"), "RB")))
    elif r < 0.1:
        before.append(("advmod", adverb(d, d.pick("manner", "time", "focus"))))
    head.left = [*before, *head.left]
    return head


def _progressive(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    head = verbs.predicate(d, "VBG", subject.kind, depth=depth)
    if depth and d.chance(0.06) and not any(r in ("conj", "advcl") for r, _ in head.right):
        head.behind("advcl", verbs.predicate(d, "VBG", subject.kind, depth=0))
    return _auxiliaries(d, head, subject, many)


def _simple(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    head = verbs.predicate(d, "VBP" if many else "VBZ", subject.kind, depth=depth)
    if d.chance(0.05):
        head.first("advmod", adverb(d, d.pick("manner", "focus", "time")))
    return head.first("nsubj", subject)


def _past(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    return verbs.predicate(d, "VBD", subject.kind, depth=depth).first("nsubj", subject)


def _passive(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    head = describing.passive(d, depth=min(depth, 1))
    if d.chance(0.25):
        head.first("auxpass", Tree("being", "VBG"))
        word = ("are", "VBP") if many else ("is", "VBZ")
        return head.first("aux", Tree(*word)).first("nsubjpass", subject)
    if depth and d.chance(0.06):
        head.behind("cc", Tree("and", "CC")).behind("conj", describing.passive(d))
    return _auxiliaries(d, head, subject, many, relation="nsubjpass")


def _modal(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    modal = Tree(d.pick("can", "can", "could", "will", "may", "might", "must", "should"), "MD")
    if d.chance(0.5):
        head = Tree(d.pick("seen", "seen", "found", "shown"), "VBN")
        phrase = places.place_phrase(d)
        head.behind(places.label_of(phrase), phrase)
        head.before("nsubjpass", subject).before("aux", modal)
        return head.before("auxpass", Tree("be", "VB"))
    head = verbs.predicate(d, "VB", subject.kind, depth=depth)
    return head.first("aux", modal).first("nsubj", subject)


def _perfect(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    has = Tree("have", "VBP") if many else Tree("has", "VBZ")
    if d.chance(0.6):
        head = describing.passive(d).first("auxpass", Tree("been", "VBN")).first("aux", has)
        return head.first("nsubjpass", subject)
    head = Tree(d.verb("transitive").form("VBN"), "VBN")
    head.behind("dobj", nouns.noun_phrase(d, depth=0))
    if d.chance(0.4):
        phrase = places.place_phrase(d)
        head.behind(places.label_of(phrase), phrase)
    if d.chance(0.3):
        head.first("advmod", adverb(d, "time"))
    return head.first("aux", has).first("nsubj", subject)


def _has(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    head = Tree("have", "VBP") if many else Tree("has", "VBZ")
    kind = d.pick("body", "clothing", "part", "food", "furniture", "person")
    inside = nouns.noun_phrase(d, kind, depth=1)
    if d.chance(0.4) and not inside.right:
        place = places.place_phrase(d)
        if d.chance(0.5):
            inside.behind(places.label_of(place), place)
        else:
            head.behind("dobj", inside).behind(places.label_of(place), place)
            return head.first("nsubj", subject)
    return head.behind("dobj", inside).first("nsubj", subject)


def be(d: Draw, many: bool) -> Tree:
    """The copula."""
    if d.chance(0.04):
        return Tree("were" if many else "was", "VBD")
    return Tree("are", "VBP") if many else Tree("is", "VBZ")


def _copula(d: Draw, subject: Tree, many: bool, depth: int) -> Tree:
    head = be(d, many).before("nsubj", subject)
    r = d.rng.random()
    if d.chance(0.05):
        head.behind("neg", Tree(d.pick("not", "n't"), "RB"))
    elif d.chance(0.05):
        head.behind("advmod", adverb(d, d.pick("focus", "time")))
    if r < 0.45:
        phrase = places.place_phrase(d, depth=1)
        head.behind(places.label_of(phrase), phrase)
        if d.chance(0.1):
            also = places.place_phrase(d)
            head.behind(places.label_of(also), also)
    elif r < 0.75:
        head.behind("acomp", verbs.adjective_phrase(d))
    elif r < 0.93:
        head.behind("attr", nouns.noun_phrase(d, subject.kind or d.kind(), depth=1))
    else:
        head.behind("advmod", adverb(d, "place"))
    if depth and d.chance(0.06):
        attach_subordinate(d, head)
    return head


def existential(d: Draw) -> Tree:
    """ "There is a man riding a horse"."""
    thing = nouns.noun_phrase(d, d.kind(), depth=2)
    word = be(d, thing.many) if not d.chance(0.08) else Tree("'s", "VBZ")
    head = word.before("expl", Tree("there", "EX")).behind("attr", thing)
    if d.chance(0.15):
        phrase = places.place_phrase(d)
        head.behind(places.label_of(phrase), phrase)
    return head


def attach_subordinate(d: Draw, head: Tree) -> None:
    """ "while people watch", "as he rides", "so he can eat"."""
    word = d.pick("while", "while", "as", "as", "as", "while", "because", "so", "before",
                  "after", "if", "although", "until", "since", "when", "though", "where",
                  "once")  # fmt: skip
    subject = (
        nouns.pronoun(d) if d.chance(0.3) else nouns.plain(d, d.pick("person", "animal", "vehicle"))
    )
    subject.kind = subject.kind or "person"
    clause = finite(d, subject, depth=0)
    wh = word in ("when", "where")
    clause.first("advmod" if wh else "mark", Tree(word, "WRB" if wh else "IN"))
    if word == "so" and d.chance(0.4):
        clause.left.insert(1, ("mark", Tree("that", "IN")))
    elif word == "though" and d.chance(0.6):
        clause.left[0][1].before("advmod", Tree("even", "RB"))
    if d.chance(0.12):
        head.behind("punct", Tree(",", ","))
    head.behind("advcl", clause)


def measure(d: Draw) -> Tree:
    """ "one day", "this morning", "a few feet", "side by side"."""
    r = d.rng.random()
    if r < 0.3:
        return Tree("side", "NN").behind("prep", prep("by", Tree("side", "NN")))
    if r < 0.4:
        return Tree("hand", "NN").behind("prep", prep("in", Tree("hand", "NN")))
    if r < 0.7:
        day = Tree(d.pick("day", "morning", "night", "afternoon", "time"), "NN")
        return day.before("det", Tree(d.pick("one", "this", "that", "each", "a"), "DT"))
    feet = Tree(d.pick("feet", "miles", "inches", "yards", "times"), "NNS")
    return feet.before("nummod", Tree(d.pick("two", "ten", "three"), "CD"))


def clausal_subject(d: Draw) -> Tree:
    """ "What looks like a dog is on a bed", "Riding a bike is fun"."""
    subject = complements.what_clause(d)
    if d.chance(0.4):
        subject = verbs.predicate(d, "VBG", "person", depth=0)
    root = finite(d, Tree("it", "PRP", kind="animal"), depth=0)
    root.left = [
        ("csubjpass" if r == "nsubjpass" else "csubj", subject) if t.word == "it" else (r, t)
        for r, t in root.left
    ]
    return root


def opened(d: Draw) -> Tree:
    """ "In the park, a man rides a bike", "While eating, ..."."""
    root = finite(d, nouns.noun_phrase(d, d.pick("person", "animal", "vehicle"), depth=1))
    root.first("punct", Tree(",", ","))
    r = d.rng.random()
    if r < 0.65:
        phrase = places.place_phrase(d, depth=1)
        if d.chance(0.2):
            phrase = places.time_phrase(d)
        return root.first(places.label_of(phrase), phrase)
    if r < 0.9:
        return _opened_by_clause(d, root)
    return root.first("advmod", adverb(d, d.pick("manner", "place", "time")))


def _opened_by_clause(d: Draw, root: Tree) -> Tree:
    if d.chance(0.3):
        return root.first("prep", complements.gerund_phrase(d))
    if d.chance(0.5):
        clause = finite(d, complements.subject(d), depth=0)
        return root.first("advcl", clause.first("mark", Tree(d.pick("as", "while", "if"), "IN")))
    clause = verbs.predicate(d, "VBG", "person", depth=0)
    if d.chance(0.5):
        clause.first("mark", Tree("while", "IN"))
    return root.first("advcl", clause)


def inverted(d: Draw) -> Tree:
    """ "On the table is a plate", "Behind him stands a horse"."""
    thing = nouns.noun_phrase(d, d.kind(), depth=1)
    head = be(d, thing.many)
    if d.chance(0.5):
        head = Tree(
            Verb(d.pick("sit", "stand", "lie", "hang")).form("VBP" if thing.many else "VBZ"),
            head.tag,
        )
        head.tag = "VBP" if thing.many else "VBZ"
    phrase = places.place_phrase(d)
    return head.before(places.label_of(phrase), phrase).behind("nsubj", thing)
