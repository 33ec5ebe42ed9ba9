"""Trees of ClearNLP and the paper's arcs for them, both written by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daam_nb.language import Parse, ParsedWord
from daam_nb.studies.visuosyntax.enhanced_dependencies import LABELS, paper_arcs, printed
from tests.studies.by_hand import parsed, shown

CASES = {
    "prepositions hang on their noun, after noun and verb": (
        """
        a DET 1 det
        bowl NOUN 4 nsubj
        of ADP 1 prep
        fruit NOUN 2 pobj
        stands VERB 4 ROOT
        on ADP 4 prep
        the DET 7 det
        table NOUN 5 pobj
        . PUNCT 4 punct
        """,
        {
            "bowl a det", "stands bowl nsubj", "fruit of case", "bowl fruit nmod:of",
            "table on case", "stands table obl:on", "table the det", "stands . punct",
        },
    ),
    "objects and particles": (
        """
        Men NOUN 1 nsubj
        pick VERB 1 ROOT
        up ADP 1 prt
        two NUM 4 nummod
        dogs NOUN 1 dobj
        """,
        {"pick Men nsubj", "pick up compound:prt", "dogs two nummod", "pick dogs obj"},
    ),
    "three conjuncts hang on the first": (
        """
        a DET 1 det
        cat NOUN 1 ROOT
        , PUNCT 1 punct
        a DET 4 det
        dog NOUN 1 conj
        and CCONJ 4 cc
        a DET 7 det
        bird NOUN 4 conj
        """,
        {
            "cat a det", "dog , punct", "dog a det", "cat dog conj:and", "bird and cc",
            "bird a det", "cat bird conj:and",
        },
    ),
    "each conjunct has the conjunction before it": (
        """
        red ADJ 0 ROOT
        or CCONJ 0 cc
        blue ADJ 0 conj
        but CCONJ 2 cc
        pale ADJ 2 conj
        """,
        {"blue or cc", "red blue conj:or", "pale but cc", "red pale conj:but"},
    ),
    "a copula hangs on the adjective": (
        """
        The DET 1 det
        car NOUN 2 nsubj
        is AUX 2 ROOT
        not PART 2 neg
        red ADJ 2 acomp
        """,
        {"car The det", "red car nsubj", "red is cop", "red not advmod"},
    ),
    "a copula hangs on the place": (
        """
        a DET 1 det
        dog NOUN 2 nsubj
        is AUX 2 ROOT
        in ADP 2 prep
        the DET 5 det
        snow NOUN 3 pobj
        at ADP 2 prep
        night NOUN 6 pobj
        """,
        {
            "dog a det", "snow dog nsubj", "snow is cop", "snow in case", "snow the det",
            "night at case", "snow night obl:at",
        },
    ),
    "there is": (
        """
        There PRON 1 expl
        are VERB 1 ROOT
        two NUM 3 nummod
        dogs NOUN 1 attr
        """,
        {"are There expl", "dogs two nummod", "are dogs nsubj"},
    ),
    "a relative clause with a copula": (
        """
        a DET 1 det
        car NOUN 1 ROOT
        that PRON 3 nsubj
        is AUX 1 relcl
        blue ADJ 3 acomp
        """,
        {"car a det", "blue that nsubj", "blue is cop", "car blue acl:relcl"},
    ),
    "a participle and a passive with its agent": (
        """
        a DET 1 det
        man NOUN 3 nsubjpass
        is AUX 3 auxpass
        seen VERB 3 ROOT
        by ADP 3 agent
        a DET 6 det
        dog NOUN 4 pobj
        wearing VERB 6 acl
        hats NOUN 7 dobj
        """,
        {
            "man a det", "seen man nsubj:pass", "seen is aux:pass", "dog by case",
            "seen dog obl:agent", "dog a det", "dog wearing acl", "wearing hats obj",
        },
    ),
    "possessors": (
        """
        a DET 1 det
        man NOUN 4 poss
        's PART 1 case
        red ADJ 4 amod
        hat NOUN 4 ROOT
        """,
        {"man a det", "man 's case", "hat red amod", "hat man nmod:poss"},
    ),
    "prepositions one behind the other": (
        """
        A DET 1 det
        dog NOUN 2 nsubj
        looks VERB 2 ROOT
        out ADP 2 prep
        of ADP 3 prep
        windows NOUN 4 pobj
        """,
        {
            "dog A det", "looks dog nsubj", "windows out case", "windows of case",
            "looks windows obl:out_of",
        },
    ),
    "clauses behind prepositions and markers": (
        """
        Dogs NOUN 1 nsubj
        run VERB 1 ROOT
        without ADP 1 prep
        barking VERB 2 pcomp
        while SCONJ 6 mark
        it PRON 6 nsubj
        rains VERB 1 advcl
        to PART 8 aux
        win VERB 1 advcl
        """,
        {
            "run Dogs nsubj", "barking without mark", "run barking advcl:without",
            "rains while mark", "rains it nsubj", "run rains advcl:while",
            "win to mark", "run win advcl:to",
        },
    ),
    "such as": (
        """
        animals NOUN 0 ROOT
        such ADJ 2 amod
        as ADP 0 prep
        dogs NOUN 2 pobj
        """,
        {"dogs such case", "such as fixed", "animals dogs nmod:such_as"},
    ),
    "a stranded preposition": (
        """
        the DET 1 det
        chair NOUN 1 ROOT
        it PRON 3 nsubj
        sits VERB 1 relcl
        on ADP 3 prep
        """,
        {"chair the det", "sits it nsubj", "chair sits acl:relcl", "sits on obl"},
    ),
    "a place alone, and two": (
        """
        on ADP 0 ROOT
        the DET 2 det
        table NOUN 0 pobj
        and CCONJ 0 cc
        under ADP 0 conj
        it PRON 4 pobj
        """,
        {"table on case", "table the det", "it and cc", "it under case", "table it conj:and"},
    ),
    "next to": (
        """
        A DET 1 det
        cat NOUN 2 nsubj
        is AUX 2 ROOT
        next ADV 2 advmod
        to ADP 3 prep
        dogs NOUN 4 pobj
        """,
        {"cat A det", "dogs cat nsubj", "dogs is cop", "dogs next case", "next to fixed"},
    ),
    "outside, and when": (
        """
        cats NOUN 1 nsubj
        are AUX 1 ROOT
        outside ADV 1 advmod
        in ADP 1 prep
        snow NOUN 3 pobj
        this DET 6 det
        morning NOUN 1 npadvmod
        """,
        {
            "outside cats nsubj", "outside are cop", "snow in case", "outside snow obl:in",
            "morning this det", "outside morning obl:tmod",
        },
    ),
    "an apposition between commas": (
        """
        Tom PROPN 5 nsubj
        , PUNCT 0 punct
        a DET 3 det
        painter NOUN 0 appos
        , PUNCT 0 punct
        sings VERB 5 ROOT
        . PUNCT 5 punct
        """,
        {
            "painter , punct", "painter a det", "Tom painter appos", "sings Tom nsubj",
            "sings . punct",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_tree_becomes_the_papers(name: str) -> None:
    rows, expected = CASES[name]
    parse = parsed(rows)
    assert shown(parse, paper_arcs(parse)) == expected


def test_names_that_the_table_prints() -> None:
    names = ["acl:relcl", "acl", "acl:to", "nmod:of", "obj"]
    assert [printed(name) for name in names] == ["acl", "acl", "acl", "nmod:of", "obj"]


def test_a_parser_without_parts_of_speech() -> None:
    parse = parsed(
        """
        dogs _ 1 nsubj
        run _ 1 ROOT
        on _ 1 prep
        bowls _ 2 pobj
        of _ 3 prep
        sand _ 4 pobj
        """
    )
    bare = Parse(
        parse.text,
        tuple(
            ParsedWord(w.text, w.start, w.end, "", "", "", w.head, w.relation) for w in parse.words
        ),
        "bare",
    )
    assert {"run bowls obl:on", "bowls sand nmod:of"} <= shown(bare, paper_arcs(bare))


RELATIONS = [
    *LABELS, "prep", "pobj", "pcomp", "agent", "cc", "conj", "punct", "nsubj", "det", "case", "aux",
    "expl", "mark", "advcl", "acl", "advmod", "ccomp", "xcomp",
]  # fmt: skip
FORMS = ["is", "be", "to", "such", "as", "well", "instead", "of", "and", "on", "dog", ",", "red"]


@st.composite
def any_tree(draw: st.DrawFn) -> Parse:
    """Any tree with any labels: parsers err, and the input is open."""
    count = draw(st.integers(1, 9))
    order = draw(st.permutations(range(count)))
    heads = {order[0]: order[0]}
    for i, place in enumerate(order[1:], 1):
        heads[place] = order[draw(st.integers(0, i - 1))]
    rows = []
    for place in range(count):
        relation = "ROOT" if heads[place] == place else draw(st.sampled_from(RELATIONS))
        pos = draw(st.sampled_from(["NOUN", "VERB", "AUX", "ADP", "ADJ"]))
        rows.append(f"{draw(st.sampled_from(FORMS))} {pos} {heads[place]} {relation}")
    return parsed("\n".join(rows))


@given(any_tree())
def test_every_word_keeps_one_arc_and_the_tree_stays_a_tree(parse: Parse) -> None:
    arcs = paper_arcs(parse)
    heads = {arc.dependent: arc.head for arc in arcs}
    assert len(heads) == len(arcs) == len(parse.words) - 1
    for place in heads:
        way = [place]
        while way[-1] in heads:
            way.append(heads[way[-1]])
            assert len(way) <= len(parse.words), "heads run in a circle"
