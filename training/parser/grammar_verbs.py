"""Verbs with what belongs to them: places, objects, particles, infinitives, further clauses."""

from __future__ import annotations

from training.parser import grammar_clauses as clauses
from training.parser import grammar_complements as complements
from training.parser import grammar_describing as describing
from training.parser import grammar_nouns as nouns
from training.parser import grammar_places as places
from training.parser.draw import Draw
from training.parser.grammar_words import adjective_tree, adverb, prep
from training.parser.lexicon import Verb
from training.parser.lexicon import verbs as listed_verbs
from training.parser.tree import Tree

OBJECTS = {
    "eat": {"food": 1.0},
    "drink": {"drink": 1.0},
    "cook": {"food": 1.0},
    "ride": {"vehicle": 3.0, "animal": 1.0, "sport": 0.5, "nature": 0.3},
    "hold": {"tool": 2.0, "sport": 1.5, "food": 1.5, "container": 1.5, "animal": 0.7, "toy": 1.0,
             "appliance": 1.0, "utensil": 1.0, "person": 0.4, "instrument": 0.5,
             "nature": 0.5},
    "wear": {"clothing": 1.0},
}  # fmt: skip


def predicate(d: Draw, tag: str, kind: str, *, depth: int = 1) -> Tree:
    """A verb in the form of a tag with its complements, said of a class of things.

    Parameters
    ----------
    tag
        VB, VBZ, VBP, VBD or VBG. VBN is `passive`.
    kind
        Class of the subject: people wear and cook, animals graze.
    depth
        0 where nothing else may be hung behind.
    """
    alive = kind in ("person", "animal")
    head = d.weighted(
        {
            _posture: 2.6 if alive else 3.2,
            _motion: 1.6,
            _intransitive: 0.9 if alive else 0.4,
            _transitive: 3.0 if alive else 1.0,
            _hold: 2.0 if kind == "person" else 0.3,
            _wear: 1.7 if kind == "person" else 0.3,
            _ride: 1.3 if kind == "person" else 0.1,
            _eat: 0.9 if alive else 0.05,
            _cook: 0.35 if kind == "person" else 0.0,
            _look: 0.9 if alive else 0.15,
            _phrasal: 0.9 if alive else 0.2,
            _give: 0.6 if kind == "person" else 0.02,
            _infinitive: 0.5 if alive else 0.1,
            _ready: 0.3 if alive else 0.05,
            _gerund: 0.12 if alive else 0.0,
            _watch: 0.5 if alive else 0.0,
            _become: 0.2,
            _have: 0.25,
            _call: 0.12,
            complements.clause_after: 0.25,
            complements.quoted: 0.01 if alive else 0.06,
        }
    )(d, tag, depth)
    _extras(d, head, depth=depth)
    return head


def _leaf(verb: Verb, tag: str) -> Tree:
    head = Tree(verb.form(tag), tag)
    if verb.particle:
        head.behind("prt", Tree(verb.particle, "RP"))
    return head


def _posture(d: Draw, tag: str, depth: int) -> Tree:
    head = _leaf(d.verb("posture"), tag)
    if d.chance(0.12):
        head.behind("advmod", adverb(d, d.pick("manner", "place")))
    elif d.chance(0.05):
        head.behind("acomp", Tree(d.pick("still", "tall", "open", "alone", "ready", "idle"), "JJ"))
    for _ in range(d.weighted({0: 0.1, 1: 0.7, 2: 0.2})):
        phrase = places.place_phrase(d, depth=min(depth, 1))
        head.behind(places.label_of(phrase), phrase)
    if depth and d.chance(0.05 if tag == "VBG" else 0.13):
        also(d, head, tag="VBG")
    return head


def _motion(d: Draw, tag: str, depth: int) -> Tree:
    head = _leaf(d.verb("motion"), tag)
    if d.chance(0.1):
        head.behind("advmod", adverb(d, d.pick("manner", "place")))
    for _ in range(d.weighted({0: 0.12, 1: 0.72, 2: 0.16})):
        phrase = places.direction(d, depth=min(depth, 1))
        head.behind(places.label_of(phrase), phrase)
    if depth and d.chance(0.06):
        also(d, head, tag="VBG")
    return head


