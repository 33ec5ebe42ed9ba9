"""The choice of a parser: the one named, the best English one installed, or the shipped one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from daam_nb.errors import MissingExtraError, MissingParserError, ParseError, WrongKindError
from daam_nb.kinds import check_path, check_text, kind_of
from daam_nb.language.parse import Parse, Parser
from daam_nb.language.spacing import single_spaced

SHIPPED = Path(__file__).parent / "caption_parser"
"""Folder of the shipped pipeline, loadable by plain `spacy.load`."""

CAPTION_PARSER = "caption_parser"
"""Name that asks for the shipped caption parser, whatever else is installed."""

BEST_FIRST = ("en_core_web_trf", "en_core_web_lg", "en_core_web_md", "en_core_web_sm")
"""spaCy's own, which come before all others; these are ordered by the score they state."""

CLEAR_LABELS = frozenset({"dobj", "pobj", "prep"})
"""Labels that ClearNLP's scheme has and Universal Dependencies has not."""


class SpacyParser:
    """A spaCy pipeline as a `Parser`.

    Parameters
    ----------
    pipeline
        A `spacy.language.Language` with components for tags and dependencies.
    name
        Name to display; by default the pipeline's own name and version.
    """

    def __init__(self, pipeline: Any, name: str | None = None) -> None:
        if not hasattr(pipeline, "meta") or not hasattr(pipeline, "pipe_names"):
            raise WrongKindError(
                f"SpacyParser takes a loaded spaCy pipeline, not {kind_of(pipeline)}. To load one "
                "by name: load_parser('en_core_web_sm')."
            )
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
        """Parse a text. The pipeline reads it with single spaces; spans are those of the text.

        Raises
        ------
        ParseError
            If spaCy cannot read the text: half a surrogate pair, or more characters than the
            pipeline's `max_length`.
        """
        try:
            check_text(text, "What is parsed").encode("utf-8")
        except UnicodeEncodeError as error:
            raise ParseError(
                f"Character {error.start} of the text is half a surrogate pair "
                f"({text[error.start]!r}), which parsers cannot read. Remove it."
            ) from None
        longest = self._pipeline.max_length
        if len(text) > longest:
            raise ParseError(
                f"The text has {len(text)} characters; {self.name} reads at most {longest}. "
                "Parse it in parts."
            )
        spaced = single_spaced(text)
        return Parse.from_doc(
            self._pipeline(spaced.text), parser=self.name, text=text, spaced=spaced
        )

    def __repr__(self) -> str:
        return f"SpacyParser({self.name!r})"


def load_parser(name: str | None = None) -> Parser:
    """Load a parser for English. Nothing is ever downloaded.

    Parameters
    ----------
    name
        An installed spaCy pipeline ("en_core_web_sm"), the folder of a pipeline, or
        "caption_parser" for the shipped one. By default the first of `installed_pipelines`, else
        the shipped one.

    Returns
    -------
    Parser
        The parser; its `name` identifies it, and should be shown with results that depend on it.

    Raises
    ------
    MissingExtraError
        If spaCy is not installed.
    MissingParserError
        If the requested pipeline is not installed, or the shipped one's files are missing.
    ParseError
        If the pipeline has no dependency parser.

    Warns
    -----
    UserWarning
        If an installed pipeline does not load, so that the next one is used.

    Examples
    --------
    >>> parser = load_parser("caption_parser")  # doctest: +SKIP
    >>> [word.relation for word in parser("a dog on the grass").words]  # doctest: +SKIP
    ['det', 'ROOT', 'prep', 'det', 'pobj']
    """
    if name is not None:
        checked = check_path(name, "The name of a parser")
        name = name if isinstance(name, str) else str(checked)
    spacy = _spacy()
    if name == CAPTION_PARSER:
        return _shipped(spacy)
    if name is not None:
        return SpacyParser(_named(spacy, name))
    for candidate in installed_pipelines():
        try:
            return SpacyParser(spacy.load(candidate))
        except Exception as error:  # whatever a package made for another version may raise
            warnings.warn(
                f"The spaCy pipeline {candidate!r} is installed but cannot be loaded "
                f"({type(error).__name__}: {error}). The next best parser is used.",
                stacklevel=2,
            )
    return _shipped(spacy)


def installed_pipelines() -> tuple[str, ...]:
    """List the installed pipelines that `load_parser` chooses among, the best first.

    A pipeline qualifies by its metadata, not by its name: English, with a dependency parser in
    ClearNLP's labels, which all of spaCy's own English pipelines use and from which the paper's
    relation names derive. Others are loaded only by name.

    Returns
    -------
    tuple of str
        en_core_web_trf, _lg, _md and _sm, then all others by the labeled attachment that their
        ``meta.json`` states (those that state none last), then by name.

    Raises
    ------
    MissingExtraError
        If spaCy is not installed.

    Warns
    -----
    UserWarning
        If a pipeline's metadata cannot be read, so that it is left out.
    """
    spacy = _spacy()
    ranks: dict[str, tuple[int, float]] = {}
    for name in spacy.util.get_installed_models():
        try:
            facts = _meta(spacy, name)
        except (OSError, ValueError, ImportError) as error:
            warnings.warn(
                f"The spaCy pipeline {name!r} is installed but its metadata cannot be read "
                f"({type(error).__name__}: {error}). It is left out.",
                stacklevel=3,
            )
            continue
        if _parses_english(facts):
            own = BEST_FIRST.index(name) if name in BEST_FIRST else len(BEST_FIRST)
            ranks[name] = own, -_stated_score(facts)
    return tuple(sorted(ranks, key=lambda name: (*ranks[name], name)))


def _meta(spacy: Any, name: str) -> dict[str, Any]:
    """The ``meta.json`` of an installed pipeline."""
    facts = spacy.util.get_model_meta(spacy.util.get_package_path(name))
    if not isinstance(facts, dict):
        raise ValueError(f"its meta.json holds {type(facts).__name__}, not an object")
    return facts


def _parses_english(facts: dict[str, Any]) -> bool:
    components = {*(facts.get("pipeline") or ()), *(facts.get("components") or ())}
    if facts.get("lang") != "en" or "parser" not in components:
        return False
    labels = (facts.get("labels") or {}).get("parser")
    return labels is None or set(labels) >= CLEAR_LABELS


def _stated_score(facts: dict[str, Any]) -> float:
    """Labeled attachment, 0 to 1, as the pipeline's makers state it; -1 where they do not."""
    score = (facts.get("performance") or {}).get("dep_las")
    return float(score) if isinstance(score, int | float) else -1.0


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
        if name in (".", "..") or Path(name).name != name or Path(name).exists():
            raise MissingParserError(
                f"{name!r} is not a spaCy pipeline's folder: it needs config.cfg and meta.json. "
                "Give the folder that holds both, the name of an installed pipeline, or use the "
                f"shipped one: load_parser({CAPTION_PARSER!r})."
            ) from None
        installed = ", ".join(sorted(spacy.util.get_installed_models())) or "none"
        raise MissingParserError(
            f"{name!r} is neither an installed spaCy pipeline nor a folder of one (installed: "
            f"{installed}). Install it with `python -m spacy download {name}`, or use the shipped "
            f"one: load_parser({CAPTION_PARSER!r})."
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
