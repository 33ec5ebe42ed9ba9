"""What describes a noun from behind: participles, relative clauses, infinitives."""

from __future__ import annotations

from training.parser import grammar_clauses as clauses
from training.parser import grammar_nouns as nouns
from training.parser import grammar_places as places
from training.parser import grammar_verbs as verbs
from training.parser.draw import Draw
from training.parser.grammar_words import adverb, prep, simple
from training.parser.tree import Tree


def passive(d: Draw, *, depth: int = 0) -> Tree:
    """A past participle with what belongs to it: "covered in snow", "pulled by a horse"."""
    head = d.weighted(
        {
            _placed: 0.27,
            _covered: 0.17,
            _done_by: 0.15,
            _moved: 0.22,
            _made_of: 0.05,
            _dressed: 0.06,
            _painted: 0.03,
            _called: 0.02,
            _used: 0.02,
            _seen_from: 0.02,
        }
    )(d, depth)
    if d.chance(0.1):
        head.first("advmod", Tree(d.word("adverbs", "degree"), "RB"))
    if d.chance(0.12):
        phrase = places.place_phrase(d)
        head.behind(places.label_of(phrase), phrase)
    return head


def _placed(d: Draw, depth: int) -> Tree:
    head = Tree(d.verb("participle_place").form("VBN"), "VBN")
    if d.chance(0.08):
        head.behind("prt", Tree(d.pick("up", "out", "down"), "RP"))
    if d.chance(0.85):
        phrase = places.place_phrase(d, depth=depth)
        head.behind(places.label_of(phrase), phrase)
    return head


def _covered(d: Draw, depth: int) -> Tree:
    head = Tree(d.verb("participle_with").form("VBN"), "VBN")
    inside = nouns.noun_phrase(d, d.pick("food", "nature", "tool", "person", "part"), depth=depth)
    if d.chance(0.2) and not inside.right:
        nouns.coordinate(d, inside, lambda: nouns.plain(d, d.kind()))
    return head.behind("prep", prep(d.pick("with", "with", "with", "in", "in"), inside))


def _done_by(d: Draw, depth: int) -> Tree:
    head = Tree(d.verb("participle_by").form("VBN"), "VBN")
    return head.behind("agent", prep("by", nouns.noun_phrase(d, d.kind(), depth=depth)))


def _moved(d: Draw, depth: int) -> Tree:
    """ "pulled along a road by a horse", "left out in the rain", "cut up to feed the birds"."""
    verb = d.verb("transitive")
    head = Tree(verb.form("VBN"), "VBN")
    particle = verb.particle or (
        d.pick("up", "out", "down", "off", "over") if d.chance(0.08) else ""
    )
    if particle:
        head.behind("prt", Tree(particle, "RP"))
    if d.chance(0.1):
        head.behind("advmod", adverb(d, d.pick("manner", "place")))
    agent = prep("by", nouns.noun_phrase(d, d.pick("person", "animal", "vehicle"), depth=0))
    before, behind = d.weighted({(True, False): 0.18, (False, True): 0.15, (False, False): 0.67})
    if before:
        head.behind("agent", agent)
    for _ in range(d.weighted({0: 0.2, 1: 0.65, 2: 0.15})):
        phrase = places.direction(d) if d.chance(0.5) else places.place_phrase(d)
        head.behind(places.label_of(phrase), phrase)
    if behind:
        head.behind("agent", agent)
    if d.chance(0.06):
        head.behind("advcl", verbs.infinitive(d, "person"))
    elif d.chance(0.05):
        clauses.attach_subordinate(d, head)
    return head


def _made_of(d: Draw, depth: int) -> Tree:
    head = Tree(d.pick("made", "made", "built", "carved", "cut", "formed"), "VBN")
    inside = nouns.noun_phrase(d, d.pick("material", "food"), depth=0)
    return head.behind("prep", prep(d.pick("of", "out of", "from", "into"), inside))


def _dressed(d: Draw, depth: int) -> Tree:
    head = Tree(d.pick("dressed", "clad", "dressed"), "VBN")
    worn = nouns.noun_phrase(d, "clothing", depth=0)
    inside = places.noun_tree_of_color(d) if d.chance(0.2) else worn
    if d.chance(0.15):
        head.behind("prt", Tree("up", "RP"))
    return head.behind("prep", prep(d.pick("in", "in", "in", "as", "for"), inside))


