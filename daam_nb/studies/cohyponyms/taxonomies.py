"""Taxonomies of nouns: the paper's nouns of COCO, or any classes.

Two nouns are *cohyponyms* if they are of one class (zebra, giraffe), *near* if their classes are of
one family (zebra, cat: both animals), *unrelated* otherwise (zebra, oven).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from daam_nb.errors import StudyError, nearest_name, unknown_names_message
from daam_nb.kinds import check_choice, kind_of, number_between
from daam_nb.studies.arguments import texts
from daam_nb.studies.corpus.captions import Caption, from_template
from daam_nb.studies.oracles.nouns import plain_name

Kind = Literal["cohyponyms", "near", "unrelated"]

KINDS: tuple[Kind, ...] = ("cohyponyms", "near", "unrelated")
TEMPLATE = "a {first} and a {second}"

FAMILIES: dict[str, tuple[str, ...]] = {
    "animal": (
        *("wild animal", "pet", "bird", "sea animal", "farm animal", "insect"),
        *("hoofed animal", "zoo animal"),
    ),
    "plant": ("fruit", "plant", "flower", "vegetable"),
    "vehicle": ("cycle", "motor vehicle"),
    "food": ("snack", "sweet"),
    "kitchen thing": ("cutlery", "vessel", "appliance"),
}
"""Family -> names of classes that belong to it; a class that stands nowhere is its own family."""


@dataclass(frozen=True)
class Taxonomy:
    """Nouns by class, and classes by family.

    Attributes
    ----------
    classes
        Class -> its nouns, singular (a text is one noun). A noun is in one class.
    families
        Family -> its classes; a class in none is a family of its own.
    name
        Its name in tables.

    Raises
    ------
    StudyError
        For an empty class, a noun in two classes (case and hyphens are ignored), a class in two
        families, and a family with an unknown class.
    """

    classes: Mapping[str, Sequence[str]]
    families: Mapping[str, Sequence[str]] = field(default_factory=lambda: FAMILIES)
    name: str = "the caller's nouns"

    def __post_init__(self) -> None:
        classes = _groups(self.classes, "classes=", "class -> its nouns")
        families = _groups(self.families, "families=", "family -> its classes")
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "families", families)
        if not classes or not all(classes.values()):
            raise StudyError(
                "A taxonomy needs at least one class, and each class at least one noun."
            )
        for whose, groups in (("noun", classes), ("class", families)):
            every = [plain_name(member) for members in groups.values() for member in members]
            twice = [member for member in dict.fromkeys(every) if every.count(member) > 1]
            if twice:
                raise StudyError(f"The {whose} {twice[0]!r} occurs more than once. List it once.")
        if self.families != FAMILIES:  # these are for any classes that have such names
            unknown = [n for of in families.values() for n in of if n not in classes]
            if unknown:
                raise StudyError(
                    unknown_names_message(unknown, classes, where="families=", what="class")
                )

    @property
    def nouns(self) -> tuple[str, ...]:
        """All of them, class by class."""
        return tuple(noun for nouns in self.classes.values() for noun in nouns)

    def class_of(self, noun: str) -> str:
        """The class of a noun.

        Raises
        ------
        StudyError
            For a noun that is in none.
        """
        for name, nouns in self.classes.items():
            if noun in nouns:
                return name
        near = nearest_name(str(noun), self.nouns)
        raise StudyError(
            f"{noun!r} is not a noun of {self.name}{f'; did you mean {near!r}?' if near else ''}; "
            f"its nouns are {', '.join(self.nouns)}."
        )

    def kind_of(self, one: str, other: str) -> Kind:
        """How two nouns are related."""
        a, b = self.class_of(one), self.class_of(other)
        if a == b:
            return "cohyponyms"
        return "near" if self._family(a) == self._family(b) else "unrelated"

    def partners(self, noun: str, kind: Kind) -> list[str]:
        """The other nouns that are related to this one in this way, in the order of `nouns`."""
        check_choice(kind, "kind", KINDS)
        return [n for n in self.nouns if n != noun and self.kind_of(noun, n) == kind]

    def _family(self, name: str) -> str:
        return next((f for f, classes in self.families.items() if name in classes), name)


def _groups(groups: Any, name: str, what: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(groups, Mapping):
        raise StudyError(f"A taxonomy's {name} must be {what}, not {kind_of(groups)}.")
    return {group: texts(members, f"{name[:-1]}[{group!r}]") for group, members in groups.items()}


COCO = Taxonomy(
    classes={
        "cycle": ("bicycle", "motorcycle"),
        "motor vehicle": ("bus", "truck", "car"),
        "hoofed animal": ("cow", "horse", "sheep"),
        "pet": ("cat", "dog"),
        "zoo animal": ("elephant", "bear", "zebra", "giraffe"),
        "bag": ("backpack", "handbag", "suitcase"),
        "board": ("snowboard", "surfboard", "skateboard"),
        "cutlery": ("fork", "knife", "spoon"),
        "vessel": ("bowl", "cup"),
        "fruit": ("banana", "apple", "orange"),
        "snack": ("sandwich", "hot dog", "pizza"),
        "sweet": ("cake", "donut"),
        "seat": ("chair", "couch", "bench"),
        "device": ("tv", "cell phone", "laptop"),
        "appliance": ("oven", "toaster", "refrigerator"),
    },
    families={
        "vehicle": ("cycle", "motor vehicle"),
        "animal": ("hoofed animal", "pet", "zoo animal"),
        "food": ("fruit", "snack", "sweet"),
        "kitchen thing": ("cutlery", "vessel", "appliance"),
    },
    name="42 nouns of COCO in 15 classes",
)
"""The paper's nouns and leaf classes. Their names and the families are ours."""