def _intransitive(d: Draw, tag: str, depth: int) -> Tree:
    head = _leaf(d.verb("intransitive"), tag)
    r = d.rng.random()
    if r < 0.25:
        head.behind("advmod", adverb(d, d.pick("manner", "place")))
    elif r < 0.5:
        word = d.pick("with", "for", "to", "on", "at", "by", "from", "about")
        head.behind("prep", prep(word, nouns.noun_phrase(d, depth=0)))
    elif r < 0.55:
        head.behind("prep", prep("with", _each_other()))
    return head


def _each_other() -> Tree:
    return Tree("other", "JJ").before("det", Tree("each", "DT"))


def _object(d: Draw, kinds: dict[str, float] | None, depth: int) -> Tree:
    if d.chance(0.05):
        word = d.pick("it", "them", "him", "her", "himself", "herself", "something", "itself",
                      "themselves", "someone", "one another", "each other")  # fmt: skip
        if word == "each other":
            return _each_other()
        if word == "one another":
            return Tree("another", "DT").before("det", Tree("one", "CD"))
        return Tree(word, "NN" if word.endswith(("thing", "one")) else "PRP")
    kind = d.weighted(kinds) if kinds else d.kind()
    return nouns.noun_phrase(d, kind, depth=min(depth, 1))


def _transitive(d: Draw, tag: str, depth: int) -> Tree:
    return _leaf(d.verb("transitive"), tag).behind("dobj", _object(d, None, depth))


def _hold(d: Draw, tag: str, depth: int) -> Tree:
    head = _leaf(d.verb("hold"), tag).behind("dobj", _object(d, OBJECTS["hold"], depth))
    if d.chance(0.15):
        inside = nouns.plain(d, "body")
        head.behind("prep", prep(d.pick("in", "with", "over", "to", "on", "up"), inside))
    return head


def _wear(d: Draw, tag: str, depth: int) -> Tree:
    head = _leaf(Verb("wear") if d.chance(0.75) else d.verb("wear"), tag)
    inside = nouns.plain(d, "clothing")
    if d.chance(0.4):
        nouns.coordinate(d, inside, lambda: nouns.plain(d, "clothing"))
    return head.behind("dobj", inside)


def _ride(d: Draw, tag: str, depth: int) -> Tree:
    head = _leaf(Verb("ride") if d.chance(0.5) else d.verb("ride"), tag)
    head.behind("dobj", _object(d, OBJECTS["ride"], 0))
    if d.chance(0.6):
        phrase = places.direction(d, depth=min(depth, 1))
        head.behind(places.label_of(phrase), phrase)
    return head


def _eat(d: Draw, tag: str, depth: int) -> Tree:
    kind = d.pick("eat", "eat", "eat", "drink")
    inside = _object(d, OBJECTS[kind], min(depth, 1))
    head = _leaf(d.verb(kind), tag).behind("dobj", inside)
    if d.chance(0.12):
        source = d.pick("off of", "out of", "from", "off", "with")
        head.behind("prep", prep(source, nouns.plain(d, d.pick("container", "utensil"))))
    return head


def _cook(d: Draw, tag: str, depth: int) -> Tree:
    return _leaf(d.verb("cook"), tag).behind("dobj", _object(d, OBJECTS["cook"], depth))


def _look(d: Draw, tag: str, depth: int) -> Tree:
    about = d.chance(0.15)
    head = _leaf(d.verb("about" if about else "look"), tag)
    if not about and d.chance(0.15):
        where = Tree(d.pick("out", "up", "down", "back", "over"), "RP")
        head.behind("prt", where)
    if d.chance(0.08):
        head.behind("advmod", adverb(d, "manner"))
    words = d.pick("on", "to", "with", "about", "on") if about else d.weighted(
        {"at": 5, "out of": 0.6, "into": 0.8, "through": 0.4, "over": 0.4, "for": 0.3,
         "from": 0.3, "toward": 0.3, "off into": 0.1, "around": 0.2, "up at": 0.2})  # fmt: skip
    if d.chance(0.93):
        inside = Tree("camera", "NN").before("det", Tree("the", "DT"))
        if not d.chance(0.12):
            inside = _object(d, None, depth)
        if words in ("off into", "up at"):
            first, second = words.split()
            head.behind("prep", prep(second, inside).before("advmod", Tree(first, "RB")))
        else:
            head.behind("prep", prep(words, inside))
    return head