def _painted(d: Draw, depth: int) -> Tree:
    head = Tree(d.pick("painted", "colored", "painted"), "VBN")
    return head.behind("oprd", Tree(d.word("adjectives", "color"), "JJ"))


def _called(d: Draw, depth: int) -> Tree:
    head = Tree(d.pick("called", "named", "titled"), "VBN")
    return head.behind("oprd", nouns.name(d, d.pick("person", "brand", "place")))


def _used(d: Draw, depth: int) -> Tree:
    head = Tree(d.pick("used", "designed", "made", "meant", "forced"), "VBN")
    return head.behind("xcomp", verbs.infinitive(d, "person"))


def _seen_from(d: Draw, depth: int) -> Tree:
    above = simple(d.pick("above", "behind"), "RB")
    head = Tree(d.pick("taken", "shot", "seen", "viewed"), "VBN")
    return head.behind("prep", Tree("from", "IN").behind("pcomp", above))


def attach_passive(d: Draw, described: Tree) -> None:
    """ "a bus parked on the street", "a horse being ridden by a boy"."""
    head = passive(d, depth=1 if d.chance(0.2) else 0)
    if d.chance(0.14):
        head.first("auxpass", Tree("being", "VBG"))
    if d.chance(0.04):
        described.behind("punct", Tree(",", ","))
    described.behind("acl", head)
    if d.chance(0.06):
        head.behind("cc", Tree("and", "CC")).behind("conj", passive(d))


def attach_relative(d: Draw, described: Tree, whole: Tree) -> None:
    """ "who is riding a horse", "that a man is holding"."""
    person = whole.kind == "person"
    word, tag = d.pick(("who", "WP") if person else ("that", "WDT"), ("that", "WDT"),
                       ("which", "WDT") if not person else ("who", "WP"))  # fmt: skip
    many = described.many
    if d.chance(0.2):
        subject = nouns.pronoun(d) if d.chance(0.3) else nouns.plain(d, "person")
        clause = clauses.finite(d, subject, objectless=True)
        if d.chance(0.6):
            clause.first("dobj", Tree("that", "WDT"))
    elif d.chance(0.05):
        clause = clauses.finite(d, nouns.plain(d, "person"), depth=0)
        clause.first("advmod", Tree("where", "WRB"))
    elif d.chance(0.06):
        owned = Tree(d.noun("body", countable=True).forms(many=False)[-1], "NN", kind="body")
        clause = clauses.finite(d, owned.before("poss", Tree("whose", "WP$")), depth=0)
    else:
        clause = clauses.finite(d, Tree(word, tag, many=many, kind=whole.kind), depth=0)
    if d.chance(0.06):
        described.behind("punct", Tree(",", ","))
    described.behind("relcl", clause)


def attach_infinitive(d: Draw, described: Tree) -> None:
    """ "a place to sit"."""
    described.behind("acl", verbs.infinitive(d, "person"))


def attach_active(d: Draw, described: Tree, whole: Tree, *, depth: int = 1) -> None:
    """ "a man riding a horse", also two participles one behind the other."""
    first = verbs.predicate(d, "VBG", whole.kind, depth=depth)
    if d.chance(0.04):
        first.first("neg", Tree("not", "RB"))
    elif d.chance(0.04):
        first.first("advmod", adverb(d, d.pick("manner", "focus", "time")))
    if d.chance(0.05):
        described.behind("punct", Tree(",", ","))
    described.behind("acl", first)
    if depth and not _holds_clause(first) and d.chance(0.3 if _is_worn_or_held(first) else 0.12):
        if d.chance(0.1):
            described.behind("punct", Tree(",", ","))
        described.behind("acl", verbs.predicate(d, "VBG", whole.kind, depth=1))


def _holds_clause(verb: Tree) -> bool:
    return any(relation in ("advcl", "conj", "ccomp", "xcomp") for relation, _ in verb.right)


def _is_worn_or_held(verb: Tree) -> bool:
    return any(relation == "dobj" for relation, _ in verb.right)
