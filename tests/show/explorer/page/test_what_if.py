"""Drawing again from an explorer: in Python, and as the page asks for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from daam_nb import menagerie
from daam_nb.errors import (
    AmbiguousWordError,
    ReproductionError,
    SelectionError,
    WordNotFoundError,
    WrongKindError,
)
from daam_nb.maps.heatmap import heat_maps
from daam_nb.recording import Recording
from daam_nb.show.explorer import Comparison, Explorer, explore
from daam_nb.show.explorer.page import drawing
from daam_nb.show.explorer.page.answers import answer
from daam_nb.tracing import ablate, generate, reweight
from tests import pipelines
from tests.show.explorer.opened import question
from tests.tracing.traces import assert_nothing_left, snapshot

FEW: dict[str, Any] = {"num_inference_steps": 3, "height": 64, "width": 96}
TEXT = "a cat and a dog"
HIDE = {"how": "hide", "of": "word", "where": "everywhere"}


@pytest.fixture(scope="module")
def pipe() -> Any:
    return pipelines.quiet(pipelines.sd1())


@pytest.fixture(scope="module")
def run(pipe: Any) -> Recording:
    recorded = generate(pipe, TEXT, seed=3, **FEW)
    assert isinstance(recorded, Recording)
    return recorded


@pytest.fixture
def explorer(pipe: Any, run: Recording) -> Iterator[Explorer]:
    before = snapshot(pipe)
    opened = explore(run, pipe, word="dog", parser=False)
    yield opened
    job = opened._studio.job
    opened.close()
    if job is not None and job.thread is not None:
        job.thread.join(60)
    assert_nothing_left(before, snapshot(pipe))


def drawn(pipe: Any, change: Any) -> np.ndarray:
    with change:
        return np.asarray(generate(pipe, TEXT, seed=3, **FEW).image)


# --- what is handed in ----------------------------------------------------------------------------


def test_the_second_argument_is_a_recording_or_the_pipeline(pipe: Any, run: Recording) -> None:
    assert isinstance(explore(run, run, parser=False), Comparison)
    for opened in (explore(run, pipe, parser=False), explore(run, pipe=pipe, parser=False)):
        assert isinstance(opened, Explorer)
        assert opened._facts["what_if"] == {"why": "", "cautions": []}
    both = explore(run, run, pipe=pipe, parser=False)
    assert both.left._facts["what_if"]["why"] == both.right._facts["what_if"]["why"] == ""


@pytest.mark.parametrize("other", ["effect", 3, pipelines, type])
def test_anything_else_is_refused_by_name(pipe: Any, run: Recording, other: Any) -> None:
    with pytest.raises(WrongKindError, match=r"another recording.* or the pipeline"):
        explore(run, other)
    with pytest.raises(WrongKindError, match="pipe= of explore"):
        explore(run, pipe=other)
    with pytest.raises(WrongKindError, match="Leave one of them out"):
        explore(run, pipe, pipe=pipe)


def test_without_a_pipeline_it_says_why_and_draws_nothing(run: Recording) -> None:
    opened = explore(run, parser=False)
    assert "explore(run, pipe)" in opened._facts["what_if"]["why"]
    with pytest.raises(SelectionError, match="needs the pipeline"):
        opened.what_if("dog")
    reply = sent(opened, "draw", change=HIDE)
    assert "needs the pipeline" in reply["error"]


def test_with_another_pipeline_it_opens_and_says_why(run: Recording) -> None:
    opened = explore(run, pipelines.sdxl(), parser=False)
    assert "whose class is StableDiffusionPipeline" in opened._facts["what_if"]["why"]
    with pytest.raises(ReproductionError, match="whose class"):
        opened.what_if("dog")


def test_a_pipeline_that_is_changed_later_is_refused(run: Recording) -> None:
    own = pipelines.sd1()
    opened = explore(run, own, parser=False)
    assert not opened._facts["what_if"]["why"]
    next(own.unet.parameters()).data.mul_(2)
    with pytest.raises(ReproductionError, match="weights of the unet"):
        opened.what_if("dog")
    assert "weights of the unet" in sent(opened, "draw", change=HIDE)["error"]


# --- in Python ------------------------------------------------------------------------------------


def test_it_draws_what_the_library_draws(pipe: Any, explorer: Explorer) -> None:
    up = [layer.name for layer in explorer.subject.layers if layer.stage == "up"]
    cases: list[tuple[dict[str, Any], Any]] = [
        ({}, ablate(pipe, words="dog", text_encoder=True, renormalize=True)),
        ({"how": "ablate"}, ablate(pipe, words="dog")),
        (
            {"how": "ablate", "word": False, "layers": up, "heads": [0], "steps": slice(0, 2)},
            ablate(pipe, layers=up, heads=[0], steps=slice(0, 2)),
        ),
        ({"word": "cat", "how": "scale", "factor": 3}, reweight(pipe, "cat", 3)),
        (
            {"word": False, "how": "scale", "factor": 2, "steps": 1},
            reweight(pipe, None, 2, tokens=range(77), steps=1),
        ),
    ]
    for asked, change in cases:
        assert np.array_equal(explorer.what_if(**asked).image, drawn(pipe, change)), asked


def test_the_empty_change_is_the_first_image(run: Recording, explorer: Explorer) -> None:
    result = explorer.what_if(how="scale", factor=1)
    assert result.same and np.array_equal(result.image, np.asarray(run.image))
    assert (result.everywhere, result.inside, result.outside) == (0, 0, 0)
    assert "pixel for pixel" in result.summary
    assert result.recording.facts.seed == run.facts.seed


def test_its_numbers_are_those_of_the_images(run: Recording, explorer: Explorer) -> None:
    explorer.choose(threshold=0.6, layer=1)
    result = explorer.what_if("cat", "ablate")
    then, now = (np.asarray(image, dtype=float) for image in (run.image, result.image))
    change = np.abs(now - then).mean(axis=-1) / 255
    assert np.allclose(result.difference, change, atol=1e-6)
    word = heat_maps(run, **explorer.selection).word("cat")
    mask = word.mask(0.6, size=(64, 96)).numpy()
    assert mask.any() and not mask.all()
    assert result.inside == pytest.approx(change[mask].mean(), abs=1e-6)
    assert result.outside == pytest.approx(change[~mask].mean(), abs=1e-6)
    assert "No attention to “cat” everywhere" in result.summary and "outside" in result.summary
    assert explorer.what_if_drawn is result
    assert result._repr_png_().startswith(b"\x89PNG")
    assert result.recording.facts.batch["interventions"]


def test_a_selection_is_where_it_is_changed(pipe: Any, explorer: Explorer) -> None:
    explorer.choose(layer=2, head=1, steps=slice(1, 3))
    result = explorer.what_if(how="ablate", **explorer.selection)
    name = explorer.subject.layers[2].name
    expected = drawn(pipe, ablate(pipe, words="dog", layers=[name], heads=[1], steps=[1, 2]))
    assert np.array_equal(result.image, expected)


@pytest.mark.parametrize(
    ("asked", "kind", "why"),
    [
        ({"word": "bird"}, WordNotFoundError, "bird"),
        ({"word": "a"}, AmbiguousWordError, "a"),
        ({"how": "remove"}, SelectionError, "how"),
        ({"how": "scale"}, SelectionError, "needs a factor"),
        ({"how": "scale", "factor": -1}, SelectionError, "factor"),
        ({"factor": 2}, SelectionError, "takes the word away"),
        ({"heads": [0]}, SelectionError, "how='ablate'"),
        ({"word": False}, SelectionError, "no word is chosen"),
        ({"word": False, "how": "ablate"}, SelectionError, "Nothing is chosen"),
        ({"how": "ablate", "steps": 99}, SelectionError, "99"),
        ({"how": "ablate", "heads": [99]}, SelectionError, "99"),
        ({"how": "ablate", "layers": "attic"}, SelectionError, "attic"),
    ],
)
def test_what_cannot_be_is_refused(explorer: Explorer, asked: Any, kind: Any, why: str) -> None:
    with pytest.raises(kind, match=why):
        explorer.what_if(**asked)
    assert explorer.what_if_drawn is None


def test_the_negative_prompts_words_are_not_changed(pipe: Any) -> None:
    run = generate(pipe, TEXT, negative_prompt="a bird", negative=True, seed=3, **FEW)
    opened = explore(run, pipe, negative=True, parser=False)
    with pytest.raises(SelectionError, match="negative prompt"):
        opened.what_if("bird")


# --- as the page asks for it ----------------------------------------------------------------------


def sent(explorer: Explorer, kind: str, id: str = "page-1", **more: Any) -> dict[str, Any]:
    """Send a message of the page; the answer, and its pictures by their names."""
    message = json.loads(json.dumps({**question(explorer), "type": kind, "id": id, **more}))
    reply = answer(explorer.engine, message, explorer._studio.message)
    assert reply is not None
    content, buffers = reply
    assert content["type"] == "answer" and content["id"] == id
    assert content["sel"] == message["sel"] and content["run"] == message["run"]
    parts = content["parts"]
    pictures = {p["what"]: buffers[p["buffer"]] for p in parts if p["name"] == "picture"}
    told: dict[str, Any] = parts[0] if parts else {}
    return {**told, "error": content.get("error", told.get("error")), "pictures": pictures}


def until(explorer: Explorer, *states: str) -> dict[str, Any]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        told = sent(explorer, "progress", "poll", pictures=True)
        if told["state"] in states:
            return told
        time.sleep(0.02)
    raise AssertionError(f"still {told['state']}, at step {told['step']}")


def test_the_page_draws_what_python_draws(explorer: Explorer) -> None:
    assert sent(explorer, "progress")["state"] == "none"
    explorer.choose(layer=2, head=1, steps=slice(0, 2))
    change = {"how": "scale", "factor": 2.5, "of": "word", "where": "chosen"}
    begun = sent(explorer, "draw", change=change)
    assert begun["job"] == "page-1" and begun["state"] in ("waiting", "drawing")
    explorer.choose(layer=-1, head=-1, word="cat")  # another selection meanwhile
    told = until(explorer, "done")
    result = explorer.what_if_drawn
    assert result is not None
    explorer.choose(layer=2, head=1, word="dog")
    same = explorer.what_if(how="scale", factor=2.5, **explorer.selection)
    assert np.array_equal(result.image, same.image)
    assert (told["inside"], told["everywhere"]) == (same.inside, same.everywhere)
    assert (
        told["summary"] == result.summary
        and "attention to “dog” times 2.5, in layer" in (told["change"])
    )
    assert list(told["pictures"]) == ["first", "now", "difference", "attention"]
    assert told["step"] == told["steps"] == 3


def test_a_repeated_message_draws_once_and_another_is_refused(explorer: Explorer) -> None:
    sent(explorer, "draw", "one", change=HIDE)
    thread = explorer._studio.job.thread  # type: ignore[union-attr]
    sent(explorer, "draw", "one", change=HIDE)
    assert explorer._studio.job.thread is thread  # type: ignore[union-attr]
    reply = sent(explorer, "draw", "two", change=HIDE)
    assert "being drawn" in reply["error"]
    assert until(explorer, "done")["job"] == "one"
    sent(explorer, "draw", "one", change=HIDE)  # came late
    assert explorer._studio.job.thread is thread  # type: ignore[union-attr]
    assert sent(explorer, "draw", "three", change=HIDE)["job"] == "three"


def test_cancelled_it_draws_no_further(explorer: Explorer) -> None:
    sent(explorer, "draw", "one", change=HIDE)
    sent(explorer, "cancel", job="another")
    assert not explorer._studio.job.is_stopped()  # type: ignore[union-attr]
    sent(explorer, "cancel", job="one")
    assert until(explorer, "cancelled")["step"] < 3
    assert explorer.what_if_drawn is None
    sent(explorer, "draw", "two", change=HIDE)
    until(explorer, "done")


def test_closed_while_it_draws(pipe: Any, run: Recording) -> None:
    before = snapshot(pipe)
    opened = explore(run, pipe, parser=False)
    sent(opened, "draw", change=HIDE)
    job = opened._studio.job
    assert job is not None and job.thread is not None
    opened.close()
    job.thread.join(60)
    assert job.state == "cancelled" and job.recording is None
    assert_nothing_left(before, snapshot(pipe))
    with pytest.raises(SelectionError, match="closed"):
        opened.what_if("dog")


def test_an_error_of_the_drawing_is_told(explorer: Explorer, monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(explorer._studio.pipe.vae), "decode", fail)
    sent(explorer, "draw", change=HIDE)
    assert until(explorer, "failed")["error"] == "RuntimeError: out of memory"
    monkeypatch.undo()
    sent(explorer, "draw", "again", change=HIDE)
    until(explorer, "done")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (None, "lacks what is to be changed"),
        ({"how": "burn"}, "how"),
        ({"how": "hide", "of": "text"}, "no word is chosen"),
        ({"how": "scale", "factor": "much", "of": "word"}, "factor"),
        ({"how": "ablate", "of": "text", "where": "everywhere"}, "Nothing is chosen"),
    ],
)
def test_messages_that_ask_for_nothing_are_refused(
    explorer: Explorer, change: Any, why: str
) -> None:
    assert why in sent(explorer, "draw", change=change)["error"]
    assert explorer._studio.job is None


def test_two_explorers_of_one_pipeline_draw_one_after_the_other(
    explorer: Explorer, pipe: Any, run: Recording
) -> None:
    other = explore(run, pipe, word="cat", parser=False)
    sent(explorer, "draw", change=HIDE)
    sent(other, "draw", change=HIDE)
    result = explorer.what_if("cat")  # waits, too
    until(explorer, "done")
    until(other, "done")
    assert other.what_if_drawn is not None
    assert np.array_equal(result.image, other.what_if_drawn.image)
    third = explore(run, pipe, word="cat", parser=False)
    with drawing._TURN:
        sent(third, "draw", change=HIDE)
        time.sleep(0.05)
        assert sent(third, "progress")["state"] == "waiting"
        sent(third, "cancel", job="page-1")
        until(third, "cancelled")


def test_the_kernel_answers_while_the_shipped_model_draws() -> None:
    own = menagerie.load()
    own.set_progress_bar_config(disable=True)
    text = "a banana and an apple on the grass"
    run = generate(own, text, seed=0, num_inference_steps=8, effects=["banana"])
    before = snapshot(own)
    opened = explore(run, own, word="banana", parser=False)
    opened.words_at(0.5, 0.5)
    sent(opened, "draw", change=HIDE)
    answered, seen = 0, set()
    while (told := sent(opened, "progress"))["state"] in ("waiting", "drawing"):
        opened.threshold = 0.2 + 0.001 * (answered % 500)
        assert opened.words_at(0.2, 0.6)
        answered += 1
        seen.add(told["step"])
        time.sleep(0.005)
    assert answered >= 8 and len(seen) >= 5  # between its steps, and not behind them
    told = sent(opened, "progress", pictures=True)
    assert told["state"] == "done"
    assert list(told["pictures"]) == ["first", "now", "difference", "attention", "effect"]
    assert told["inside"] > told["outside"]
    empty = {"how": "scale", "factor": 1, "of": "word", "where": "everywhere"}
    sent(opened, "draw", "empty", change=empty)
    assert until(opened, "done")["same"]  # in a thread as in the kernel's own
    assert_nothing_left(before, snapshot(own))
