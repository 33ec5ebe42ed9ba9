"""A parsed text as plain data, so that figures and studies need no parser of their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from daam_nb.errors import ParseError
from daam_nb.kinds import kind_of
from daam_nb.language.spacing import Spaced

Span = tuple[int, int]

ROOT = "ROOT"
"""The relation of a word that depends on no other."""


@dataclass(frozen=True)
class ParsedWord:
    """One word as the parser splits it: "double-decker" may be three words, "don't" two.

    Attributes
    ----------
    text
        The word as it stands in the sentence.
    start, end
        Its characters (code points) in the sentence, half-open.
    lemma
        Dictionary form: "men" -> "man". Empty if the parser has no lemmatizer.
    pos, tag
        Universal part of speech ("NOUN") and the parser's finer tag ("NNS").
    head
        Index of the word it depends on; its own index if it is a root.
    relation
        Label of that arc; for English pipelines those of ClearNLP ("nsubj", "pobj"), and "ROOT" for
        a root.
    """

    text: str
    start: int
    end: int
    lemma: str
    pos: str
    tag: str
    head: int
    relation: str


@dataclass(frozen=True)
class Arc:
    """`dependent` (index of a word) depends on `head` (index of another) by `relation`."""

    head: int
    dependent: int
    relation: str


@dataclass(frozen=True)
class Parse:
    """A text, its words and the dependencies between them.

    Attributes
    ----------
    text
        The parsed text.
    words
        The words in the order of the text, without white space.
    parser
        Name and version of the parser, to be shown with every result that depends on the parse.
    noun_chunks
        Half-open ranges of word indices: noun phrases without modifiers after the noun ("the red
        car" of "the red car on the grass").

    Raises
    ------
    ParseError
        If spans, heads or chunks do not fit the text, or the heads form a cycle.
    """

    text: str
    words: tuple[ParsedWord, ...]
    parser: str
    noun_chunks: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        _check_texts("The text", self.text, "the parser's name", self.parser)
        behind = 0
        for index, word in enumerate(self.words):
            _check_word(self.text, index, word, count=len(self.words), behind=behind)
            behind = word.end
        for start, end in self.noun_chunks:
            if not 0 <= start < end <= len(self.words):
                raise ParseError(
                    f"The noun chunk ({start}, {end}) is not a range of the {len(self.words)} "
                    "words."
                )
        _check_trees(self.words)

    @cached_property
    def arcs(self) -> tuple[Arc, ...]:
        """All dependencies, in the order of the dependents; roots have none."""
        return tuple(
            Arc(head=word.head, dependent=index, relation=word.relation)
            for index, word in enumerate(self.words)
            if word.head != index
        )

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """Indices of the roots, one for each sentence."""
        return tuple(index for index, word in enumerate(self.words) if word.head == index)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data, which `from_dict` reads back."""
        return {
            "text": self.text,
            "words": [asdict(word) for word in self.words],
            "parser": self.parser,
            "noun_chunks": [list(chunk) for chunk in self.noun_chunks],
        }

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Parse:
        """Read what `to_dict` wrote.

        Raises
        ------
        ParseError
            If keys are missing or unknown, or the values are not a valid parse.
        """
        try:
            return cls(
                text=facts["text"],
                words=tuple(ParsedWord(**word) for word in facts["words"]),
                parser=facts["parser"],
                noun_chunks=tuple((int(start), int(end)) for start, end in facts["noun_chunks"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, ParseError):
                raise
            raise ParseError(f"This is not a parse as `Parse.to_dict` writes it: {error}") from None

    @classmethod
    def from_doc(
        cls, doc: Any, *, parser: str, text: str | None = None, spaced: Spaced | None = None
    ) -> Parse:
        """Convert a document parsed by a spaCy pipeline.

        Parameters
        ----------
        doc
            A `spacy.tokens.Doc` with dependencies.
        parser
            Name and version of the pipeline.
        text, spaced
            Both or neither: the original text, if the document was made from `single_spaced(text)`.
            The parse and its spans then refer to the original.

        Returns
        -------
        Parse
            Without spaCy's white-space tokens; their dependents are attached to their heads.

        Raises
        ------
        ParseError
            If the document has words but no dependencies.
        """
        if len(doc) and not doc.has_annotation("DEP"):
            raise ParseError(
                f"The pipeline {parser!r} gave no dependencies for {_short(doc.text)}. "
                "Use one with a `parser`, such as en_core_web_sm or the shipped caption parser."
            )
        kept = [t.i for t in doc if not t.is_space]
        place_of = {index: number for number, index in enumerate(kept)}
        words = tuple(_word(doc, index, place_of) for index in kept)
        if text is not None and spaced is not None:
            words = tuple(_respelled(word, text, spaced) for word in words)
        return cls(
            text=doc.text if text is None else text,
            words=words,
            parser=parser,
            noun_chunks=_chunks(doc, place_of),
        )


class Parser(Protocol):
    """Protocol of a parser: a callable that turns a text into a `Parse`."""

    @property
    def name(self) -> str:
        """Name and version, as displayed: "en_core_web_sm 3.8.0"."""

    def __call__(self, text: str) -> Parse:
        """Parse a text of any length, the empty one included."""


def _word(doc: Any, index: int, place: dict[int, int]) -> ParsedWord:
    token = doc[index]
    head = token.head
    while head.is_space and head.head.i != head.i:
        head = head.head
    is_apart = head.i == index or head.is_space
    return ParsedWord(
        text=token.text,
        start=token.idx,
        end=token.idx + len(token.text),
        lemma=token.lemma_,
        pos=token.pos_,
        tag=token.tag_,
        head=place[index if is_apart else head.i],
        relation=ROOT if is_apart else token.dep_,
    )


def _respelled(word: ParsedWord, text: str, spaced: Spaced) -> ParsedWord:
    """The word as it stands in the original text."""
    start, end = spaced.original(word.start, word.end)
    return replace(word, text=text[start:end], start=start, end=end)


def _chunks(doc: Any, place: dict[int, int]) -> tuple[Span, ...]:
    try:
        chunks = [[place[t.i] for t in chunk if t.i in place] for chunk in doc.noun_chunks]
    except NotImplementedError:  # spaCy has no rule of noun chunks for this language
        return ()
    return tuple((inside[0], inside[-1] + 1) for inside in chunks if inside)


def _check_word(text: str, place: int, word: ParsedWord, *, count: int, behind: int) -> None:
    names = "text", "lemma", "pos", "tag", "relation"
    _check_texts(*(part for name in names for part in (f"the {name}", getattr(word, name))))
    numbers = word.start, word.end, word.head
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise ParseError(
            f"This is not a parse as `Parse.to_dict` writes it: word {place} ({word.text!r}) has "
            f"the characters {word.start!r}-{word.end!r} and the head {word.head!r}; these must be "
            "whole numbers."
        )
    if not behind <= word.start < word.end or text[word.start : word.end] != word.text:
        raise ParseError(
            f"Word {place} ({word.text!r}) is not at characters {word.start}-{word.end} of "
            f"{_short(text)}, or overlaps the word before it."
        )
    if not 0 <= word.head < count:
        raise ParseError(
            f"Word {place} ({word.text!r}) has the head {word.head}, but there are "
            f"only {count} words."
        )
    if (word.head == place) != (word.relation == ROOT):
        raise ParseError(
            f"Word {place} ({word.text!r}) has the head {word.head} and the relation "
            f"{word.relation!r}. A word must be its own head if and only if its relation is "
            f"{ROOT!r}."
        )


def _check_texts(*names_and_values: object) -> None:
    """Raise a `ParseError` where a value behind a name is no text."""
    for name, value in zip(names_and_values[::2], names_and_values[1::2], strict=True):
        if not isinstance(value, str):
            raise ParseError(f"In a parse, {name} must be a text, not {kind_of(value)}.")


def _check_trees(words: tuple[ParsedWord, ...]) -> None:
    """From every word the way up ends at a root."""
    ends: set[int] = set()
    for index in range(len(words)):
        way: dict[int, None] = {}
        at = index
        while at not in ends and words[at].head != at:
            if at in way:
                circle = [words[i].text for i in [*way][[*way].index(at) :]]
                raise ParseError(f"The heads form a cycle: {' -> '.join(map(repr, circle))}.")
            way[at] = None
            at = words[at].head
        ends.update(way, [at])


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
