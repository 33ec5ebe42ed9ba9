"""Captions from files, from templates, and from recombined nouns and adjectives."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from daam_nb.errors import StudyError
from daam_nb.kinds import check_flag, check_path, check_text, kind_of, number_between
from daam_nb.studies.arguments import share as share_of
from daam_nb.studies.arguments import texts

_SLOT = re.compile(r"\{(\w+)\}")
_SEEDS = ("seed", "seeds", "sead", "sed", "random_seed", "random seed")  # or nearly so
_BREAK = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")  # what breaks a line, anywhere


@dataclass(frozen=True)
class Caption:
    """A prompt to generate images from, with its facts.

    Attributes
    ----------
    text
        The prompt.
    facts
        Plain JSON data that accompanies it in every table: an image id, its nouns, its kind.
    """

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise StudyError(f"A caption must be a text that is not blank, not {self.text!r:.100}.")
        if not isinstance(self.facts, Mapping):
            raise StudyError(
                "The facts of a caption must be a mapping from names to values, not "
                f"{kind_of(self.facts)}: Caption({self.text!r}, {{'seed': 3}})."
            )


def as_captions(prompts: Iterable[str | Caption] | str) -> list[Caption]:
    """Read texts and captions alike.

    Raises
    ------
    StudyError
        If there is none.
    """
    if isinstance(prompts, str | Caption):
        prompts = [prompts]
    if isinstance(prompts, os.PathLike):
        raise StudyError(
            "Captions must be texts, not a path. Read the file: "
            f"corpus.from_text({str(prompts)!r}), or from_csv, from_jsonl, from_coco."
        )
    if hasattr(prompts, "columns") or isinstance(prompts, Mapping):
        raise StudyError(
            f"Captions must be texts or Captions, one or several, not a {type(prompts).__name__}, "
            "of which only the column names would be drawn. From a table: [Caption(row.caption, "
            "{'seed': row.seed}) for row in table.itertuples()], or from its file: corpus.from_csv."
        )
    unread: Any = prompts
    if isinstance(unread, bytes | bytearray) or not isinstance(unread, Iterable):
        raise StudyError(
            f"Captions must be texts or Captions, one or several, not a {type(prompts).__name__}. "
            "Give facts about a text as Caption(text, facts)."
        )
    captions = [item if isinstance(item, Caption) else Caption(item) for item in prompts]
    if not captions:
        raise StudyError("There are no captions. Give at least one text.")
    return captions


def from_file(path: str | Path) -> list[Caption]:
    """Read captions from a text, CSV, JSON lines or COCO captions JSON file, by its suffix.

    Raises
    ------
    StudyError
        For another suffix, and as for `from_text`, `from_csv`, `from_jsonl` and `from_coco`.
    """
    path = check_path(path, "path")
    readers = {".txt": from_text, ".csv": from_csv, ".jsonl": from_jsonl, ".json": from_coco}
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise StudyError(
            f"{path}: the suffix {path.suffix!r} is unknown. Use one of {', '.join(readers)}."
        )
    return readers[suffix](path)


def from_text(path: str | Path) -> list[Caption]:
    """Read captions from a UTF-8 text file, one per line; blank lines are left out."""
    lines = _lines(path)
    return _some([_of_record({"": line}, "", str(path)) for line in lines if line.strip()], path)


def from_csv(path: str | Path, *, column: str = "caption") -> list[Caption]:
    """Read captions from a column of a CSV file; the other columns become facts.

    A line break inside a caption becomes a blank. A column ``seed`` holds integers, or is empty:
    images are generated from these seeds.

    Raises
    ------
    StudyError
        If the file lacks the column, has a column twice, or has a row without a caption, with more
        cells than columns, or with a seed that is not an integer; if a quotation mark is never
        closed.
    """
    rows = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    captions = []
    try:
        names = [name.strip() for name in next(rows, [])]
        _check_columns(names, column, path)
        for number, row in enumerate((row for row in rows if row), 1):
            where = f"{path}, row {number}"
            if len(row) > len(names):
                raise StudyError(
                    f"{where} has {len(row)} cells, but there are {len(names)} columns "
                    f"({_listed(names)}). Put a caption with a comma in quotation marks."
                )
            cells: dict[str, Any] = dict(itertools.zip_longest(names, row))
            captions.append(_of_record({**cells, **_seed_of(cells, where)}, column, where))
    except csv.Error as error:
        raise StudyError(
            f"{path}, line {rows.line_num}, is not CSV: {error}. Check that every quotation mark "
            "is closed."
        ) from None
    return _some(captions, path)


def from_jsonl(path: str | Path, *, field: str = "caption") -> list[Caption]:
    """Read captions from a JSON lines file: one object per line; its other fields become facts.

    Raises
    ------
    StudyError
        If a line is not an object or lacks the field.
    """
    captions = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StudyError(f"{where} is not JSON: {error}.") from None
        if not isinstance(record, dict) or field not in record:
            raise StudyError(
                f"{where} is not an object with the field {field!r}. Choose one: field=..."
            )
        captions.append(_of_record(record, field, where))
    return _some(captions, path)


def from_coco(
    path: str | Path, *, per_image: int | None = 1, image_seeds: bool = True
) -> list[Caption]:
    """Read captions from COCO's captions JSON, such as ``captions_val2014.json``.

    Parameters
    ----------
    path
        The local file. Nothing is downloaded.
    per_image
        Number of captions per image, in the file's order; None: all (about five).
    image_seeds
        Whether the seed of each caption is its image's id, as in the paper's experiments, so that
        captions of one image share their noise. False: each has its own seed (`corpus.own_seed`).

    Returns
    -------
    list of Caption
        In the order of image ids; facts: ``image_id``, ``caption_id`` and, with `image_seeds`,
        ``seed``. A text that belongs to several images is taken once, with the first of them.

    Raises
    ------
    StudyError
        If the file is missing or has another format.

    References
    ----------
    Chen et al. 2015, "Microsoft COCO Captions", https://arxiv.org/abs/1504.00325
    """
    path = check_path(path, "path")
    check_flag(image_seeds, "image_seeds")
    if per_image is not None:
        per_image = number_between(per_image, "per_image", low=1)
    if not path.is_file():
        raise StudyError(
            f"There is no file {path}. COCO's captions come in annotations_trainval2014.zip (241 "
            "MB) from https://cocodataset.org/#download; unpack it and name the file "
            "annotations/captions_val2014.json. daam_nb does not download it."
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = [(e["image_id"], e["id"], e["caption"]) for e in document["annotations"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StudyError(
            f"{path} is not a captions file of COCO: an object whose 'annotations' are objects "
            f"with "
            f"'image_id', 'id' and 'caption' ({type(error).__name__}: {error})."
        ) from None
    seen: dict[Any, int] = {}
    captions: dict[str, Caption] = {}
    for image_id, caption_id, written in sorted(entries, key=lambda entry: entry[0]):
        if per_image is not None and seen.get(image_id, 0) >= per_image:
            continue
        seen[image_id] = seen.get(image_id, 0) + 1
        facts = {"image_id": image_id, "caption_id": caption_id}
        facts |= {"seed": image_id} if image_seeds else {}
        text = " ".join(str(written).split())
        captions.setdefault(text, Caption(text, facts))
    return _some(list(captions.values()), path)


def from_template(template: str, /, **slots: Sequence[str]) -> list[Caption]:
    """Fill a template with every combination of its slots' words.

    Parameters
    ----------
    template
        Text with slots, such as ``"a {adj} {noun} sitting in a clean shed"``. Before a slot, "a"
        becomes "an" if the word filled in begins with a vowel letter.
    slots
        The words of each slot.

    Returns
    -------
    list of Caption
        The last slot varies fastest; facts: ``template`` and the word of each slot.

    Examples
    --------
    >>> [c.text for c in from_template("a {adj} {noun}", adj=["rusty", "old"], noun=["shovel"])]
    ['a rusty shovel', 'an old shovel']
    """
    check_text(template, "The template")
    named = list(dict.fromkeys(_SLOT.findall(template)))
    if set(named) != set(slots):
        raise StudyError(
            f"The template {template!r} has the slots {_listed(named)}, but words were given for "
            f"{_listed(slots)}. Give words for exactly its slots."
        )
    for name, words in slots.items():
        if isinstance(words, str) or not len(texts(words, f"The slot {name!r}")):
            raise StudyError(f"The slot {name!r} must have a list of words, not {words!r}.")
    captions = []
    for words in itertools.product(*(slots[name] for name in named)):
        filling = dict(zip(named, words, strict=True))
        captions.append(Caption(_filled(template, filling), {"template": template, **filling}))
    return captions


def recombined(
    nouns: Sequence[str],
    adjectives: Sequence[str] = (),
    *,
    count: int,
    seed: int = 0,
    adjective_share: float = 0.5,
) -> list[Caption]:
    """Make captions of things that are rarely seen together, as in the paper's Unreal-Gen.

    Two different nouns are drawn at random, each with an adjective in some of the captions: "a
    rusty zebra and a banana". No caption comes twice.

    Parameters
    ----------
    nouns, adjectives
        The words to draw from, each equally likely.
    count
        Number of captions.
    seed
        Seed of the draws.
    adjective_share
        Probability of an adjective before each noun, 0 to 1; 0 if there are no adjectives.

    Returns
    -------
    list of Caption
        Facts: ``nouns`` and ``adjectives`` (None if a noun has none).

    Raises
    ------
    StudyError
        If there are not enough different captions.

    References
    ----------
    Tang et al. 2023, "What the DAAM", section 3.1, https://aclanthology.org/2023.acl-long.310
    """
    nouns, adjectives = texts(nouns, "nouns"), texts(adjectives, "adjectives")
    count = number_between(count, "count", low=1)
    adjective_share = share_of(adjective_share, "adjective_share")
    if len(set(nouns)) < 2:
        raise StudyError(f"Recombining needs at least two different nouns, not {list(nouns)!r}.")
    rng = np.random.default_rng(seed)
    share = adjective_share if adjectives else 0.0
    captions: dict[str, Caption] = {}
    for _ in range(100 * count + 1000):
        if len(captions) == count:
            break
        pair = [str(noun) for noun in rng.choice(sorted(set(nouns)), 2, replace=False)]
        chosen = [str(rng.choice(adjectives)) if rng.random() < share else None for _ in pair]
        phrases = [f"{a} {n}" if a else n for a, n in zip(chosen, pair, strict=True)]
        text = " and ".join(f"{_article(phrase)} {phrase}" for phrase in phrases)
        captions.setdefault(text, Caption(text, {"nouns": pair, "adjectives": chosen}))
    if len(captions) < count:
        raise StudyError(
            f"Only {len(captions)} different captions can be made, not the {count} requested. Give "
            "more nouns or adjectives."
        )
    return list(captions.values())


def _filled(template: str, filling: Mapping[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        article, word = match[1] or "", filling[match[2]]
        if article:
            article = ("A" if article[0] == "A" else "a") + _article(word)[1:] + article[-1]
        return article + word

    return re.sub(r"(\b[Aa]n?\s)?\{(\w+)\}", fill, template)


def _article(phrase: str) -> str:
    return "an" if phrase[:1].lower() in "aeiou" else "a"


def _of_record(record: Mapping[str, Any], name: str, where: str) -> Caption:
    text = record[name]
    if not isinstance(text, str) or not text.strip():
        raise StudyError(f"{where}: {name!r} must be a text, not {text!r}.")
    facts = {key: value for key, value in record.items() if key != name}
    return Caption(_BREAK.sub(" ", text.strip()), facts)


def _check_columns(names: Sequence[str], column: str, path: str | Path) -> None:
    if column not in names:
        raise StudyError(
            f"{path} has no column {column!r}; it has {_listed(names)}. Choose one: column=..."
        )
    if near := [name for name in names if name != "seed" and name.casefold() in _SEEDS]:
        raise StudyError(
            f"{path} has a column {near[0]!r}. Rename it to 'seed' to draw each image from it, or "
            "give it another name if it is not a seed."
        )
    if twice := [name for name in names if names.count(name) > 1]:
        raise StudyError(f"{path} has two columns {twice[0]!r}. Give each its own name.")


def _seed_of(cells: Mapping[str, Any], where: str) -> dict[str, int | None]:
    """A CSV's seed as a number; None if the cell is empty."""
    if "seed" not in cells:
        return {}
    written = (cells["seed"] or "").strip()
    if written and not re.fullmatch(r"-?[0-9]+", written):
        raise StudyError(
            f"{where}: the seed is {written!r}; it must be a whole number, or left empty."
        )
    return {"seed": int(written) if written else None}


def _lines(path: str | Path) -> list[str]:
    """Split text at line ends only; other line-breaking characters are kept."""
    return re.split(r"\r\n|\n|\r", _text(path))


def _text(path: str | Path) -> str:
    try:
        return check_path(path, "path").read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise StudyError(f"There is no file {path}. Give the path of a file of captions.") from None
    except (UnicodeDecodeError, OSError) as error:
        raise StudyError(f"{path} cannot be read as UTF-8 text: {error}.") from None


def _some(captions: list[Caption], path: str | Path) -> list[Caption]:
    if not captions:
        raise StudyError(f"{path} holds no caption.")
    return captions


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
