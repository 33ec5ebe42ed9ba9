"""What is rated: words of recordings with their maps, or images of two objects.

An item is known by its key, which is the same in every session; its facts go into the table, and
none of them is shown to the raters.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from daam_nb.errors import StudyError
from daam_nb.kinds import names_checked
from daam_nb.language import Parse, ParsedWord, Parser, load_parser, parsed_tokens
from daam_nb.language.pairing import Lack
from daam_nb.maps import heat_maps
from daam_nb.recording import LayerChoice, Recording
from daam_nb.show.pixels import drawn_size, overlay_image, rgb
from daam_nb.show.rating import Card, Shown
from daam_nb.studies import arguments
from daam_nb.studies.corpus.fingerprints import digest, recording_content
from daam_nb.studies.corpus.generation import Corpus, Run, runs_of
from daam_nb.studies.oracles.presence import image_of
from daam_nb.studies.rating.tasks import PAIRS, WORDS, Task

if TYPE_CHECKING:
    from PIL.Image import Image

Runs = Corpus | Recording | str | os.PathLike[str] | Iterable[Recording | Run]
Span = tuple[int, int]

MAX_SIDE = 512  # pixels of an image on the page
UNIVERSAL = (
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN"),
    *("PUNCT", "SCONJ", "SYM", "VERB", "X"),
)
"""The universal tags of parts of speech, https://universaldependencies.org/u/pos."""

UNINTERPRETABLE = ("PUNCT", "SYM", "X", "SPACE")
"""Parts of speech that mean nothing by themselves."""


@dataclass(frozen=True)
class Item:
    """One thing to be rated.

    Attributes
    ----------
    key
        Unique, and the same in every session.
    run
        Whose image is shown.
    facts
        The task's columns.
    shown
        Characters of the word whose map is shown; None if none is.
    """

    key: str
    run: Run
    facts: Mapping[str, Any]
    shown: Span | None = None


@dataclass(frozen=True, eq=False)
class Deck(Sequence[Item]):
    """Items of one task.

    Attributes
    ----------
    task
        What is asked.
    items
        In the order of the recordings; each rater sees them in an order of their own.
    settings
        On what they and their images depend; answers made with others are not mixed with these.
    layers
        Whose attention the maps are of.
    left_out
        Why words have no item -> how many.
    """

    task: Task
    items: tuple[Item, ...]
    settings: Mapping[str, Any]
    layers: LayerChoice = "paper"
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = [item.key for item in self.items]
        if not keys:
            why = "; ".join(f"{count}: {reason}" for reason, count in self.left_out.items())
            raise StudyError(f"There is nothing to rate{f' ({why})' if why else ''}.")
        if self.task.name == WORDS.name and "content" in self.settings:
            names = _layer_names(self.items[0].run, self.layers)
            if names != list(self.settings["content"].get("layers", names)):
                raise StudyError(
                    f"The maps of this deck would be of {len(names)} layers "
                    f"(layers={self.layers!r:.60}), but its settings name "
                    f"{len(self.settings['content']['layers'])} others. Make another deck: "
                    "word_items(runs, layers=...)."
                )
        if len(set(keys)) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            raise StudyError(f"The item {twice!r} occurs more than once. List it once.")

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: Any) -> Any:
        """One `Item`, or with a slice a `Deck` of several; its answers need their own folder."""
        if not isinstance(place, slice):
            return self.items[place]
        items = self.items[place]
        content = {**self.settings.get("content", {}), "recordings": _content(items)}
        return replace(self, items=items, settings={**self.settings, "content": content})

    def card(self, item: Item) -> Card:
        """What a rater sees of an item: images and words, no seed, no model, no condition."""
        image = image_of(item.run)
        size = drawn_size((image.height, image.width), most=MAX_SIDE)
        plain = Shown("The image", _resized(image, size))
        if item.shown is None:
            ask = ("Does the image show “", item.facts["first"], "” and “")
            return Card((*ask, item.facts["second"], "”?"), None, (plain,))
        maps = heat_maps(item.run.load(), layers=self.layers)
        over = overlay_image(image, maps.word(item.shown), size=size)
        text, word = item.facts["prompt"], item.facts["word"]
        start, end = item.facts["start"], item.facts["end"]
        return Card(
            ("How well do the colored places fit “", word, "”?"),
            (text[:start], word, text[end:]),
            (plain, Shown("The same image in gray, with the word’s colors over it", over)),
        )

    def __repr__(self) -> str:
        lacking = "".join(f", {n} left out ({why})" for why, n in self.left_out.items())
        return f"<Deck of {len(self)} items, task {self.task.name!r}{lacking}>"


