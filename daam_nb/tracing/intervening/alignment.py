"""Correspondence of the key columns of a new prompt to those of a recorded one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from daam_nb.errors import SelectionError, ShapeError, WrongKindError
from daam_nb.kinds import kind_of
from daam_nb.prompt import Prompt, Word

Link = tuple[int, int, float]
"""Column of the new prompt, column of the recorded one, share of the latter's attention."""


@dataclass(frozen=True)
class Alignment:
    """Correspondence of columns: those of a new prompt <- those of a recorded prompt.

    A column with links takes ``sum(share * recorded attention)`` over them; a column without links
    keeps the attention that the model computes for it.

    Attributes
    ----------
    links
        (new column, recorded column, share), each pair once, shares in (0, 1].
    prompts
        The recorded and the new prompt, if made by `align`: `replay` accepts it only for these.
        None for links of your own, which are not checked.

    Raises
    ------
    SelectionError
        For a negative column, a share outside (0, 1], or a duplicate pair.
    """

    links: tuple[Link, ...]
    prompts: tuple[Prompt, Prompt] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        made = tuple((int(new), int(old), float(share)) for new, old, share in self.links)
        for new, old, share in made:
            if new < 0 or old < 0 or not 0 < share <= 1:
                raise SelectionError(
                    f"The link ({new}, {old}, {share}) is invalid: columns count from 0, and a "
                    "share must be above 0 and at most 1."
                )
        if len({link[:2] for link in made}) < len(made):
            raise SelectionError("An alignment must link each pair of columns at most once.")
        object.__setattr__(self, "links", made)

    @property
    def columns(self) -> tuple[int, ...]:
        """Columns of the new prompt that take recorded attention, ascending."""
        return tuple(sorted({new for new, _, _ in self.links}))

    def only(self, columns: Iterable[int]) -> Alignment:
        """Return the alignment restricted to some new columns."""
        wanted = set(columns)
        return replace(self, links=tuple(link for link in self.links if link[0] in wanted))

    def why_not(self, recorded: Prompt, new: Prompt) -> str:
        """Explain why it is not the alignment of two prompts; empty if it is, or may be."""
        if self.prompts is None:
            return ""
        own = [[token.id for token in prompt.tokens] for prompt in self.prompts]
        present = [[token.id for token in prompt.tokens] for prompt in (recorded, new)]
        if own == present:
            return ""
        then, now = (prompt.text[:80] for prompt in self.prompts)
        around = " They are the wrong way round: the recorded prompt comes first."
        return (
            f"The alignment has {then!r} as the recorded prompt and {now!r} as the new one, but "
            f"here {recorded.text[:80]!r} is recorded and {new.text[:80]!r} is drawn."
            + (around if own == present[::-1] else "")
            + " Make it with align(run.prompt, new) for these."
        )


def identity(keys: int) -> Alignment:
    """Align every column with the recorded column of the same position."""
    return Alignment(tuple((column, column, 1.0) for column in range(keys)))


