"""Where a prompt names an object: one way of matching for truths, studies and segmenters.

The longest name wins, so that "a hot dog" is no dog and "a teddy bear" no bear, whether or not the
vocabulary has the longer name. It is matching of text, by rules of English spelling and a list of
compounds; it does not know what a sentence means ("an orange car" still names an orange).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from daam_nb.errors import AmbiguousWordError, StudyError
from daam_nb.prompt import Prompt, Word
from daam_nb.words import fold

_HYPHENS = "-\u2010\u2011"

_IRREGULAR: dict[str, tuple[str, ...]] = {
    "child": ("children",),
    "deer": ("deer",),
    "fish": ("fish", "fishes"),
    "foot": ("feet",),
    "goose": ("geese",),
    "man": ("men",),
    "mouse": ("mice",),
    "ox": ("oxen",),
    "person": ("people", "persons"),
    "potato": ("potatoes",),
    "scissors": ("scissors",),
    "sheep": ("sheep",),
    "skis": ("skis",),
    "tomato": ("tomatoes",),
    "tooth": ("teeth",),
    "woman": ("women",),
}
"""Nouns -> their plurals; those of people also as the end of another ("fireman")."""

_NO_MEN = ("caiman", "german", "human", "norman", "ottoman", "roman", "shaman", "talisman")

_COMPOUNDS = """
    apple: apple tree, apple juice, apple pie, apple sauce, custard apple, pine apple
    banana: banana bread, banana split, banana tree
    bat: baseball bat, cricket bat
    bear: teddy bear, gummy bear, koala bear
    bed: bed room, bed side, bed spread, flower bed, river bed, truck bed
    bench: bench press, work bench
    bicycle: bicycle helmet, bicycle lane, bicycle path, bicycle rack
    bird: bird bath, bird cage, bird feeder, bird house, bird seed
    boat: boat house, gravy boat
    book: book case, book shelf, book store
    bottle: bottle cap, bottle opener
    bowl: super bowl, toilet bowl
    bus: bus driver, bus lane, bus station, bus stop
    cake: cake pan, cake stand, pan cake
    car: car park, car seat, car wash, cable car
    cat: cat food, cat nip, cat tail, cat walk
    chair: chair lift
    clock: clock work
    cow: cow bell, cow boy, cow girl
    crab: crab apple
    cup: cup board, cup cake, cup holder, world cup
    dog: hot dog, corn dog, chili dog, dog food, dog house, dog park, prairie dog
    donut: donut shop
    drum: drum stick, oil drum
    duck: duck tape, rubber duck
    elephant: elephant seal
    fork: fork lift, pitch fork, tuning fork
    glass: wine glass, looking glass, hour glass
    horse: horse back, horse fly, horse radish, horse shoe, rocking horse, saw horse, sea horse
    kite: kite surfer, kite surfing
    knife: knife block
    light: traffic light
    mouse: mouse pad, mouse trap
    mushroom: mushroom cloud
    orange: orange juice, orange tree
    oven: oven mitt
    pear: pear tree, prickly pear
    phone: cell phone
    pizza: pizza box, pizza cutter, pizza oven
    plant: potted plant, power plant
    refrigerator: refrigerator magnet
    sandwich: sandwich board
    sheep: sheep dog, sheep skin
    sign: stop sign
    strawberry: strawberry jam
    table: dining table, table cloth, table spoon
    tie: tie dye
    toaster: toaster oven
    toilet: toilet paper
    train: train station, train track, train yard
    tree: tree house, shoe tree
    truck: truck stop
    turtle: turtle neck
    tv: tv remote, tv stand
    umbrella: umbrella stand
