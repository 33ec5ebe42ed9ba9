"""ClearNLP's dependencies, as spaCy's English pipelines give them -> the paper's names.

The paper's relations are CoreNLP's enhanced Universal Dependencies: prepositions hang on their
noun, whose arc carries their name (`nmod:of`), a copula hangs on its predicate, all conjuncts on
the first. So heads change with the names; every word keeps exactly one arc. The arcs that the
enhanced graph has in addition (subjects of relative clauses, dependents shared by conjuncts) are
not made.
"""

from __future__ import annotations

from itertools import pairwise

from daam_nb.errors import ParseError
from daam_nb.language import Arc, Parse, ParsedWord
from daam_nb.language.parse import ROOT

LABELS = {
    "acomp": "xcomp",
    "attr": "xcomp",
    "auxpass": "aux:pass",
    "csubjpass": "csubj:pass",
    "dative": "iobj",
    "dobj": "obj",
    "infmod": "acl",
    "intj": "discourse",
    "meta": "dep",
    "neg": "advmod",
    "nmod": "compound",
    "nn": "compound",
    "npadvmod": "obl:npmod",
    "nsubjpass": "nsubj:pass",
    "num": "nummod",
    "number": "compound",
    "oprd": "xcomp",
    "partmod": "acl",
    "poss": "nmod:poss",
    "possessive": "case",
    "preconj": "cc:preconj",
    "predet": "det:predet",
    "prt": "compound:prt",
    "quantmod": "advmod",
    "rcmod": "acl:relcl",
    "relcl": "acl:relcl",
}
"""What is a change of name alone; a relation that stands nowhere here keeps its own."""

UNIVERSAL = frozenset(
    {
        *("obj", "obl", "cop", "fixed", "flat", "nsubj:pass", "csubj:pass", "aux:pass"),
        *("acl:relcl", "nmod:poss", "obl:agent", "compound:prt"),
    }
)
"""Labels that Universal Dependencies has and ClearNLP's scheme has not."""

FIXED = frozenset({("such", "as"), ("instead", "of"), ("next", "to")})
"""Two words that are read as one preposition although the first is none."""

TIMES = frozenset(
    {
        *("morning", "noon", "afternoon", "evening", "night", "day", "week", "month", "year"),
        *("hour", "minute", "moment", "time", "today", "tonight", "tomorrow", "yesterday"),
        *("weekend", "spring", "summer", "autumn", "fall", "winter", "monday", "tuesday"),
        *("wednesday", "thursday", "friday", "saturday", "sunday", "christmas"),
    }
)
"""Nouns that say when: "this morning" is `obl:tmod`, "two feet tall" `obl:npmod`."""

_PLACES = frozenset({"here", "there", "outside", "inside", "outdoors", "indoors", "upstairs"})

_BE = frozenset({"be", "am", "is", "are", "was", "were", "been", "being", "'s", "’s", "'re"})
_NOMINAL = frozenset({"NOUN", "PROPN", "PRON", "NUM", "DET", "SYM"})
_NOMINAL_TAGS = ("NN", "PRP", "CD", "DT", "WP", "EX")
_VERBAL = frozenset({"VERB", "AUX"})
_SAME_CONJUNCTION = {"&": "and", "'n'": "and", "n'": "and", "as well as": "and"}


def paper_arcs(parse: Parse) -> tuple[Arc, ...]:
    """Translate a parse into the paper's relations.

    Parameters
    ----------
    parse
        In ClearNLP's labels (every English pipeline of spaCy, the shipped caption parser).

    Returns
    -------
    tuple of Arc
        In the order of the dependents, one for each word but the roots. Relative clauses are
        `acl:relcl` here; `printed` gives the row of the paper's table that a relation belongs to.

    Raises
    ------
    ParseError
        For a parse in Universal Dependencies, which would be translated into something else.

    References
    ----------
    de Marneffe et al. 2014, "Universal Stanford Dependencies"; Schuster and Manning 2016,
    "Enhanced English Universal Dependencies", https://aclanthology.org/L16-1376

    Examples
    --------
    >>> arcs = paper_arcs(parser("a bowl of fruit"))  # doctest: +SKIP
    >>> [(arc.head, arc.dependent, arc.relation) for arc in arcs]  # doctest: +SKIP
    [(1, 0, 'det'), (3, 2, 'case'), (1, 3, 'nmod:of')]
    """
    others = sorted({word.relation for word in parse.words} & UNIVERSAL)
    if others:
        raise ParseError(
            f"The parse by {parse.parser!r} has relations of Universal Dependencies "
            f"({', '.join(others)}), but the paper's names derive from ClearNLP's, which spaCy's "
            "English pipelines use. Use one of those, or names='spacy' for the parser's own."
        )
    tree = _Tree(parse.words)
    tree.lift_prepositions()
    tree.lift_predicates()
    tree.gather_conjuncts()
    tree.fence_appositions()
    tree.name_the_rest()
    return tree.arcs()