def _phrasal(d: Draw, tag: str, depth: int) -> Tree:
    if d.chance(0.2):
        verb = Verb(d.verb("transitive").base, d.pick("up", "on", "out", "down", "off", "over"))
    else:
        verb = d.of([verb for verb in listed_verbs()["transitive"] if verb.particle])
    inside = _object(d, None, depth)
    short = not inside.right
    if short and d.chance(0.3):
        head = Tree(verb.form(tag), tag).behind("dobj", inside)
        return head.behind("prt", Tree(verb.particle, "RP"))
    return _leaf(verb, tag).behind("dobj", inside)


def _give(d: Draw, tag: str, depth: int) -> Tree:
    head = Tree(d.verb("give").form(tag), tag)
    thing = nouns.plain(d, d.pick("food", "tool", "toy", "container"))
    receiver = nouns.plain(d, d.pick("person", "person", "animal"))
    if d.chance(0.5):
        return head.behind("dative", receiver).behind("dobj", thing)
    return head.behind("dobj", thing).behind("dative", prep("to", receiver))


def infinitive(d: Draw, kind: str, *, depth: int = 0) -> Tree:
    """ "to catch a ball"."""
    return predicate(d, "VB", kind, depth=depth).first("aux", Tree("to", "TO"))


def _infinitive(d: Draw, tag: str, depth: int) -> Tree:
    head = Tree(d.verb("infinitive").form(tag), tag)
    return head.behind("xcomp", infinitive(d, "person", depth=depth))


def _ready(d: Draw, tag: str, depth: int) -> Tree:
    if d.chance(0.5):
        head = Tree(Verb("get").form(tag), tag)
    else:
        head = Tree(Verb(d.pick("stand", "look", "wait", "seem", "appear")).form(tag), tag)
    ready = Tree(d.word("adjectives", "ready"), "JJ")
    if d.chance(0.8):
        ready.behind("xcomp", infinitive(d, "person", depth=depth))
    else:
        ready.behind("prep", prep("for", nouns.noun_phrase(d, "event", depth=0)))
    return head.behind("acomp", ready)


def _gerund(d: Draw, tag: str, depth: int) -> Tree:
    head = Tree(d.verb("gerund").form(tag), tag)
    return head.behind("xcomp", predicate(d, "VBG", "person", depth=0))


def _watch(d: Draw, tag: str, depth: int) -> Tree:
    inside = nouns.plain(d, d.pick("person", "animal", "vehicle"))
    if d.chance(0.5):
        verb = d.pick("watch", "help", "make", "let", "see", "watch")
        below = predicate(d, "VB", "person", depth=0).first("nsubj", inside)
        return Tree(Verb(verb).form(tag), tag).behind("ccomp", below)
    if d.chance(0.7):
        below = predicate(d, "VBG", "person", depth=0).first("nsubj", inside)
        return Tree(Verb(d.pick("watch", "see", "have", "watch")).form(tag), tag).behind(
            "ccomp", below
        )
    describing.attach_active(d, inside, inside, depth=0)
    return Tree(Verb(d.pick("watch", "watch", "see", "photograph")).form(tag), tag).behind(
        "dobj", inside
    )


def _become(d: Draw, tag: str, depth: int) -> Tree:
    head = Tree(
        Verb(d.pick("look", "get", "appear", "seem", "feel", "stay", "turn")).form(tag), tag
    )
    if d.chance(0.3):
        return head.behind("prep", prep("like", nouns.noun_phrase(d, depth=0)))
    return head.behind("acomp", adjective_phrase(d))


def _have(d: Draw, tag: str, depth: int) -> Tree:
    kind = d.pick("body", "clothing", "food", "part", "event")
    return Tree(Verb("have").form(tag), tag).behind("dobj", _object(d, {kind: 1.0}, depth))


