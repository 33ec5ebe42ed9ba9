"""Parses written by hand: "a/det>1 dog/NOUN/ROOT" is easier to read than heads and offsets."""

from __future__ import annotations

from daam_nb.language import Arc, Parse, ParsedWord


def parsed(rows: str, *, parser: str = "by hand") -> Parse:
    """Make a parse from one row per word: text, part of speech, head's place, relation.

    Words are joined by single blanks; places count from 0; the root's head is its own place.
    """
    words, text = [], ""
    for row in rows.strip().splitlines():
        form, pos, head, relation = row.split()
        text += " " if text else ""
        start = len(text)
        text += form
        words.append(ParsedWord(form, start, len(text), form.lower(), pos, "", int(head), relation))
    return Parse(text, tuple(words), parser)


def shown(parse: Parse, arcs: tuple[Arc, ...]) -> set[str]:
    """Arcs as "head dependent relation" in words, for comparison and for reading."""
    return {
        f"{parse.words[a.head].text} {parse.words[a.dependent].text} {a.relation}" for a in arcs
    }
