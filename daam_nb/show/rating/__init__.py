"""A page that asks people about images, one after the other, with answers by key.

cards     what is asked and what can be answered, as plain data; `Asker`, who has it
widget    `Rating`: shows an asker's cards in a notebook and hands the answers back

Knows nothing of studies: which images, in which order, and where answers are kept is the asker's
(`daam_nb.studies.rating` has one). `js/src/rating` beside the package holds the source of what
stands in `static/`. ipywidgets and anywidget are imported when a page is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daam_nb.errors import MissingExtraError
from daam_nb.show.rating.cards import Asker, Card, Choice, Form, Given, Shown

if TYPE_CHECKING:
    from daam_nb.show.rating.widget import Rating as Rating

__all__ = ["Asker", "Card", "Choice", "Form", "Given", "Rating", "Shown", "page_of"]


def page_of(asker: Asker, **looks: Any) -> Rating:
    """Open the page of an asker; displayed as the last line of a notebook cell.

    Parameters
    ----------
    asker
        Who has the cards and takes the answers.
    looks
        ``theme``: ``"auto"``, ``"light"`` or ``"dark"``; ``large``: large type, for a projector.

    Raises
    ------
    MissingExtraError
        If anywidget or ipywidgets is not installed.
    """
    page: Rating = _rating_class("A page that asks people")(asker, **looks)
    return page


def __getattr__(name: str) -> Any:
    """Find the class when it is asked for: making it needs the widgets' packages."""
    if name == "Rating":
        return _rating_class("Rating")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _rating_class(purpose: str) -> Any:
    for package in ("ipywidgets", "anywidget"):
        try:
            __import__(package)
        except ImportError:
            raise MissingExtraError(package, "widgets", purpose) from None
    from daam_nb.show.rating.widget import Rating

    return Rating
