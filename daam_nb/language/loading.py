"""Which parser: the one named, else the best English one installed, else the one that ships."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from daam_nb.errors import MissingExtraError, MissingParserError, ParseError
from daam_nb.language.parse import Parse, Parser

SHIPPED = Path(__file__).parent / "caption_parser"
"""Folder of the shipped pipeline, loadable by plain `spacy.load`."""

CAPTION_PARSER = "caption_parser"
"""Name that asks for the shipped caption parser, whatever else is installed."""

BEST_FIRST = ("en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm")


class SpacyParser:
    """A spaCy pipeline as a `Parser`.

    Parameters
    ----------
    pipeline
        A `spacy.language.Language` whose components give tags and dependencies.
    name
        What is shown; by default the pipeline's own name and version.
    """

    def __init__(self, pipeline: Any, name: str | None = None) -> None:
        facts = pipeline.meta
        own = f"{facts['lang']}_{facts['name']} {facts['version']}"
        self.name = own if name is None else name
        if "parser" not in pipeline.pipe_names:
            raise ParseError(
                f"The spaCy pipeline {self.name!r} has no component `parser` (it has "
                f"{', '.join(pipeline.pipe_names) or 'none'}), so it gives no dependencies. "
                "Use a full one such as en_core_web_sm, or the shipped caption parser."
            )
        self._pipeline = pipeline

    def __call__(self, text: str) -> Parse:
        """Parse a text.

        Raises
        ------
        ParseError
            Where spaCy cannot read the text: half a surrogate pair, or more characters than the
            pipeline's `max_length`.
        """
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ParseError(
                f"Character {error.start} of the text is half a surrogate pair "
                f"({text[error.start]!r}), which no parser reads. Remove it."
            ) from None
        longest = self._pipeline.max_length
        if len(text) > longest:
            raise ParseError(
                f"The text has {len(text)} characters; {self.name} reads at most {longest}. "
                "Parse it in parts."
            )
        return Parse.from_doc(self._pipeline(text), parser=self.name)

    def __repr__(self) -> str:
        return f"SpacyParser({self.name!r})"


def load_parser(name: str | None = None) -> Parser:
    """Load a parser of English. Nothing is ever downloaded.

    Parameters
    ----------
    name
        An installed spaCy pipeline ("en_core_web_sm"), a folder of one, or "caption_parser" for
        the one that ships. By default the best of en_core_web_trf, _lg, _md and _sm that is
        installed, else the one that ships.

    Returns
    -------
    Parser
        Its `name` says which one it became; show it with whatever rests on it.

    Raises
    ------
    MissingExtraError
        Where spaCy is not installed.
    MissingParserError
        Where the pipeline asked for is not installed, or the shipped one's files are missing.
    ParseError
        Where the pipeline has no dependency parser.

    Warns
    -----
    UserWarning
        Where an installed pipeline does not load, so that the next one is taken.

    Examples
    --------
    >>> parser = load_parser("caption_parser")  # doctest: +SKIP
    >>> [word.relation for word in parser("a dog on the grass").words]  # doctest: +SKIP
    ['det', 'ROOT', 'prep', 'det', 'pobj']
    """
    spacy = _spacy()
    if name == CAPTION_PARSER:
        return _shipped(spacy)
    if name is not None:
        return SpacyParser(_named(spacy, name))
    installed = set(spacy.util.get_installed_models())
    for candidate in BEST_FIRST:
        if candidate in installed:
            try:
                return SpacyParser(spacy.load(candidate))
            except Exception as error:  # whatever a package made for another version may raise
                warnings.warn(
                    f"The spaCy pipeline {candidate!r} is installed and does not load "
                    f"({type(error).__name__}: {error}). The next best parser is used.",
                    stacklevel=2,
                )
    return _shipped(spacy)


def _spacy() -> Any:
    try:
        import spacy
    except ImportError:
        raise MissingExtraError("spacy", "studies", "Parsing a sentence") from None
    return spacy


def _named(spacy: Any, name: str) -> Any:
    try:
        return spacy.load(name)
    except OSError as error:
        if "E050" not in str(error) and "E053" not in str(error):
            raise
        found = ", ".join(sorted(spacy.util.get_installed_models())) or "none"
        raise MissingParserError(
            f"No spaCy pipeline {name!r} is installed, nor is it a folder of one (installed: "
            f"{found}). Install it with `python -m spacy download {name}`, or take the one that "
            f"ships: load_parser({CAPTION_PARSER!r})."
        ) from None


def _shipped(spacy: Any) -> Parser:
    if not (SHIPPED / "meta.json").exists():
        raise MissingParserError(
            f"The shipped caption parser is not in {SHIPPED}. Installed packages have it; in a "
            "source checkout without it, make it with `python -m training parser`, or install an "
            "English pipeline: `python -m spacy download en_core_web_sm`."
        )
    pipeline = spacy.load(SHIPPED)
    return SpacyParser(pipeline, f"daam_nb caption parser {pipeline.meta['version']}")
