"""The page's kernel side: it shows an asker's cards, keeps answers, distrusts the browser."""

from __future__ import annotations

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from daam_nb.errors import SelectionError, StudyError
from daam_nb.show.rating import Card, Choice, Form, Given, Shown, page_of

YES, NO = Choice("yes", "Yes", ("y", "1")), Choice("no", "No", ("n",))
FORM = Form("Is it?", ("Look.", "Answer."), (YES, NO), ("I cannot tell.",))


class Asker:
    """Three cards, kept in memory."""

    form, rater, kept_in = FORM, "anna", "anna.csv"

    def __init__(self) -> None:
        self.answers: dict[int, Given] = {}
        self.seconds: list[float] = []
        self.made: list[int] = []

    def __len__(self) -> int:
        return 3

    def card(self, place: int) -> Card:
        self.made.append(place)
        image = Image.new("RGB", (3, 2), (place, 0, 0))
        image.info["icc_profile"] = b"seed 42"
        return Card(("Is it ", f"<b>{place}</b>", "?"), None, (Shown("It", image),))

    def given(self, place: int) -> Given | None:
        return self.answers.get(place)

    def give(self, place: int, given: Given, *, seconds: float) -> None:
        if given.answer == "no":
            raise StudyError("There is no room.")
        self.answers[place] = given
        self.seconds.append(seconds)

    def seconds_left(self) -> float | None:
        return None


@pytest.fixture
def page() -> Any:
    return page_of(Asker())


def press(page: Any, **act: Any) -> list[Any]:
    """Send what the browser would, and return what came back beside the traits."""
    sent: list[Any] = []
    page.send = lambda content, buffers=None: sent.append(content)
    page._received(page, {"turn": page._turn, "seconds": 2.5, **act}, [])
    return sent


def test_a_card_is_text_and_plain_images(page: Any) -> None:
    assert page._card["ask"] == ["Is it ", "<b>0</b>", "?"]
    assert (page._card["place"], page._card["given"], page._card["prompt"]) == (0, None, None)
    [image] = page._card["images"]
    read = Image.open(io.BytesIO(image["data"]))
    assert np.asarray(read)[0, 0].tolist() == [0, 0, 0] and image["size"] == [2, 3]
    assert isinstance(read, PngImagePlugin.PngImageFile) and "icc_profile" not in read.info
    assert page._form["choices"][0] == {"value": "yes", "label": "Yes", "keys": ["y", "1"]}
    assert page._progress == {"answered": 0, "skipped": 0, "of": 3, "seconds_left": None}
    assert repr(page) == "<Rating by 'anna': 0 of 3 answered>"


def test_answers_go_to_the_asker_and_the_next_card_comes(page: Any) -> None:
    assert press(page, type="answer", answer="yes") == []
    assert (page.place, page._card["place"], page._progress["answered"]) == (1, 1, 1)
    press(page, type="skip", skip="  I  cannot\n tell. ")
    press(page, type="answer", answer="yes", seconds=3)
    assert page._card["end"] and page._progress["skipped"] == 1
    assert page.asker.answers == {0: Given("yes"), 1: Given(reason="I cannot tell."), 2: YES_GIVEN}
    assert page.asker.seconds == [2.5, 2.5, 3.0]


YES_GIVEN = Given("yes")


def test_back_and_forward_stay_among_what_was_answered(page: Any) -> None:
    press(page, type="go", to="back")
    press(page, type="go", to="forward")
    assert page.place == 0
    for _ in range(3):
        press(page, type="answer", answer="yes")
    press(page, type="go", to="forward")
    assert page.place == 3
    press(page, type="go", to="back")
    press(page, type="go", to="back")
    assert (page.place, page._card["given"]) == (1, {"answer": "yes", "reason": ""})
    press(page, type="go", to="forward")
    assert page.place == 2


def test_what_was_pressed_on_a_card_that_is_gone_does_nothing(page: Any) -> None:
    turn = page._turn
    press(page, type="answer", answer="yes", turn=turn)
    press(page, type="answer", answer="yes", turn=turn)  # a key pressed twice
    assert list(page.asker.answers) == [0]


def test_an_answer_that_cannot_be_kept_is_told_and_asked_again(page: Any) -> None:
    [told] = press(page, type="answer", answer="no")
    assert (told["type"], told["text"]) == ("error", "There is no room.")
    assert (page.place, page.asker.answers) == (0, {})
    press(page, type="answer", answer="yes")
    assert page.place == 1


@pytest.mark.parametrize(
    "act",
    [
        {"type": "answer"},
        {"type": "answer", "answer": 3},
        {"type": "answer", "answer": "yes", "seconds": "long"},
        {"type": "answer", "answer": "yes", "seconds": float("nan")},
        {"type": "answer", "answer": "yes", "seconds": -1},
        {"type": "answer", "answer": "yes", "seconds": True},
        {"type": "skip", "skip": "  "},
        {"type": "skip", "skip": "x" * 301},
        {"type": "delete"},
        {},
    ],
)
def test_nonsense_of_the_browser_is_refused_by_a_sentence(page: Any, act: dict[str, Any]) -> None:
    [told] = press(page, **act)
    assert told["type"] == "error" and told["text"].endswith(".")
    assert (page.place, page.asker.answers) == (0, {})


def test_no_message_at_all_is_refused(page: Any) -> None:
    sent: list[Any] = []
    page.send = lambda content, buffers=None: sent.append(content)
    page._received(page, ["answer"], [])
    assert "which is no message" in sent[0]["text"]


def test_the_next_card_is_made_while_people_look_at_this_one() -> None:
    async def look() -> Any:
        page = page_of(Asker())
        await asyncio.sleep(0.2)
        return page

    with ThreadPoolExecutor(1) as thread:  # the browser tests' loop runs in this one
        page = thread.submit(asyncio.run, look()).result()
    assert page.asker.made == [0, 1]
    press(page, type="answer", answer="yes")
    assert page.asker.made == [0, 1]  # shown without being made again


def test_two_answers_have_two_keys() -> None:
    with pytest.raises(SelectionError, match="The key 'y' would do two things"):
        Form("", (), (YES, Choice("x", "X", ("y",))), ())
    with pytest.raises(SelectionError, match="The key 's' would do two things"):
        Form("", (), (Choice("x", "X", ("s",)),), ())
