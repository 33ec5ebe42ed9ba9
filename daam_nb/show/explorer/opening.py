"""explore(run): the explorer of one recording or of two; hand_out(run, path): a page of it."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from daam_nb.errors import MissingExtraError, WrongKindError
from daam_nb.kinds import check_flag, kind_of
from daam_nb.recording import LayerChoice, Recording
from daam_nb.show.explorer.controls import check_names
from daam_nb.show.explorer.export.handout import MAX_BYTES, write
from daam_nb.show.explorer.export.png import free_path
from daam_nb.show.explorer.export.snapshot import look_of
from daam_nb.show.explorer.model.selection import number_of
from daam_nb.show.explorer.model.subject import Subject, subject_of
from daam_nb.show.explorer.model.syntax import ParserChoice, Syntax
from daam_nb.show.explorer.redrawing.door import is_pipeline

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.head_tables import HeadTable
    from daam_nb.prompt import Word
    from daam_nb.show.explorer.page.comparing import Comparison
    from daam_nb.show.explorer.page.widget import Explorer


@overload
def explore(
    run: Recording,
    other: Any = None,
    *,
    pipe: Any = ...,
    layers: LayerChoice = ...,
    recommended: LayerChoice | None = ...,
    parser: ParserChoice = ...,
    word: str | int | Word | tuple[int, int] | None = ...,
    images: Sequence[Image] | None = ...,
    negative: bool = ...,
    kind: str = ...,
    head_table: HeadTable | str | PathLike[str] | bool | None = ...,
    **choices: Any,
) -> Explorer: ...


@overload
def explore(
    run: Recording,
    other: Recording,
    *,
    pipe: Any = ...,
    layers: LayerChoice = ...,
    recommended: LayerChoice | None = ...,
    parser: ParserChoice = ...,
    word: str | int | Word | tuple[int, int] | None = ...,
    images: Sequence[Sequence[Image] | None] | None = ...,
    negative: bool = ...,
    kind: str | tuple[str, str] = ...,
    head_table: HeadTable | str | PathLike[str] | bool | None = ...,
    **choices: Any,
) -> Comparison: ...


def explore(
    run: Recording,
    other: Any = None,
    *,
    pipe: Any = None,
    layers: LayerChoice = "paper",
    recommended: LayerChoice | None = None,
    parser: ParserChoice = None,
    word: str | int | Word | tuple[int, int] | None = None,
    images: Any = None,
    negative: bool = False,
    kind: str | tuple[str, str] = "attention",
    head_table: HeadTable | str | PathLike[str] | bool | None = None,
    **choices: Any,
) -> Explorer | Comparison:
    """Open the explorer of a recording; as a cell's last line it is shown.

    Neither a model nor diffusers is needed: a loaded recording and `daam_nb.sample()` will do.

    Parameters
    ----------
    run
        The recording.
    other
        A second one, side by side, with linked choices and a difference map. Or the pipeline that
        made the recording, as `pipe`.
    pipe
        The pipeline that made the recording. With it the panel "What if" and `Explorer.what_if`
        draw the image again without a word, or with more of it; where it is another pipeline, or
        the recording cannot be drawn again, they say why. It is left as it is.
    layers
        The choice of layers to begin with: ``"paper"``, ``"all"``, ``"recommended"``, or anything
        else `heat_maps` takes, which is then called ``"given"``.
    recommended
        The layers that the model's card recommends, shown beside the others:
        ``daam_nb.menagerie.card().recommended`` for the shipped model.
    parser
        For the syntax lens: a parser (text -> `Parse`), a name for `load_parser`, or a `Parse`.
        None: the best one installed, loaded when the lens is first opened; False: none.
    word
        The word to begin with, by its text, number, `Word` or (start, end) in characters; by
        default the first that is no article or preposition, of two recordings the first of these
        that both prompts have.
    images
        What `forming_images(run, pipe)` gives, for the strip of steps; of two recordings a pair.
        Without them the strip shows the maps alone.
    negative
        Show the negative prompt's words, where its attention was recorded.
    kind
        What the maps show: ``"attention"``, ``"share"``, ``"effect"`` or a kind of your own, as in
        `heat_maps`. Of two recordings one for both, or a pair: ``explore(run, run,
        kind=("attention", "effect"))`` shows two kinds of one recording side by side.
    head_table
        What is known of the model's heads, to color and sort them by: a `HeadTable`, or the path
        of its file. None: the one of the recording's model, where one is known; False: none.
    choices
        Any other trait of `Explorer` to begin with: ``steps=slice(0, 10), threshold=0.5``,
        ``heads=[0, 3]``.

    Returns
    -------
    Explorer, or Comparison of two recordings

    Raises
    ------
    MissingExtraError
        Where anywidget or ipywidgets is not installed.
    WrongKindError
        For a `parser`, `images`, `negative` or `kind` of another type, and where the second
        argument is neither a recording nor a pipeline.
    UnknownOptionError
        For a name that is none of these; it says which is nearest.
    SelectionError, NotKeptError, WordNotFoundError, AmbiguousWordError
        Where a choice of layers, the kind or the word cannot be.
    TraitError
        Where the value of another choice cannot be.

    Examples
    --------
    >>> explorer = explore(sample())  # doctest: +SKIP
    >>> explorer.word = "car"  # doctest: +SKIP
    """
    _need_widgets("explore()")
    check_names(choices, where="explore()", also=(*_named(explore), "layout"))
    check_flag(negative, "negative")
    options: dict[str, Any] = {
        "layers": layers,
        "recommended": recommended,
        "parser": parser,
        "word": word,
        "negative": negative,
        "head_table": head_table,
        "choices": choices,
    }
    other, options["pipe"] = _second(other, pipe)
    if other is None:
        return _explorer_of(run, images=images, kind=_one_kind(kind, "explore()"), **options)
    pair = (None, None) if images is None else _pair_of(images)
    kinds = _two_kinds(kind)
    both = [
        _explorer_of(recording, images=forming, kind=of_side, **options)
        for recording, forming, of_side in zip((run, other), pair, kinds, strict=True)
    ]
    comparison: Comparison = comparison_class("explore()")(
        *both, opening=word is None and "word" not in choices
    )
    return comparison


def hand_out(
    run: Recording,
    path: str | Path,
    *,
    layers: LayerChoice = "paper",
    recommended: LayerChoice | None = None,
    parser: ParserChoice = None,
    word: str | int | Word | tuple[int, int] | None = None,
    images: Sequence[Image] | None = None,
    negative: bool = False,
    kind: str = "attention",
    head_table: HeadTable | str | PathLike[str] | bool | None = None,
    embed: Any = (),
    overwrite: bool = False,
    max_bytes: int = MAX_BYTES,
    **choices: Any,
) -> Path:
    """Write a page that explores a recording in any browser, without kernel or network.

    Neither ipywidgets nor anywidget is needed. It is what `Explorer.to_html` writes.

    Parameters
    ----------
    run
        The recording.
    path
        The file, which ends in ``.html``; its folder must exist.
    layers, recommended, parser, word, images, negative, kind, head_table
        As in `explore`.
    embed
        (layer number or name, head) that must be in it, before the others.
    overwrite
        Replace a file that is there.
    max_bytes
        The file stays below; what had no room is warned of, and the page says it at its top.
    choices
        Any control to begin with: ``steps=slice(0, 10), threshold=0.5``, ``heads=[0, 3]``, which
        are then in it.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RecordingExistsError
        Where the file exists and `overwrite` is false.
    UnknownOptionError
        For a name that is none of these; it says which is nearest.
    SelectionError, NotKeptError, WordNotFoundError, AmbiguousWordError
        Where a choice cannot be, or the maps of all words are more than a page can hold.

    Examples
    --------
    >>> hand_out(sample(), "banana.html", word="banana")  # doctest: +SKIP
    """
    check_names(choices, where="hand_out()", also=_named(hand_out))
    check_flag(negative, "negative")
    free_path(path, ".html", overwrite=overwrite)  # before any work
    subject, first = _opened(
        run,
        layers=layers,
        recommended=recommended,
        negative=negative,
        kind=_one_kind(kind, "hand_out()"),
        head_table=head_table,
        word=word,
        choices=choices,
    )
    syntax = Syntax(subject.prompt.text, parser)
    look = look_of(subject, syntax=syntax, images=images, choices=first)
    return write(look, path, embed=embed, overwrite=overwrite, max_bytes=max_bytes)


def _second(other: object, pipe: object) -> tuple[Recording | None, Any]:
    """The second argument of `explore` by what it is: another recording, or the pipeline."""
    given = pipe if pipe is not None else other
    if given is not None and not is_pipeline(given) and not (pipe is None and _is_run(given)):
        what = "pipe= of explore()" if pipe is not None else "The second argument of explore()"
        second = "" if pipe is not None else "another recording, to see two side by side, or "
        raise WrongKindError(
            f"{what} is {second}the pipeline that drew the recording, to draw it again, not "
            f"{kind_of(given)}."
        )
    if pipe is None:
        return (other, None) if isinstance(other, Recording) else (None, other)
    if other is not None and not isinstance(other, Recording):
        raise WrongKindError(
            f"explore() is given pipe=, and {kind_of(other)} in the place of another recording. "
            "Leave one of them out."
        )
    return other, pipe


def _is_run(value: object) -> bool:
    return isinstance(value, Recording)


def _pair_of(images: object) -> tuple[Any, Any]:
    """The forming images of two recordings."""
    if not isinstance(images, tuple | list) or len(images) != 2:
        raise WrongKindError(
            f"Of two recordings images= is a pair, (forming_images(run, pipe), None) or the "
            f"like, not {kind_of(images)}."
        )
    return images[0], images[1]


def _one_kind(kind: object, where: str) -> str:
    """The kind of the maps of one recording."""
    if isinstance(kind, str):
        return kind
    names = [repr(name) for name in kind] if isinstance(kind, tuple | list) else []
    two = f" Two kinds side by side: explore(run, run, kind=({', '.join(names)}))."
    raise WrongKindError(
        f"kind= of {where} is the name of one kind of map, such as 'effect', not {kind_of(kind)}."
        f"{two if len(names) == 2 else ''}"
    )


def _two_kinds(kind: object) -> tuple[str, str]:
    """The kinds of the maps of two recordings: one for both, or a pair."""
    pair = (kind, kind) if isinstance(kind, str) else kind
    if not isinstance(pair, tuple | list) or [type(name) for name in pair] != [str, str]:
        raise WrongKindError(
            "Of two recordings kind= is the name of a kind of map, or a pair of them, "
            f"('attention', 'effect') or the like, not {kind_of(kind)}."
        )
    return pair[0], pair[1]


def _named(function: Any) -> tuple[str, ...]:
    """The options of a function by their names, but for the recording and further choices."""
    return tuple(name for name in signature(function).parameters if name not in ("run", "choices"))


def _opened(
    run: Recording,
    *,
    layers: LayerChoice,
    recommended: LayerChoice | None,
    negative: bool,
    kind: str,
    head_table: Any,
    word: Any,
    choices: dict[str, Any],
) -> tuple[Subject, dict[str, Any]]:
    """What is explored, and the choices that it begins with."""
    subject, choice = subject_of(
        run,
        layers=layers,
        recommended=recommended,
        negative=negative,
        kind=kind,
        table=head_table,
    )
    named = {} if word is None else {"word": number_of(subject, word)}
    return subject, {"choice": choice, **named, **choices}


def _explorer_of(
    run: Recording,
    *,
    layers: LayerChoice,
    recommended: LayerChoice | None,
    parser: ParserChoice,
    word: Any,
    images: Any,
    negative: bool,
    kind: str,
    pipe: Any,
    head_table: Any,
    choices: dict[str, Any],
) -> Explorer:
    """Open the explorer of one recording; the options are those of `explore`."""
    subject, first = _opened(
        run,
        layers=layers,
        recommended=recommended,
        negative=negative,
        kind=kind,
        head_table=head_table,
        word=word,
        choices=choices,
    )
    syntax = Syntax(subject.prompt.text, parser)
    explorer: Explorer = explorer_class("explore()")(
        subject, syntax=syntax, images=images, pipe=pipe, **first
    )
    return explorer


def explorer_class(purpose: str) -> Any:
    """Return the class `Explorer`, or say which extra is missing."""
    _need_widgets(purpose)
    from daam_nb.show.explorer.page.widget import Explorer

    return Explorer


def comparison_class(purpose: str) -> Any:
    """Return the class `Comparison`, or say which extra is missing."""
    _need_widgets(purpose)
    from daam_nb.show.explorer.page.comparing import Comparison

    return Comparison


def _need_widgets(purpose: str) -> None:
    for package in ("ipywidgets", "anywidget"):
        try:
            __import__(package)
        except ImportError:
            raise MissingExtraError(package, "widgets", purpose) from None