"""


def _table() -> dict[str, tuple[str, ...]]:
    lines = (line.split(":") for line in _COMPOUNDS.strip().splitlines())
    return {
        noun.strip(): tuple(phrase.strip() for phrase in phrases.split(","))
        for noun, phrases in lines
    }


COMPOUNDS: Mapping[str, tuple[str, ...]] = _table()
"""Noun -> phrases in which it is not what is named: a hot dog is no dog, a bus stop no bus."""


def forms(noun: str) -> tuple[str, ...]:
    """A noun and its plurals: "bus" and "buses", "strawberry" and "strawberries", "mouse", "mice".

    Of a noun of several words the last one is inflected.
    """
    *before, last = noun.split(" ")
    lead = "".join(f"{part} " for part in before)
    stem = last if last in _IRREGULAR else _person(last)
    if stem is None:
        return noun, *(lead + plural for plural in _regular(last))
    plurals = [lead + last.removesuffix(stem) + plural for plural in _IRREGULAR[stem]]
    return tuple(dict.fromkeys((noun, *plurals)))


def _person(noun: str) -> str | None:
    """The end of "fireman", "policewoman", "grandchild"."""
    ends = [end for end in ("woman", "man", "child", "person") if noun.endswith(end)]
    return ends[0] if ends and not noun.casefold().endswith(_NO_MEN) else None


def _regular(noun: str) -> tuple[str, ...]:
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return (noun + "es",)
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return (noun[:-1] + "ies",)
    if noun.endswith(("fe", "lf", "eaf", "oaf")):
        return noun + "s", noun.removesuffix("e")[:-1] + "ves"
    return (noun + "s",)


def singulars(word: str) -> Iterable[str]:
    """What a word is the plural of, if it is one."""
    for ending, instead in (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe")):
        stem = word.removesuffix(ending) + instead
        if word.endswith(ending) and word in forms(stem):
            yield stem
    for stem, plurals in _IRREGULAR.items():
        for plural in plurals:
            whole = word.removesuffix(plural) + stem
            if word.endswith(plural) and whole != word and word in forms(whole):
                yield whole


def plain_name(name: str) -> str:
    """A noun as it is compared: lower case, single spaces in place of underscores and hyphens.

    Examples
    --------
    >>> plain_name(" Hot_Dog"), plain_name("t-shirt")
    ('hot dog', 't shirt')
    """
    text = name.casefold()
    for sign in ("_", *_HYPHENS):
        text = text.replace(sign, " ")
    return " ".join(text.split())


def nouns_of(nouns: str | Iterable[str]) -> tuple[str, ...]:
    """Several nouns, or one: a text is no list of its letters."""
    return (nouns,) if isinstance(nouns, str) else tuple(nouns)


def spellings(noun: str) -> tuple[str, ...]:
    """How a noun may stand in a text: its forms, of several words apart, with hyphens or joined.

    Examples
    --------
    >>> spellings("hot dog")[:3]
    ('hot dog', 'hot-dog', 'hotdog')
    """
    listed: list[str] = []
    for form in forms(plain_name(noun)):
        parts = form.split(" ")
        joined = ("".join(parts), *(sign.join(parts) for sign in _HYPHENS[1:]))
        listed += [form, "-".join(parts), *joined] if len(parts) > 1 else [form]
    return tuple(dict.fromkeys((*listed, " ".join(noun.split()))))


def mentions(
    prompt: Prompt, names: Mapping[str, Iterable[str]] | Sequence[str]
) -> dict[str, tuple[Word, ...]]:
    """Find where a prompt names the objects of a vocabulary.

    Parameters
    ----------
    prompt
        The prompt.
    names
        The vocabulary: nouns in the singular; or what they are called -> the nouns that name them,
        such as ``"person": ("person", "man", "woman")``.

    Returns
    -------
    dict
        Name -> its words (or phrases) in the prompt, in order; names that do not occur are left
        out. Case, plurals, and hyphens or none between the words of a name do not matter. Of
        names that overlap the longest is taken, the first among equals. A noun inside of one of
        its `COMPOUNDS`, or before a hyphen ("dog-friendly"), is not named.

    Examples
    --------
    >>> mentions(prompt, ["dog", "hot dog"])  # of "a hot dog and a cat"   # doctest: +SKIP
    {'hot dog': (Word(text='hot dog', start=2, end=9),)}
    """
    if not isinstance(names, Mapping):
        names = {name: (name,) for name in nouns_of(names)}
    spans: dict[tuple[int, int], list[str]] = {}
    for name, nouns in names.items():
        for noun in dict.fromkeys(nouns_of(nouns)):
            standing = _standing(prompt, noun)
            hidden = _hidden(prompt, noun) if standing else []
            for start, end in standing:
                if not any(first <= start and end <= last for first, last in hidden):
                    named = spans.setdefault((start, end), [])
                    if name not in named:
                        named.append(name)
    chosen: list[tuple[int, int]] = []
    for span in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(span[1] <= start or end <= span[0] for start, end in chosen):
            chosen.append(span)
    words: dict[str, list[Word]] = {name: [] for name in names}
    for start, end in sorted(chosen):
        for name in spans[start, end]:
            words[name].append(Word(prompt.text[start:end], start, end))
    return {name: tuple(listed) for name, listed in words.items() if listed}


def named_word(prompt: Prompt, noun: str, among: Sequence[str] = ()) -> Word:
    """The one place where a prompt names an object.

    Parameters
    ----------
    noun
        What is looked for.
    among
        Other nouns that may be named, of which a longer one wins.

    Raises
    ------
    StudyError
        If the prompt does not name it, or only as part of something else.
    AmbiguousWordError
        If it does several times.
    """
    words = mentions(prompt, list(dict.fromkeys((noun, *among)))).get(noun, ())
    if len(words) == 1:
        return words[0]
    if words:
        spans = " and ".join(f"{word.start}-{word.end}" for word in words)
        raise AmbiguousWordError(
            f"{noun!r} occurs {len(words)} times in {prompt.text!r}, at characters {spans}. Give "
            "captions that name each of their nouns once."
        )
    inside = [f"{word.start}-{word.end}" for word in prompt.occurrences(noun)]
    reason = f" but as a part of something else, at characters {inside[0]}" if inside else ""
    raise StudyError(
        f"The prompt {prompt.text!r} does not name {noun!r}{reason}. Give captions whose facts "
        "name the nouns they contain."
    )


def _standing(prompt: Prompt, noun: str) -> list[tuple[int, int]]:
    """Spans of the noun's spellings, but for those before a hyphen ("dog-friendly")."""
    behind = {span: prompt.text[span[1] : span[1] + 2] for span in _written(prompt, noun)}
    return [
        span
        for span, text in behind.items()
        if not (text[:1] in tuple(_HYPHENS) and text[1:].isalnum())
    ]


def _written(prompt: Prompt, noun: str) -> list[tuple[int, int]]:
    folded = fold(prompt.text)
    return [
        word.span
        for spelling in spellings(noun)
        if fold(spelling.split(" ")[0]) in folded  # most names of a vocabulary end here
        for word in prompt.occurrences(spelling)
    ]


def _hidden(prompt: Prompt, noun: str) -> list[tuple[int, int]]:
    """Spans of the compounds in which the noun is not what is named."""
    return [
        span
        for compound in COMPOUNDS.get(plain_name(noun), ())
        for span in _written(prompt, compound)
    ]