def pair_captions(
    taxonomy: Taxonomy,
    *,
    rounds: int = 1,
    exclude: Iterable[Iterable[str]] = (),
    template: str = TEMPLATE,
    seed: int = 0,
) -> list[list[Caption]]:
    """Draw matched prompts: each noun with a cohyponym, a near noun and an unrelated one.

    Parameters
    ----------
    taxonomy
        The nouns.
    rounds
        How often each noun is the first of a prompt of each kind.
    exclude
        Pairs of nouns that are not drawn, such as pairs that the model was never shown.
    template
        With the slots ``{first}`` and ``{second}``; a/an is mended.
    seed
        Seed of the draw.

    Returns
    -------
    list of list of Caption
        One list per round, without duplicates: draw each round with its own seeds. Facts:
        ``kind``, ``first``, ``second``, ``first_class``, ``second_class``. A noun without a partner
        of some kind has no prompt of that kind. Within a kind the nouns are partners equally often,
        as far as that is possible.

    Raises
    ------
    StudyError
        If no noun has both a cohyponym and an unrelated noun, so that nothing can be compared;
        if `exclude` holds anything but pairs of the taxonomy's nouns.
    """
    rounds = number_between(rounds, "rounds", low=0)
    partner = _Partners(taxonomy, excluded_pairs(taxonomy, exclude), seed)
    groups_made = []
    for _ in range(rounds):
        captions = []
        for first in partner.order():
            for kind in KINDS:
                second = partner.of(first, kind)
                if second is not None:
                    captions.append(_caption(taxonomy, kind, first, second, template))
        groups_made.append(captions)
    kinds = {caption.facts["kind"] for captions in groups_made for caption in captions}
    for kind in ("cohyponyms", "unrelated"):
        if rounds > 0 and kind not in kinds:
            raise StudyError(
                f"{taxonomy.name} has no pair that is {kind}, so there is nothing to compare. It "
                "needs two classes of different families, one of them with two nouns."
            )
    return groups_made


def excluded_pairs(taxonomy: Taxonomy, exclude: Iterable[Iterable[str]]) -> set[frozenset[str]]:
    """Read pairs that are not drawn: nouns of the taxonomy, in any order.

    Raises
    ------
    StudyError
        For anything else, such as one flat pair, three nouns, or a noun in another case.
    """
    if isinstance(exclude, str | Mapping) or not isinstance(exclude, Iterable):
        raise StudyError(
            f"exclude= must be pairs of nouns, as in {_PAIRS}, not {kind_of(exclude)}."
        )
    pairs = set()
    for pair in exclude:
        members = None if isinstance(pair, str) or not isinstance(pair, Iterable) else tuple(pair)
        if members is None or len(set(members)) != 2:
            raise StudyError(
                f"exclude= must be pairs of two different nouns, as in {_PAIRS}, not {pair!r:.60}."
            )
        for noun in members:
            taxonomy.class_of(noun)
        pairs.add(frozenset(members))
    return pairs


_PAIRS = "exclude=[('cat', 'dog')]"


class _Partners:
    """Draws so that nouns are partners equally often within a kind."""

    def __init__(self, taxonomy: Taxonomy, excluded: set[frozenset[str]], seed: int) -> None:
        self.taxonomy = taxonomy
        self.excluded = excluded
        self.rng = np.random.default_rng(seed)
        self.used: Counter[tuple[str, str]] = Counter()  # (kind, partner)
        self.seen: Counter[tuple[str, str]] = Counter()  # (first, partner)

    def order(self) -> list[str]:
        return [str(noun) for noun in self.rng.permutation(self.taxonomy.nouns)]

    def of(self, first: str, kind: Kind) -> str | None:
        every = self.taxonomy.partners(first, kind)
        partners = [noun for noun in every if frozenset((first, noun)) not in self.excluded]
        if not partners:
            return None
        # Least often with this noun, then least often at all, then by chance.
        chance = dict(zip(partners, self.rng.random(len(partners)), strict=True))
        second = min(partners, key=lambda n: (self.seen[first, n], self.used[kind, n], chance[n]))
        self.used[kind, second] += 1
        self.seen[first, second] += 1
        return second


def _caption(taxonomy: Taxonomy, kind: Kind, first: str, second: str, template: str) -> Caption:
    text = from_template(template, first=[first], second=[second])[0].text
    facts = {
        "kind": kind,
        "first": first,
        "second": second,
        "first_class": taxonomy.class_of(first),
        "second_class": taxonomy.class_of(second),
    }
    return Caption(text, facts)