def align(recorded: Prompt, new: Prompt, *, words: Mapping[str, str] | None = None) -> Alignment:
    """Align the columns of two prompts by their words.

    Words that occur in both prompts in the same order are paired (longest common subsequence of
    case-folded words); between them, stretches of equally many words are paired one by one. Words
    without a counterpart are left out: inserted words keep their own attention, that of dropped
    words is not used. The start of text, the end of text and the padding after it (first with
    first, and so on) are paired as well.

    Parameters
    ----------
    recorded
        The prompt of the recording: ``run.prompt``.
    new
        The prompt to be generated: ``Prompt.from_tokenizer(text, pipe.tokenizer)``.
    words
        New word -> recorded word: pairs of your own choice, which take precedence.

    Returns
    -------
    Alignment
        Two words with equally many tokens are paired token by token. Otherwise every token of the
        new word takes an equal part of the whole recorded word's attention, so that the sum over
        the word is preserved.

    Raises
    ------
    ShapeError
        If the prompts have different numbers of columns: they belong to different models.
    WordNotFoundError, AmbiguousWordError, TruncatedWordError
        For `words`, as for `Prompt.find`.
    SelectionError
        If two pairs of `words` share a word of one of the prompts.

    References
    ----------
    Hertz et al. 2022, "Prompt-to-Prompt Image Editing with Cross Attention Control", section 3.2
    (word swap and prompt refinement), https://arxiv.org/abs/2208.01626

    Examples
    --------
    >>> align(run.prompt, Prompt.from_tokenizer("a blue car", pipe.tokenizer))  # doctest: +SKIP
    """
    for name, prompt in (("recorded", recorded), ("new", new)):
        if not isinstance(prompt, Prompt):
            raise WrongKindError(
                f"align() takes two Prompts, and {name} is {kind_of(prompt)}. From a recording: "
                "run.prompt; from a text: Prompt.from_tokenizer(text, pipe.tokenizer)."
            )
    if words is not None and not isinstance(words, Mapping):
        raise WrongKindError(
            f"words must be a mapping, new word -> recorded word, not {kind_of(words)}: "
            "words={'blue': 'red'}."
        )
    if len(recorded.tokens) != len(new.tokens):
        raise ShapeError(
            f"The recorded prompt has {len(recorded.tokens)} columns and the new one "
            f"{len(new.tokens)}; prompts of different text encoders cannot be aligned."
        )
    pairs = [(new.find(a), recorded.find(b)) for a, b in (words or {}).items()]
    _check_apart(pairs)
    pairs += _by_order(recorded, new, taken=pairs)
    links: list[Link] = []
    ours_taken: set[int] = set()
    theirs_taken: set[int] = set()
    for ours, theirs in pairs:
        # A token that reaches over the end of a word is a part of both; it is linked once.
        found = _word_links(
            tuple(c for c in new.token_indices(ours) if c not in ours_taken),
            tuple(c for c in recorded.token_indices(theirs) if c not in theirs_taken),
        )
        links += found
        ours_taken |= {column for column, _, _ in found}
        theirs_taken |= {column for _, column, _ in found}
    links += [(column, other, 1.0) for column, other in _specials(recorded, new)]
    return Alignment(tuple(sorted(links)), prompts=(recorded, new))


def _check_apart(pairs: list[tuple[Word, Word]]) -> None:
    """Raise if chosen pairs share a word: each can be paired only once."""
    for i, pair in enumerate(pairs):
        for other in pairs[:i]:
            for word, before, whose in zip(pair, other, ("new", "recorded"), strict=True):
                if _overlap(word, before):
                    raise SelectionError(
                        f"words= pairs {other[0].text!r} with {other[1].text!r} and "
                        f"{pair[0].text!r} with {pair[1].text!r}, which share characters "
                        f"{max(word.start, before.start)}-{min(word.end, before.end)} of the "
                        f"{whose} prompt. Each word can be paired once: leave one pair out, or "
                        "define the shares yourself with Alignment(((new column, recorded column, "
                        "share), ...))."
                    )


def _overlap(a: Word, b: Word) -> bool:
    return a.start < b.end and b.start < a.end


def _by_order(
    recorded: Prompt, new: Prompt, *, taken: list[tuple[Word, Word]]
) -> list[tuple[Word, Word]]:
    """Pairs (new word, recorded word) by the order of the words."""
    ours = [w for w in new.read_words if not any(_overlap(w, pair[0]) for pair in taken)]
    theirs = [w for w in recorded.read_words if not any(_overlap(w, pair[1]) for pair in taken)]
    matcher = SequenceMatcher(
        None,
        [word.text.casefold() for word in theirs],
        [word.text.casefold() for word in ours],
        autojunk=False,
    )
    pairs: list[tuple[Word, Word]] = []
    for _, low, high, first, last in matcher.get_opcodes():
        if high - low == last - first:
            pairs += zip(ours[first:last], theirs[low:high], strict=True)
    return pairs


def _word_links(ours: tuple[int, ...], theirs: tuple[int, ...]) -> list[Link]:
    if len(ours) == len(theirs):
        return [(a, b, 1.0) for a, b in zip(ours, theirs, strict=True)]
    return [(a, b, 1.0 / len(ours)) for a in ours for b in theirs]


def _specials(recorded: Prompt, new: Prompt) -> list[tuple[int, int]]:
    """Start, end and padding: (new column, recorded column)."""
    pairs = []
    if new.start_of_text is not None and recorded.start_of_text is not None:
        pairs.append((new.start_of_text, recorded.start_of_text))
    if new.end_of_text is not None and recorded.end_of_text is not None:
        ours = range(new.end_of_text, len(new.tokens))
        theirs = range(recorded.end_of_text, len(recorded.tokens))
        pairs += zip(ours, theirs, strict=False)
    return pairs