def printed(relation: str) -> str:
    """The row of the paper's table: relative clauses stand there with the other `acl`.

    >>> printed("acl:relcl"), printed("nmod:of")
    ('acl', 'nmod:of')
    """
    return "acl" if relation.startswith("acl:") else relation


class _Tree:
    """Heads and relations while they are turned round."""

    def __init__(self, words: tuple[ParsedWord, ...]) -> None:
        self.words = words
        self.was = [word.relation for word in words]  # ClearNLP's, as they came
        self.head = [word.head for word in words]
        self.relation = list(self.was)
        self.named: set[int] = set()  # those whose relation is the paper's already
        # Whether what hangs on a word hangs on a noun; a copula's complements do not.
        self.nominal = [_is_nominal(words, index) for index in range(len(words))]

    def children(self, place: int) -> list[int]:
        return [i for i, head in enumerate(self.head) if head == place and i != place]

    def text(self, place: int) -> str:
        return self.words[place].text.lower()

    def name(self, place: int, relation: str) -> None:
        self.relation[place] = relation
        self.named.add(place)

    def lift_prepositions(self) -> None:
        """prep + pobj: the object takes the preposition's place and carries its name."""
        for index, was in enumerate(self.was):
            # Those inside of a chain ("of" in "out of the window") are lifted with its first.
            inside = index in self.named
            leads = any(self.was[child] == "pobj" for child in self.children(index))
            if not inside and (leads or was in ("prep", "agent")):
                self._lift(index)

    def _lift(self, first: int) -> None:
        chain, target = self._chain(first)
        if target is None:
            # A stranded preposition ("the chair it sits on") stands for its object.
            self.name(first, "nmod" if self.nominal[self.head[first]] else "obl")
            return
        before = self._fixed_with(first)
        top = first
        if before is not None:
            chain = [before, *chain]
            top = before if self.head[first] == before else first
        governor = self.head[top]
        clause = self.was[target] == "pcomp" and self.words[target].pos in _VERBAL
        if governor == top:  # "on the grass" and nothing else
            self.head[target] = target
            self.relation[target] = self.was[target] = ROOT
        else:
            self.head[target] = governor
            if self.was[first] == "conj":  # "on the table and under the chair"
                self.relation[target] = self.was[target] = "conj"
            else:
                self.name(target, self._lifted_name(first, governor, chain, clause))
        for index in chain:
            for child in self.children(index):
                if child not in (target, *chain):
                    self.head[child] = target
            self.head[index] = target
            self.name(index, "mark" if clause else "case")
        if before is not None:
            self.head[first] = before
            self.name(first, "fixed")

    def _chain(self, first: int) -> tuple[list[int], int | None]:
        """The prepositions one behind the other, and the word they lead to."""
        chain = [first]
        while True:
            below = [i for i in self.children(chain[-1]) if i not in chain]
            for kind in ("pobj", "pcomp"):
                for child in below:
                    if self.was[child] == kind and not self._leads_on(child):
                        return chain, child
            onward = [i for i in below if self.was[i] in ("prep", "pcomp") and self._leads_on(i)]
            if not onward:
                return chain, None
            chain.append(onward[0])

    def _leads_on(self, place: int) -> bool:
        kinds = {self.was[child] for child in self.children(place)}
        return self.was[place] in ("prep", "pcomp") and bool(kinds & {"pobj", "pcomp"})

    def _fixed_with(self, first: int) -> int | None:
        """The word before that makes one preposition with this one ("such" of "such as")."""
        before = first - 1
        if before < 0 or (self.text(before), self.text(first)) not in FIXED:
            return None
        joined = self.head[before] == first or self.head[first] == before
        return before if joined else None

    def _lifted_name(self, first: int, governor: int, chain: list[int], clause: bool) -> str:
        name = "_".join(self.text(index) for index in chain)
        nominal = self.nominal[governor]
        if clause:
            return f"{'acl' if nominal else 'advcl'}:{name}"
        if self.was[first] == "agent":
            return "obl:agent"
        return f"{'nmod' if nominal else 'obl'}:{name}"

    def lift_predicates(self) -> None:
        """be + predicate: what is said of the subject becomes the head, "be" its copula."""
        for index, word in enumerate(self.words):
            is_be = word.lemma == "be" or word.text.lower() in _BE
            if not is_be or self.was[index] in ("aux", "auxpass", "case", "possessive"):
                continue
            predicate = self._predicate(index)
            if predicate is None:
                continue
            self.head[predicate] = predicate if self.head[index] == index else self.head[index]
            self.relation[predicate] = self.relation[index]
            self.named.discard(predicate)
            if index in self.named:  # a clause lifted above: "without being red"
                self.named.add(predicate)
            self.was[predicate] = self.was[index]
            for child in self.children(index):
                if child != predicate:
                    self.head[child] = predicate
            self.head[index] = predicate
            self.name(index, "cop")

    def _predicate(self, place: int) -> int | None:
        below = self.children(place)
        kinds = {self.was[child]: child for child in reversed(below)}
        if "expl" in kinds:  # "there is a dog": what there is is its subject
            if "attr" in kinds:
                self.name(kinds["attr"], "nsubj")
            return None
        for kind in ("attr", "acomp"):
            if kind in kinds:
                return kinds[kind]
        subject, clause = {"nsubj", "csubj", "nsubjpass"}, {"ccomp", "xcomp"}
        if not kinds.keys() & subject or kinds.keys() & clause:
            return None
        # "the dog is on the grass", "is outside in the snow": the first such phrase behind "is",
        # else one before it, else an adverb ("the dog is away").
        lifted = [i for i in below if self.relation[i].startswith("obl:") or self._is_place(i)]
        adverbs = [i for i in below if self.was[i] == "advmod" and i > place]
        behind = [i for i in lifted if i > place]
        return next(iter((*behind, *lifted, *reversed(adverbs))), None)

    def _is_place(self, place: int) -> bool:
        return self.was[place] == "advmod" and self.text(place) in _PLACES

    def gather_conjuncts(self) -> None:
        """Every conjunct hangs on the first, `cc` and comma on the conjunct that they precede."""
        for first in range(len(self.words)):
            if self.relation[first] == "conj":
                continue  # not the first of its list
            members = self._conjuncts(first)
            if members:
                self._join(first, members)

    def _conjuncts(self, first: int) -> list[int]:
        members, todo = [], [first]
        while todo:
            conjuncts = [i for i in self.children(todo.pop()) if self.relation[i] == "conj"]
            members += conjuncts
            todo += conjuncts
        return sorted(members)

    def _join(self, first: int, members: list[int]) -> None:
        every = [first, *members]
        below = sorted(i for member in every for i in self.children(member) if i > first)
        conjunctions = [i for i in below if self.relation[i] == "cc"]
        name = ""
        for before, member in reversed(list(pairwise(every))):
            own = [i for i in conjunctions if before < i < member]
            # "a cat, a dog and a bird": behind a comma, the conjunction that comes next.
            name = self._conjunction(own[-1]) if own else name
            self.name(member, f"conj:{name}" if name else "conj")
            for i in own:
                self.head[i] = member
        for mark in below:
            following = next((m for m in members if m > mark), None)
            if self.relation[mark] != "punct" or following is None:
                continue
            if self._is_under(mark + 1, following):
                self.head[mark] = following
        for member in members:
            self.head[member] = first

    def fence_appositions(self) -> None:
        """The commas around an apposition belong to it ("my friend, a painter, sings")."""
        for index, was in enumerate(self.was):
            if was != "appos":
                continue
            for mark in self.children(self.head[index]):
                before, behind = self._is_under(mark + 1, index), self._is_under(mark - 1, index)
                if self.relation[mark] == "punct" and (before or behind):
                    self.head[mark] = index

    def _is_under(self, place: int, top: int) -> bool:
        if not 0 <= place < len(self.words):
            return False
        while place != top and self.head[place] != place:
            place = self.head[place]
        return place == top

    def _conjunction(self, place: int) -> str:
        text = self.text(place)
        if text == "as" and place > 1 and self.text(place - 1) == "well":
            text = "as well as"
        return _SAME_CONJUNCTION.get(text, text)

    def name_the_rest(self) -> None:
        for index in range(len(self.words)):
            if index in self.named or self.head[index] == index:
                continue
            relation = self.relation[index]
            if relation == "aux" and self._is_infinitive_to(index):
                relation = "mark"
            relation = LABELS.get(relation, relation)
            if relation == "obl:npmod" and self.text(index) in TIMES:
                relation = "obl:tmod"
            if relation in ("advcl", "acl"):
                relation += self._marker(index)
            self.relation[index] = relation

    def _marker(self, clause: int) -> str:
        """ ":while" of "sits while it rains": enhanced names of clauses carry their marker."""
        for child in self.children(clause):
            if self.was[child] == "mark" or self._is_infinitive_to(child):
                return f":{self.text(child)}"
        return ""

    def _is_infinitive_to(self, place: int) -> bool:
        word = self.words[place]
        return self.was[place] == "aux" and (word.tag == "TO" or word.text.lower() == "to")

    def arcs(self) -> tuple[Arc, ...]:
        return tuple(
            Arc(head=head, dependent=index, relation=relation)
            for index, (head, relation) in enumerate(zip(self.head, self.relation, strict=True))
            if head != index
        )


def _is_nominal(words: tuple[ParsedWord, ...], place: int) -> bool:
    word = words[place]
    if word.pos or word.tag:
        return word.pos in _NOMINAL if word.pos else word.tag.startswith(_NOMINAL_TAGS)
    below = {other.relation for i, other in enumerate(words) if other.head == place != i}
    # A parser without parts of speech: verbs are known by what hangs on them.
    return not below & {"nsubj", "nsubjpass", "dobj", "aux", "auxpass", "expl", "advmod"}
