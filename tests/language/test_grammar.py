"""The grammar behind the caption parser: its words, its trees, and what spaCy reads of them."""

from __future__ import annotations

import random

import pytest

spacy = pytest.importorskip("spacy")

from training.parser import inflect  # noqa: E402
from training.parser.corpus import document, known_forms, read_grammar  # noqa: E402
from training.parser.grammar import LONGEST, caption  # noqa: E402
from training.parser.grammar_places import relation  # noqa: E402
from training.parser.lexicon import all_nouns, all_verbs, classes  # noqa: E402
from training.parser.tree import Tree, flatten  # noqa: E402

CLEARNLP = {
    *("ROOT", "acl", "acomp", "advcl", "advmod", "agent", "amod", "appos", "attr", "aux"),
    *("auxpass", "case", "cc", "ccomp", "compound", "conj", "csubj", "csubjpass", "dative", "dep"),
    *("det", "dobj", "expl", "intj", "mark", "meta", "neg", "nmod", "npadvmod", "nsubj"),
    *("nsubjpass", "nummod", "oprd", "parataxis", "pcomp", "pobj", "poss", "preconj", "predet"),
    *("prep", "prt", "punct", "quantmod", "relcl", "xcomp"),
}
"""The labels of en_core_web_*, as spaCy's model page lists them."""


def captions(count: int, seed: int = 5) -> list[object]:
    rng = random.Random(seed)
    return [caption(rng) for _ in range(count)]


def test_equal_seeds_give_equal_captions() -> None:
    assert captions(50) == captions(50)
    assert captions(50) != captions(50, seed=6)


def test_trees_are_whole_projective_and_labeled_as_spacy_labels() -> None:
    pipeline = spacy.blank("en")
    for sentence in captions(400):
        words = sentence.words  # type: ignore[attr-defined]
        heads, deps = sentence.heads, sentence.deps  # type: ignore[attr-defined]
        assert 0 < len(words) <= LONGEST + 2
        assert set(deps) <= CLEARNLP
        assert [d == "ROOT" for d in deps] == [h == i for i, h in enumerate(heads)]
        assert not spacy.pipeline._parser_internals.nonproj.is_nonproj_tree(heads), words
        doc = document(pipeline, sentence)  # type: ignore[arg-type]
        assert [t.head.i for t in doc] == heads
        assert all(tag.strip() for tag in sentence.tags)  # type: ignore[attr-defined]


def test_words_are_cut_as_spacy_cuts_them() -> None:
    """A form that the tokenizer splits would be met in training and never again."""
    pipeline = spacy.blank("en")
    forms = known_forms()
    assert len(forms) > 6000
    split = [form for form in forms if len(pipeline.make_doc(form)) != 1]
    # Parts of "isn't", "can't", and signs are cut so only where they stand in their words.
    assert split == []


def test_the_lexicon_is_as_large_as_said() -> None:
    assert len(all_nouns()) >= 2000
    assert len(all_verbs()) >= 500
    assert sum(map(len, classes("adjectives").values())) >= 600


@pytest.mark.parametrize(
    ("function", "word", "form"),
    [
        (inflect.plural, "bus", "buses"), (inflect.plural, "berry", "berries"),
        (inflect.plural, "boy", "boys"), (inflect.plural, "stop sign", "stop signs"),
        (inflect.plural, "woman", "women"), (inflect.plural, "stomach", "stomachs"),
        (inflect.third_person, "watch", "watches"), (inflect.third_person, "carry", "carries"),
        (inflect.third_person, "have", "has"), (inflect.present_participle, "ride", "riding"),
        (inflect.present_participle, "sit", "sitting"),
        (inflect.present_participle, "lie", "lying"),
        (inflect.present_participle, "eat", "eating"),
        (inflect.present_participle, "ski", "skiing"),
        (inflect.present_participle, "row", "rowing"),
        (inflect.present_participle, "open", "opening"),
        (inflect.past, "stop", "stopped"), (inflect.past, "carry", "carried"),
        (inflect.past, "ride", "rode"), (inflect.past_participle, "ride", "ridden"),
        (inflect.article, "umbrella", "an"), (inflect.article, "unicorn", "a"),
        (inflect.article, "hour", "an"), (inflect.article, "horse", "a"),
    ],
)  # fmt: skip
def test_inflection(function: object, word: str, form: str) -> None:
    assert function(word) == form  # type: ignore[operator]


def test_a_compound_preposition_by_hand() -> None:
    box = Tree("box", "NN").before("det", Tree("a", "DT"))
    cat = Tree("cat", "NN").behind("prep", relation(_never(), "in front of", box))
    flat = flatten(cat)
    assert flat.words == ["cat", "in", "front", "of", "a", "box"]
    assert flat.heads == [0, 0, 1, 2, 5, 3]
    assert flat.deps == ["ROOT", "prep", "pobj", "prep", "det", "pobj"]
    assert flat.tags == ["NN", "IN", "NN", "IN", "DT", "NN"]


def test_a_tree_that_stands_twice_is_refused() -> None:
    twice = Tree("a", "DT")
    with pytest.raises(AssertionError, match="one tree occurs more than once"):
        flatten(Tree("cat", "NN").before("det", twice, twice))


def test_epochs_are_fresh_and_the_held_out_captions_are_not() -> None:
    pipeline = spacy.blank("en")

    def epoch(read: object) -> list[str]:
        return [example.reference.text for example in read(pipeline)]  # type: ignore[operator]

    fresh, held = read_grammar(20, 1, True), read_grammar(20, 2, False)
    assert epoch(fresh) != epoch(fresh)
    assert epoch(held) == epoch(held)
    assert epoch(read_grammar(20, 1, True)) == epoch(read_grammar(20, 1, True))


def _never() -> object:
    from training.parser.draw import Draw

    class Never(random.Random):
        def random(self) -> float:
            return 0.999

    return Draw(Never())