def _call(d: Draw, tag: str, depth: int) -> Tree:
    verb, result = d.pick(("paint", "color"), ("make", "state"))
    head = Tree(Verb(verb).form(tag), tag).behind("dobj", nouns.plain(d, d.kind()))
    return head.behind("oprd", Tree(d.word("adjectives", result).split("-")[0], "JJ"))


def adjective_phrase(d: Draw) -> Tree:
    """An adjective that stands by itself, with what belongs to it: "full of people"."""
    if d.chance(0.12):
        return complements.comparison(d)
    r = d.rng.random()
    if r < 0.5:
        relation, head = adjective_tree(d.adjective())
        if d.chance(0.3):
            head.first("advmod", Tree(d.word("adverbs", "degree"), "RB"))
        if relation == "amod" and d.chance(0.15):
            other = adjective_tree(d.adjective())[1]
            head.behind("cc", Tree(d.pick("and", "and", "but"), "CC")).behind("conj", other)
        return head
    if r < 0.6:
        ready = Tree(d.word("adjectives", "ready"), "JJ")
        return ready.behind("xcomp", infinitive(d, "person"))
    if r < 0.64:
        years = Tree("feet", "NNS").before("nummod", Tree(d.pick("two", "ten", "3"), "CD"))
        return Tree(d.pick("tall", "high", "long", "wide", "old", "deep"), "JJ").before(
            "npadvmod", years
        )
    word = d.pick("of", "of", "of", "with", "from", "for")
    table = {"of": "with_of", "with": "pred", "from": "with_from", "for": "with_for"}[word]
    head = Tree(
        "full" if table == "with_of" and d.chance(0.6) else d.word("adjectives", table), "JJ"
    )
    return head.behind("prep", prep(word, nouns.noun_phrase(d, depth=0)))


def _extras(d: Draw, head: Tree, *, depth: int) -> None:
    """Places, times, clauses and a second verb behind what belongs to the verb."""
    placed = any(relation in ("prep", "advmod", "acomp") for relation, _ in head.right)
    if d.chance(0.12 if placed else 0.4):
        phrase = places.place_phrase(d, depth=min(depth, 1))
        head.behind(places.label_of(phrase), phrase)
    if d.chance(0.05):
        phrase = prep("with", nouns.noun_phrase(d, d.kind(), depth=0))
        head.behind("prep", phrase)
    if d.chance(0.04):
        head.behind("prep", places.time_phrase(d))
    if d.chance(0.03):
        head.behind("advmod", adverb(d, d.pick("manner", "place", "time")))
    if d.chance(0.03):
        head.behind("npadvmod", clauses.measure(d))
    elif d.chance(0.012):
        head.behind("advmod", complements.distance(d))
    elif d.chance(0.025):
        head.behind("prep", complements.gerund_phrase(d))
    if not depth:
        return
    r = d.rng.random()
    if r < 0.08:
        clauses.attach_subordinate(d, head)
    elif r < 0.14:
        also(d, head, tag=head.tag)
    elif r < 0.165:
        head.behind("advcl", infinitive(d, "person"))
    elif r < 0.195:
        head.behind("punct", Tree(",", ",")) if d.chance(0.5) else None
        head.behind("advcl", predicate(d, "VBG", "person", depth=0))


def also(d: Draw, head: Tree, *, tag: str) -> None:
    """A second verb: "and eats", "while eating", "eating"."""
    if tag == head.tag:
        if d.chance(0.06):
            head.behind("punct", Tree(",", ","))
        head.behind("cc", Tree(d.pick("and", "and", "and", "or", "but", "and"), "CC"))
        second = predicate(d, tag, "person", depth=0)
        head.behind("conj", _leaf(d.verb("intransitive"), tag) if d.chance(0.15) else second)
        return
    other = predicate(d, "VBG", "person", depth=0)
    r = d.rng.random()
    if r < 0.35:
        other.first("mark", Tree("while", "IN"))
    elif r < 0.4:
        other.first("advmod", Tree("when", "WRB"))
    elif r < 0.5:
        head.behind("punct", Tree(",", ","))
    head.behind("advcl", other)
