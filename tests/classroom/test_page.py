"""The page with a tiny real pipeline: what it shows, and what it says when something is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from diffusers import HeunDiscreteScheduler

from daam_nb.classroom import Classroom, processes
from daam_nb.classroom.panels import forward_panel, reverse_panel
from daam_nb.classroom.questions import MAX_WORDS
from daam_nb.errors import (
    DaamError,
    InterventionError,
    MemoryBudgetError,
    NothingRecordedError,
    UnsupportedPipelineError,
)
from daam_nb.maps import heat_maps
from daam_nb.tracing import ablate, generate
from tests.pipelines import img2img, sd1, sdxl

PROMPT = "<b>a cat</b> & 'a dog'"


@pytest.fixture(scope="module")
def drawn() -> Classroom:
    return Classroom(sd1(), prompt=PROMPT, num_inference_steps=4, show_words=True)


def texts(page: Classroom) -> str:
    return page.status.value + page.forward.value + page.reverse.value


def test_it_draws_and_shows_the_explorer_and_both_processes(drawn: Classroom) -> None:
    assert drawn.recording is not None
    assert drawn.recording.prompt.text == PROMPT
    assert drawn.recording.facts.num_steps == 4
    [explorer] = drawn.explored.children
    assert explorer.run is drawn.recording
    assert drawn.lesson.layout.display == "flex"
    assert drawn.forward.value.count("<img") == 3 + 5
    assert drawn.reverse.value.count("<img") == 3 + 5 + 4
    assert drawn.progress.value == 0
    assert drawn.progress.layout.visibility == "hidden"
    assert not drawn.button.disabled


def test_both_kinds_of_map_of_the_words_that_do_most(drawn: Classroom) -> None:
    run = drawn.recording
    assert run is not None and run.effects is not None
    assert drawn.questions.value.count("<img") == 1
    effect = heat_maps(run, kind="effect")
    words = run.prompt.read_words
    peaks = {word: float(effect.word(word.span).values.max()) for word in words}
    least = min(words, key=peaks.__getitem__)
    assert len(words) == MAX_WORDS + 1
    names = ", ".join(word.text for word in words if word != least)
    assert f'alt="Maps of attention and of effect of the words {names}."' in drawn.questions.value


@pytest.mark.parametrize("error", [UnsupportedPipelineError, MemoryBudgetError])
def test_without_effects_the_page_shows_what_there_is(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(pipe: Any, text: str, **call: Any) -> Any:
        if call.pop("effects", False):
            raise error("no effects")
        return generate(pipe, text, **call)

    monkeypatch.setattr("daam_nb.classroom.page.generate", refusing)
    page = Classroom(sd1(), prompt="a cat", num_inference_steps=2)
    assert page.recording is not None and page.recording.effects is None
    page.show_words()
    assert page.questions.value == "" and page.lesson.layout.display == "flex"


def test_the_prompt_is_text(drawn: Classroom) -> None:
    assert "&lt;b&gt;a cat&lt;/b&gt; &amp;" in drawn.status.value
    assert "&lt;b&gt;a cat&lt;/b&gt; &amp;" in drawn.reverse.value
    assert "<b>a cat" not in texts(drawn)


def test_the_slider_moves_both_processes(drawn: Classroom) -> None:
    drawn.step.value = 1
    assert "Step 1 of 4" in drawn.forward.value
    assert "The last step adds none." in drawn.reverse.value
    drawn.step.value = 4
    beta = drawn._chain.beta(4)
    assert f"adds {100 * beta:.1f} %" in drawn.forward.value
    assert "The last step adds none." not in drawn.reverse.value
    marked = re.findall(r'daam-lesson-now">.*?<i>(\d+)</i>', drawn.reverse.value)
    assert marked == ["3", "4"]


def test_every_formula_is_well_formed(drawn: Classroom) -> None:
    from xml.etree import ElementTree

    for panel in (drawn.forward.value, drawn.reverse.value):
        formulas = re.findall(r"<math.*?</math>", panel)
        assert len(formulas) > 5
        for formula in formulas:
            ElementTree.fromstring(formula)


def test_enter_draws_again_and_another_seed_gives_another_image(drawn: Classroom) -> None:
    before, explorer = drawn.recording, drawn.explored.children[0]
    drawn.seed.value = 7
    drawn.prompt._handle_custom_msg({"event": "submit"}, [])
    assert drawn.recording is not before
    assert drawn.recording is not None
    assert drawn.recording.facts.seed == 7
    assert drawn.explored.children[0] is not explorer


def test_trouble_is_said_and_the_page_lives_on(drawn: Classroom, monkeypatch: Any) -> None:
    drawn.prompt.value = "  "
    drawn.draw()
    assert 'role="alert"' in drawn.status.value
    assert "Write a prompt first" in drawn.status.value

    def broken(*_: Any, **__: Any) -> None:
        raise UnsupportedPipelineError("it <cannot> be")

    monkeypatch.setattr("daam_nb.classroom.page.generate", broken)
    drawn.prompt.value = "a cat"
    drawn.draw()
    assert "it &lt;cannot&gt; be" in drawn.status.value
    assert not drawn.button.disabled
    monkeypatch.undo()
    drawn.draw()
    assert 'role="status"' in drawn.status.value


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("out of memory")], ids=str)
def test_a_stop_on_the_way_back_leaves_no_processes_of_another_prompt(
    error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Classroom(sd1(), prompt="a cat", num_inference_steps=2)

    def stopped(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("daam_nb.classroom.page.reverse", stopped)
    page.prompt.value = "a dog"
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        page.draw()
    assert page.recording is not None and page.recording.prompt.text == "a dog"
    page.show_words()
    assert page.explored.children[0].run is page.recording
    assert page.lesson.layout.display == "none"
    page.step.value = 1
    assert page.forward.value == page.reverse.value == ""
    with pytest.raises(NothingRecordedError, match="Both processes of “a dog” were not walked"):
        page.to_figure()
    assert 'role="alert"' in page.status.value
    assert "“a dog” is drawn, but its forward and reverse processes are not" in page.status.value
    assert "stopped" in page.status.value or "RuntimeError: out of memory" in page.status.value
    assert not page.button.disabled and page.progress.layout.visibility == "hidden"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("out of memory")], ids=str)
def test_a_stop_while_drawing_leaves_what_was_drawn_before(
    error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Classroom(sd1(), prompt="a cat", num_inference_steps=2)
    before = page.recording, page.reverse.value

    def stopped(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("daam_nb.classroom.page.generate", stopped)
    page.prompt.value = "a dog"
    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        page.draw()
    assert (page.recording, page.reverse.value) == before
    assert 'role="alert"' in page.status.value
    assert "“a dog” was not drawn" in page.status.value
    assert "below is still “a cat”" in page.status.value
    assert not page.button.disabled


@pytest.mark.parametrize("guidance", [1.0, 0.5, 0, -2.0])
def test_without_guidance_both_ways_are_unguided(
    guidance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    guessed = []
    real = processes.Guess.__call__

    def guess(self: Any, noisy: Any, *args: Any) -> Any:
        guessed.append(len(self._texts))
        return real(self, noisy, *args)

    monkeypatch.setattr(processes.Guess, "__call__", guess)
    page = Classroom(sd1(), num_inference_steps=2, guidance_scale=guidance)
    assert page.recording is not None
    assert page.recording.facts.guidance is None
    assert guessed == [1, 1]


def test_steps_of_a_scheduler_that_looks_twice_are_counted_as_they_are() -> None:
    pipe = sd1()
    pipe.scheduler = HeunDiscreteScheduler.from_config(pipe.scheduler.config)
    highest = []
    page = Classroom(pipe, prompt="a cat", num_inference_steps=3, draw=False)
    page.progress.observe(lambda change: highest.append(change["new"]), "value")
    page.draw()
    assert page.recording is not None and page.recording.facts.num_steps == 5
    assert "seed 0, drawn in 5 steps; a chain of 3." in page.status.value
    assert highest == [1, 2, 3, 4, 5, 6, 0] or sorted(highest[:-1]) == highest[:-1]
    assert max(highest) == page.progress.max


def test_the_figure_for_paper(drawn: Classroom) -> None:
    figure = drawn.to_figure()
    assert [panel.name for panel in figure.panels[:4]] == [f"forward {t}" for t in (1, 2, 3, 4)]
    assert len(figure.panels) == 12
    assert figure.to_png(scale=1).startswith(b"\x89PNG")
    assert drawn.recording is not None
    assert figure.metadata["prompt"] == drawn.recording.prompt.text
    assert figure.metadata["seed"] == str(drawn.recording.facts.seed)
    assert figure.metadata["model"] == drawn.recording.facts.model
    assert figure.metadata["guidance"] == "5.0"
    assert figure.metadata["chain"] == "4 steps"


def test_nothing_is_drawn_before_it_is_asked_for_and_other_pipelines_are_refused() -> None:
    page = Classroom(sd1(), draw=False)
    assert page.recording is None
    with pytest.raises(NothingRecordedError, match="Press Draw"):
        page.to_figure()
    with pytest.raises(UnsupportedPipelineError, match="StableDiffusionXLPipeline"):
        Classroom(sdxl(), draw=False)
    with pytest.raises(UnsupportedPipelineError, match=r"draws from an image \(image=\)"):
        Classroom(img2img(), draw=False)
    for what in ("sd", None):
        with pytest.raises(UnsupportedPipelineError, match="takes a diffusers pipeline, not"):
            Classroom(what, draw=False)
    said = r"ablate.*is open.*Open the classroom outside"
    with pytest.raises(InterventionError, match=said), ablate(pipe := sd1(), words="cat"):
        Classroom(pipe, prompt="a cat", num_inference_steps=2, draw=False)


def test_panels_show_the_step_asked_for() -> None:
    from daam_nb.classroom import Chain

    chain = Chain((499, 999), (1.0, 0.8, 0.2))
    shown = forward_panel(chain, ["zero", "one", "two"], 2)
    assert re.findall(r'<figure.*?src="(\w+)"', shown) == ["zero", "one", "two"]
    shown = reverse_panel(chain, ["zero", "one", "two"], ["guess1", "guess2"], 2, "x")
    assert re.findall(r'<figure.*?src="(\w+)"', shown) == ["two", "guess2", "one"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"guidance": 4.0},
            r"Classroom\(\) takes no argument 'guidance'; did you mean 'guidance_sc",
        ),
        ({"steps": 4}, "takes no argument 'steps'; did you mean 'num_inference_steps'"),
        ({"prompt": None}, "The prompt must be a text, not None"),
        ({"seed": -5}, "seed=-5: it must be a whole number from 0"),
        ({"seed": "0"}, "seed='0': it must be a whole number"),
        ({"seed": 2**40}, "it must be a whole number from 0 to 4294967295"),
        ({"num_inference_steps": 4.0}, "num_inference_steps=4.0: it must be a whole number from 1"),
        ({"num_inference_steps": 0}, "num_inference_steps=0"),
        ({"guidance_scale": "5"}, "guidance_scale='5' must be a number"),
        ({"draw": "no"}, r"draw= must be True or False, not 'no' \(str\)"),
        ({"guidance_scale": float("nan")}, "guidance_scale=nan must be a number"),
    ],
    ids=str,
)
def test_the_page_refuses_what_it_would_bend(options: dict[str, Any], said: str) -> None:
    """The fields of the page would clamp a seed and a number of steps to their ends in silence."""
    with pytest.raises(DaamError, match=said):
        Classroom(sd1(), **{"draw": False} | options)


def test_a_prompt_without_an_end_is_refused_before_anything_is_drawn() -> None:
    page = Classroom(sd1(), prompt="a " * 501, num_inference_steps=4)
    assert page.recording is None
    assert "This prompt has 1001 characters; at most 1000 are allowed here" in page.status.value
    assert not page.button.disabled


def test_the_image_stands_alone_until_the_words_are_asked_for() -> None:
    page = Classroom(sd1(), prompt=PROMPT, num_inference_steps=2)
    assert page.explorer is None and page.questions.value == ""
    assert page.explored.children == (page.image, page.reveal)
    assert page.image.value.count("<img") == 1
    assert "&lt;b&gt;a cat&lt;/b&gt;" in page.image.value
    page.reveal.click()
    first = page.explorer
    assert first is not None and page.explored.children == (first,)
    assert page.questions.value
    page.show_words()
    assert page.explorer is first
    page.draw()
    assert page.explorer is None and page.questions.value == ""
    assert page.explored.children == (page.image, page.reveal)


def test_before_an_image_there_are_no_words_to_show() -> None:
    with pytest.raises(NothingRecordedError, match="Press Draw"):
        Classroom(sd1(), draw=False).show_words()
