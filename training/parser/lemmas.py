"""From tag and form to part of speech and dictionary form: tables for spaCy's own components."""

from __future__ import annotations

from typing import Any

from spacy.lookups import Lookups

from training.parser.inflect import irregular_nouns, irregular_verbs, past, past_participle
from training.parser.lexicon import all_nouns, all_verbs, classes

RULES = {
    # The first rule that fits decides where no result is known: the special ones come first.
    "noun": [
        ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("zzes", "zz"),
        ("ies", "y"), ("ives", "ife"), ("ves", "f"), ("men", "man"), ("oes", "o"), ("ses", "s"),
        ("s", ""),
    ],
    "verb": [
        ("bbing", "b"), ("dding", "d"), ("gging", "g"), ("mming", "m"), ("nning", "n"),
        ("pping", "p"), ("rring", "r"), ("tting", "t"), ("ying", "ie"), ("ing", ""), ("ing", "e"),
        ("bbed", "b"), ("dded", "d"), ("gged", "g"), ("mmed", "m"), ("nned", "n"), ("pped", "p"),
        ("rred", "r"), ("tted", "t"), ("ied", "y"), ("ed", ""), ("ed", "e"),
        ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("zzes", "zz"),
        ("ies", "y"), ("oes", "o"), ("s", ""),
    ],
    "adj": [
        ("iest", "y"), ("ggest", "g"), ("nnest", "n"), ("ttest", "t"), ("est", "e"), ("est", ""),
        ("ier", "y"), ("gger", "g"), ("nner", "n"), ("tter", "t"), ("er", "e"), ("er", ""),
    ],
    "adv": [],
    "punct": [],
}  # fmt: skip

BE = {"am": "be", "is": "be", "are": "be", "was": "be", "were": "be", "been": "be", "being": "be",
      "'s": "be", "'re": "be", "'m": "be", "has": "have", "had": "have", "having": "have",
      "'ve": "have", "does": "do", "did": "do", "done": "do", "doing": "do", "ca": "can",
      "wo": "will", "'ll": "will", "'d": "would"}  # fmt: skip

PRONOUNS = {"me": "I", "us": "we", "him": "he", "them": "they", "'em": "they"}

GRADED = {"better": "good", "best": "good", "worse": "bad", "worst": "bad", "farther": "far",
          "further": "far", "less": "little", "more": "more", "most": "most"}  # fmt: skip

PART_OF_SPEECH = {
    "NN": ("NOUN", "Number=Sing"), "NNS": ("NOUN", "Number=Plur"),
    "NNP": ("PROPN", "Number=Sing"), "NNPS": ("PROPN", "Number=Plur"),
    "VB": ("VERB", "VerbForm=Inf"), "VBD": ("VERB", "Tense=Past|VerbForm=Fin"),
    "VBG": ("VERB", "Aspect=Prog|Tense=Pres|VerbForm=Part"),
    "VBN": ("VERB", "Aspect=Perf|Tense=Past|VerbForm=Part"),
    "VBP": ("VERB", "Tense=Pres|VerbForm=Fin"),
    "VBZ": ("VERB", "Number=Sing|Person=3|Tense=Pres|VerbForm=Fin"),
    "MD": ("AUX", "VerbForm=Fin"), "JJ": ("ADJ", "Degree=Pos"), "JJR": ("ADJ", "Degree=Cmp"),
    "JJS": ("ADJ", "Degree=Sup"), "RB": ("ADV", ""), "RBR": ("ADV", "Degree=Cmp"),
    "RBS": ("ADV", "Degree=Sup"), "WRB": ("SCONJ", ""), "DT": ("DET", ""), "PDT": ("DET", ""),
    "WDT": ("PRON", "PronType=Rel"), "PRP": ("PRON", "PronType=Prs"),
    "PRP$": ("PRON", "Poss=Yes|PronType=Prs"), "WP": ("PRON", "PronType=Rel"),
    "WP$": ("DET", "Poss=Yes"), "EX": ("PRON", ""), "IN": ("ADP", ""), "RP": ("ADP", ""),
    "TO": ("PART", ""), "POS": ("PART", ""), "CC": ("CCONJ", ""), "CD": ("NUM", "NumType=Card"),
    "UH": ("INTJ", ""), "FW": ("X", ""), "LS": ("X", ""), "SYM": ("SYM", ""), "$": ("SYM", ""),
    ".": ("PUNCT", ""), ",": ("PUNCT", ""), ":": ("PUNCT", ""), "HYPH": ("PUNCT", ""),
    "``": ("PUNCT", ""), "''": ("PUNCT", ""), "-LRB-": ("PUNCT", ""), "-RRB-": ("PUNCT", ""),
    "NFP": ("PUNCT", ""), "ADD": ("X", ""), "_SP": ("SPACE", ""),
}  # fmt: skip


def lookups() -> Lookups:
    """The tables of spaCy's lemmatizer in its mode "rule"."""
    nouns = sorted({noun.words[-1] for noun in all_nouns() if noun.words[-1].isalpha()})
    adjectives = sorted({w for words in classes("adjectives").values() for w in words})
    plain = {plural: [noun] for noun, plural in irregular_nouns().items()}
    kept = {noun.words[-1]: [noun.words[-1]] for noun in all_nouns() if noun.only_plural}
    forms = {
        form: [base]
        for base in irregular_verbs()
        for form in (past(base), past_participle(base))
        if form != "found" or base == "find"
    }
    tables: dict[str, dict[str, Any]] = {
        "lemma_index": {"noun": nouns, "verb": sorted(all_verbs()), "adj": adjectives},
        "lemma_exc": {
            "noun": kept | plain,
            "verb": forms | {"lying": ["lie"], "dying": ["die"], "tying": ["tie"]} | _lists(BE),
            "aux": _lists(BE),
            "adj": _lists(GRADED),
            "adv": _lists({"further": "far", "farther": "far"}),
            "pron": _lists(PRONOUNS),
            "part": {"n't": ["not"], "na": ["to"]},
        },
        "lemma_rules": {kind: [list(rule) for rule in rules] for kind, rules in RULES.items()},
    }
    found = Lookups()
    for name, table in tables.items():
        found.add_table(name, table)
    return found


def add_part_of_speech_rules(ruler: Any) -> None:
    """Teach spaCy's attribute ruler what tag means what; later rules outweigh earlier ones."""
    for tag, (pos, morph) in PART_OF_SPEECH.items():
        ruler.add([[{"TAG": tag}]], {"POS": pos, "MORPH": morph})
    ruler.add([[{"DEP": {"IN": ["aux", "auxpass"]}, "TAG": {"REGEX": "^VB"}}]], {"POS": "AUX"})
    ruler.add([[{"LOWER": {"IN": [*_TO_BE]}, "TAG": {"REGEX": "^VB"}}]], {"POS": "AUX"})
    ruler.add([[{"DEP": "mark", "TAG": "IN"}]], {"POS": "SCONJ"})
    ruler.add([[{"DEP": "neg"}]], {"POS": "PART"})
    ruler.add([[{"TAG": "DT", "DEP": {"IN": ["nsubj", "pobj", "dobj", "conj", "nsubjpass"]}}]],
              {"POS": "PRON"})  # fmt: skip
    ruler.add([[{"IS_SPACE": True}]], {"TAG": "_SP", "POS": "SPACE"})


_TO_BE = ("be", "am", "is", "are", "was", "were", "been", "being", "'s", "'re", "'m")


def _lists(table: dict[str, str]) -> dict[str, list[str]]:
    return {form: [lemma] for form, lemma in table.items()}