@names_checked
def word_items(
    runs: Runs,
    *,
    parser: Parser | str | None = None,
    layers: LayerChoice = "paper",
    pos: Iterable[str] | None = None,
    each: int | None = None,
    controls: int = 0,
    seed: int = 0,
) -> Deck:
    """Words of recordings with their maps, for generalized attribution.

    Parameters
    ----------
    runs
        A corpus, its folder, or recordings.
    parser
        Who says what part of speech a word is: a `Parser`, or a name for `load_parser`; by default
        the best English pipeline of spaCy installed, else the shipped caption parser.
    layers
        As for `heat_maps`.
    pos
        Parts of speech that are rated, one or several, such as ``("NOUN", "ADJ")``; by default
        all but punctuation and the like (`UNINTERPRETABLE`), the small words (“the”, “on”)
        included.
    each
        At most so many words of each part of speech, drawn at random; None: all.
    controls
        So many items more, drawn at random, that show the map of *another* word of the prompt. They
        tell what a map that is not the word's is given, and who answers without looking.
    seed
        Of what is drawn at random.

    Returns
    -------
    Deck

    Raises
    ------
    StudyError
        If nothing is left to rate, or there are fewer words for controls than asked for; for a
        part of speech that there is none of, and numbers that are none.
    """
    seed = arguments.whole(seed, "seed")
    controls = arguments.whole(controls, "controls", low=0)
    if each is not None:
        each = arguments.whole(each, "each", low=1, more=", or None for all")
    corpus = runs_of(runs)
    speak = parser if parser is not None and not isinstance(parser, str) else load_parser(parser)
    read = functools.cache(speak)  # each text once, whatever the number of seeds
    chosen = None if pos is None else arguments.texts(pos, "pos=")
    kinds = set(UNIVERSAL)  # those that a parser can name, and those that this one named
    choice = heat_maps(corpus[0].load(), layers=layers).choice
    left_out: Counter[str] = Counter()
    word_choices, wrong = [], []
    for run in corpus:
        words = _words_with_maps(run, read(run.load().prompt.text), layers, left_out)
        for word in words:
            kind = word.pos or word.tag
            kinds.add(kind)
            if kind in UNINTERPRETABLE if chosen is None else kind not in chosen:
                left_out["part of speech not asked for"] += 1
                continue
            facts = {"layers": choice, "parser": speak.name}
            word_choices.append(_word_item(run, word, word, facts))
            others = [
                other
                for other, tokens in words.items()
                if other.text.lower() != word.text.lower() and not set(tokens) & set(words[word])
            ]
            wrong += [_word_item(run, word, other, facts) for other in others]
    if chosen is not None:
        arguments.names_among(chosen, sorted(kinds), name="pos", what="part of speech")
    kept = _some(word_choices, each, seed, left_out)
    if controls > len(wrong):
        raise StudyError(f"At most {len(wrong)} controls are available, not {controls}.")
    kept += _drawn(wrong, seed)[:controls]
    settings = {"task": WORDS.name, "parser": speak.name, "maps": choice}
    by_name = _layer_names(corpus[0], layers)
    content = {"layers": by_name, "recordings": _content(kept)}
    return Deck(WORDS, tuple(kept), {**settings, "content": content}, layers, dict(left_out))


