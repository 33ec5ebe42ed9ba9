"""The grammar's captions for spaCy: new ones in every epoch, held-out ones always the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from training.parser.grammar import PSEUDO, caption
from training.parser.lexicon import Verb, all_nouns, all_verbs, classes
from training.parser.tree import Sentence


def document(pipeline: Language, sentence: Sentence) -> Doc:
    """A sentence with its gold tags and tree."""
    return Doc(
        pipeline.vocab,
        words=sentence.words,
        tags=sentence.tags,
        heads=sentence.heads,
        deps=sentence.deps,
    )


@spacy.registry.readers("daam_nb.grammar_captions.v1")
def read_grammar(
    count: int, seed: int, fresh: bool, pseudo: float = PSEUDO
) -> Callable[[Language], Iterator[Example]]:
    """Captions of the grammar; `parser.cfg` asks for them by the name above.

    Parameters
    ----------
    count
        Captions in one epoch.
    seed
        Decides all of them.
    fresh
        Whether every epoch has new captions. Equal calls in equal order give equal captions.
    pseudo
        Share of open-class words that do not exist.
    """
    calls = 0

    def read(pipeline: Language) -> Iterator[Example]:
        nonlocal calls
        rng = random.Random(f"{seed}/{calls if fresh else 0}")
        calls += 1
        for _ in range(count):
            doc = document(pipeline, caption(rng, pseudo=pseudo))
            bare = Doc(pipeline.vocab, words=[token.text for token in doc])
            yield Example(bare, doc)

    return read


@cache
def known_forms() -> frozenset[str]:
    """Forms in lower case that the parser can meet in training, pseudo-words left out."""
    known = {w for noun in all_nouns() for many in (False, True) for w in noun.forms(many=many)}
    tags = ("VB", "VBZ", "VBG", "VBD", "VBN")
    known |= {Verb(base).form(tag) for base in all_verbs() for tag in tags}
    for table in ("adjectives", "adverbs", "names"):
        known |= {word for words in classes(table).values() for word in words}
    known = {part for word in known for part in word.split("-")}
    rng = random.Random(0)
    for _ in range(4000):
        known |= set(caption(rng, pseudo=0.0).words)
    return frozenset(word.lower() for word in known)
