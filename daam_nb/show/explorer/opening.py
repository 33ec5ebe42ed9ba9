"""explore(run): open the explorer of one recording, or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, overload

from daam_nb.errors import MissingExtraError, WrongKindError
from daam_nb.kinds import check_flag, kind_of
from daam_nb.recording import LayerChoice, Recording
from daam_nb.show.explorer.model.subject import subject_of
from daam_nb.show.explorer.model.syntax import ParserChoice, Syntax

if TYPE_CHECKING:
    from PIL.Image import Image

    from daam_nb.prompt import Word
    from daam_nb.show.explorer.page.comparing import Comparison
    from daam_nb.show.explorer.page.widget import Explorer


@overload
def explore(
    run: Recording,
    other: None = None,
    *,
    layers: LayerChoice = ...,
    recommended: LayerChoice | None = ...,
    parser: ParserChoice = ...,
    word: str | int | Word | tuple[int, int] | None = ...,
    pictures: Sequence[Image] | None = ...,
    negative: bool = ...,
    **choices: Any,
) -> Explorer: ...


@overload
def explore(
    run: Recording,
    other: Recording,
    *,
    layers: LayerChoice = ...,
    recommended: LayerChoice | None = ...,
    parser: ParserChoice = ...,
    word: str | int | Word | tuple[int, int] | None = ...,
    pictures: Sequence[Sequence[Image] | None] | None = ...,
    negative: bool = ...,
    **choices: Any,
) -> Comparison: ...


def explore(
    run: Recording,
    other: Recording | None = None,
    *,
    layers: LayerChoice = "paper",
    recommended: LayerChoice | None = None,
    parser: ParserChoice = None,
    word: str | int | Word | tuple[int, int] | None = None,
    pictures: Any = None,
    negative: bool = False,
    **choices: Any,
) -> Explorer | Comparison:
    """Open the explorer of a recording; as a cell's last line it is shown.

    Neither a model nor diffusers is needed: a loaded recording and `daam_nb.sample()` will do.

    Parameters
    ----------
    run
        The recording.
    other
        A second one, side by side, with linked choices and a difference map.
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
        default the first that is no article or preposition.
    pictures
        What `forming_pictures(run, pipe)` gives, for the strip of steps; of two recordings a pair.
        Without them the strip shows the attention alone.
    negative
        Show the negative prompt's words, where its attention was recorded.
    choices
        Any other trait of `Explorer` to begin with: ``steps=slice(0, 10), threshold=0.5``.

    Returns
    -------
    Explorer, or Comparison of two recordings

    Raises
    ------
    MissingExtraError
        Where anywidget or ipywidgets is not installed.
    WrongKindError
        For a `parser`, `pictures` or `negative` of another kind.
    UnknownOptionError
        For a name that is none of these; it says which is nearest.
    SelectionError, NotKeptError, WordNotFoundError, AmbiguousWordError
        Where a choice of layers or the word cannot be.
    TraitError
        Where the value of another choice cannot be.

    Examples
    --------
    >>> explorer = explore(sample())  # doctest: +SKIP
    >>> explorer.word = "car"  # doctest: +SKIP
    """
    _need_widgets("explore()")
    _check_names(choices)
    check_flag(negative, "negative")
    options: dict[str, Any] = {
        "layers": layers,
        "recommended": recommended,
        "parser": parser,
        "word": word,
        "negative": negative,
        "choices": choices,
    }
    if other is None:
        return explorer_of(run, pictures=pictures, **options)
    pair = (None, None) if pictures is None else _pair_of(pictures)
    both = [
        explorer_of(one, pictures=of_one, **options)
        for one, of_one in zip((run, other), pair, strict=True)
    ]
    comparison: Comparison = comparison_class("explore()")(*both)
    return comparison


def _pair_of(pictures: object) -> tuple[Any, Any]:
    """The forming pictures of two recordings."""
    if not isinstance(pictures, tuple | list) or len(pictures) != 2:
        raise WrongKindError(
            f"Of two recordings pictures= is a pair, (forming_pictures(run, pipe), None) or the "
            f"like, not {kind_of(pictures)}."
        )
    return pictures[0], pictures[1]


def _check_names(choices: dict[str, Any]) -> None:
    from daam_nb.show.explorer.page.widget import check_names

    named = [name for name in signature(explore).parameters if name not in ("run", "choices")]
    check_names(choices, where="explore()", also=named)


def explorer_of(
    run: Recording,
    *,
    layers: LayerChoice,
    recommended: LayerChoice | None,
    parser: ParserChoice,
    word: Any,
    pictures: Any,
    negative: bool,
    choices: dict[str, Any],
) -> Explorer:
    """Open the explorer of one recording; the options are those of `explore`."""
    made = explorer_class("explore()")
    subject, first = subject_of(run, layers=layers, recommended=recommended, negative=negative)
    if word is not None:
        from daam_nb.show.explorer.model.entries import number_of

        choices = {"word": number_of(word, subject.entries, subject.prompt), **choices}
    explorer: Explorer = made(
        subject,
        syntax=Syntax(subject.prompt.text, parser),
        pictures=pictures,
        **{"choice": first, **choices},
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