@names_checked
def pair_items(runs: Runs) -> Deck:
    """Images of two objects, for "both, one or neither".

    Parameters
    ----------
    runs
        A corpus of `cohyponyms.record_pairs`, or one whose captions carry the facts ``first`` and
        ``second``, the two nouns.

    Raises
    ------
    StudyError
        If a caption does not name its two nouns.
    """
    items = []
    for run in runs_of(runs):
        if lacking := [name for name in ("first", "second") if name not in run.facts]:
            raise StudyError(
                f"The caption {run.facts['prompt']!r} has no fact for its {lacking[0]!r} noun. "
                "Draw pairs with cohyponyms.record_pairs, or give captions with these facts."
            )
        facts = {name: run.facts.get(name, "") for name in ("kind", "first", "second")}
        items.append(Item(run.key, run, {**_of_run(run), **facts}))
    settings = {"task": PAIRS.name, "content": {"recordings": _content(items)}}
    return Deck(PAIRS, tuple(items), settings)


def order_of(keys: Iterable[str], *, rater: str, seed: int) -> list[str]:
    """Put keys into the rater's own order: random, and the same in every session.

    By the SHA-256 of seed, rater and key, so that no library's random numbers are part of it.
    """
    return sorted(keys, key=lambda key: _digest([seed, rater, key]))


# --- inside ---------------------------------------------------------------------------------------


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _layer_names(run: Run, layers: LayerChoice) -> list[str]:
    return [layer.name for layer in heat_maps(run.load(), layers=layers).layers]


def _content(items: Iterable[Item]) -> str:
    """A digest of the recordings that are shown: others in their place are other items."""
    runs = {item.run.key: item.run for item in items}
    return digest({key: digest(recording_content(run.load())) for key, run in runs.items()})


def _drawn(items: list[Item], seed: int) -> list[Item]:
    return sorted(items, key=lambda item: _digest([seed, "drawn", item.key]))


def _some(items: list[Item], each: int | None, seed: int, left_out: Counter[str]) -> list[Item]:
    """At most `each` of every part of speech, in the order they came in."""
    if each is None:
        return list(items)
    counts: Counter[str] = Counter()
    kept = set()
    for item in _drawn(items, seed):
        counts[item.facts["pos"]] += 1
        if counts[item.facts["pos"]] <= each:
            kept.add(item.key)
    if len(kept) < len(items):
        left_out["not drawn"] = len(items) - len(kept)
    return [item for item in items if item.key in kept]


def _words_with_maps(
    run: Run, parse: Parse, layers: LayerChoice, left_out: Counter[str]
) -> dict[ParsedWord, tuple[int, ...]]:
    """The words that have a map, with their key positions."""
    maps = heat_maps(run.load(), layers=layers)
    paired = parsed_tokens(parse, maps.prompt, maps.columns)
    words: dict[ParsedWord, tuple[int, ...]] = {}
    for word, tokens in zip(parse.words, paired.tokens, strict=True):
        if isinstance(tokens, str):
            left_out[_WHY_NOT[tokens]] += 1
        else:
            words[word] = tokens
    return words


_WHY_NOT: dict[Lack, str] = {
    "truncated": "after the last token that the model read",
    "not kept": "its tokens were not kept",
    "no token": "no token",
}


def _of_run(run: Run) -> dict[str, Any]:
    return {"run": run.key, "prompt": run.facts["prompt"], "seed": run.facts["seed"]}


def _word_item(run: Run, word: ParsedWord, shown: ParsedWord, facts: Mapping[str, Any]) -> Item:
    own = shown is word
    key = f"{run.key}:{word.start}-{word.end}"
    about = {
        "word": word.text,
        "start": word.start,
        "end": word.end,
        "pos": word.pos or word.tag,
        "control": 0 if own else 1,
        "shown": shown.text,
    }
    return Item(
        key if own else f"{key}:{shown.start}-{shown.end}",
        run,
        {**_of_run(run), **about, **facts},
        (shown.start, shown.end),
    )


def _resized(image: Image, size: Span) -> Image:
    from PIL import Image as images

    return images.fromarray(rgb(image, size))
