"""The page: a prompt, an image, its explorer, two kinds of map, both directions of diffusion."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from PIL.Image import Image

from daam_nb.classroom.chain import chain_of
from daam_nb.classroom.panels import data_url, forward_panel, reverse_panel
from daam_nb.classroom.processes import check, check_guidance, check_text_only, forward, reverse
from daam_nb.classroom.questions import questions_panel
from daam_nb.classroom.sheet import process_sheet
from daam_nb.classroom.vocabulary import Vocabulary, check_known_words
from daam_nb.errors import (
    DaamError,
    InterventionError,
    MemoryBudgetError,
    NothingRecordedError,
    UnsupportedPipelineError,
    WrongKindError,
)
from daam_nb.kinds import check_flag, kind_of, names_checked, number_between
from daam_nb.recording import Recording
from daam_nb.show.explorer import explore
from daam_nb.show.figures.figure import Figure
from daam_nb.tracing import generate
from daam_nb.tracing.attached import open_changes
from daam_nb.tracing.forming import decoded_images, forming_images

if TYPE_CHECKING:
    from daam_nb.show.explorer import Explorer

STYLE = Path(__file__).parent / "style.css"
_MILLISECONDS_PER_STEP = 900
MAX_CHARACTERS = 1000  # of a prompt: anyone may write into the box


class Classroom(widgets.VBox):  # type: ignore[misc]
    """A page to teach with, displayed as the result of a cell, and in Voilà.

    Parameters
    ----------
    pipe
        A Stable Diffusion 1.x or 2.x pipeline.
    prompt, seed
        What the page starts with; both can be changed on it.
    num_inference_steps
        Steps of the image, and of the two processes below it.
    guidance_scale
        Classifier-free guidance of both; 1 or less turns it off, as in diffusers.
    draw
        Draw the first image at once.
    known_words
        The words that the model was trained on, such as ``menagerie.WORDS``: the page says at once
        which words of a prompt are not among them, and offers some that are, those that look alike
        and then the first ones. None: it says nothing.
    show_words
        Whether the explorer is there with the image. Otherwise the image stands alone, to guess
        from, until a button is pressed.

    Attributes
    ----------
    recording
        The recording of the last image; None before the first.
    explorer
        The explorer of the last image; None before it is shown.

    Raises
    ------
    UnsupportedPipelineError
        For a pipeline that draws from more than a text, or whose two processes cannot be run.
    InterventionError
        Inside `ablate`, `reweight` or `replay`: they change calls of the pipeline, and the reverse
        process is run without one.
    WrongKindError, SelectionError, UnknownOptionError
        For a prompt that is not a text, known words that are none, a seed or a number of steps that
        is not a whole number in its range, a guidance that is not a number, or an unknown argument.
    """

    @names_checked
    def __init__(
        self,
        pipe: Any,
        *,
        prompt: str = "a zebra on the grass",
        seed: int = 0,
        num_inference_steps: int = 20,
        guidance_scale: float = 5.0,
        draw: bool = True,
        known_words: Collection[str] | None = None,
        show_words: bool = False,
    ) -> None:
        check(pipe)
        check_text_only(pipe)
        _check_unchanged(pipe)
        check_flag(draw, "draw")
        check_flag(show_words, "show_words")
        known = check_known_words(known_words)
        if not isinstance(prompt, str):
            raise WrongKindError(f"The prompt must be a text, not {kind_of(prompt)}.")
        seed = number_between(seed, "seed", low=0, high=2**32 - 1)
        check_guidance(guidance_scale)
        self._pipe = pipe
        self._guidance = guidance_scale
        self._chain = chain_of(pipe, num_inference_steps)
        self._images: dict[str, tuple[Image, ...]] = {}
        self._urls: dict[str, list[str]] = {}
        self._show_words = show_words
        self.recording: Recording | None = None
        self.explorer: Explorer | None = None
        self._make_controls(prompt, seed, num_inference_steps)
        self.vocabulary = None if known is None else Vocabulary(known, self._replace)
        super().__init__([self._top(), self.explored, self.questions, self.lesson])
        self.add_class("daam-lesson")
        if draw:
            self.draw()

    # --- parts ------------------------------------------------------------------------------------

    def _make_controls(self, prompt: str, seed: int, steps: int) -> None:
        wide = widgets.Layout(width="auto", flex="1 1 320px", height="42px")
        self.prompt = widgets.Text(prompt, description="Prompt", layout=wide)
        self.seed = widgets.BoundedIntText(
            seed, min=0, max=2**32 - 1, description="Seed", layout={"width": "190px"}
        )
        self.button = widgets.Button(description="Draw", icon="paint-brush", button_style="primary")
        self.progress = widgets.IntProgress(0, 0, 2 * steps, layout={"width": "100%"})
        self.forming = widgets.HTML()
        self.forming.add_class("daam-lesson-forming")
        self.status = widgets.HTML()
        self.image = widgets.HTML()
        self.reveal = widgets.Button(
            description="Show the words",
            icon="eye",
            button_style="primary",
            layout={"width": "auto", "align_self": "flex-start"},
        )
        self.reveal.add_class("daam-lesson-reveal")
        self.explored = widgets.VBox()
        self.questions = widgets.HTML()
        self.step = widgets.IntSlider(
            steps // 2 or 1,
            1,
            steps,
            description="Step t",
            layout={"width": "auto", "flex": "1 1 auto"},
        )
        self.play = widgets.Play(
            value=steps // 2 or 1,
            min=1,
            max=steps,
            interval=_MILLISECONDS_PER_STEP,
            show_repeat=False,
        )
        widgets.jslink((self.play, "value"), (self.step, "value"))
        self.forward, self.reverse = widgets.HTML(), widgets.HTML()
        self.lesson = widgets.VBox(layout={"display": "none"})
        self.lesson.children = [
            widgets.HTML(_LESSON),
            widgets.HBox([self.play, self.step]),
            self.forward,
            self.reverse,
        ]
        self.button.on_click(lambda _: self.draw())
        self.prompt.on_msg(self._submitted)
        self.prompt.observe(lambda _: self._read_prompt(), "value")
        self.reveal.on_click(lambda _: self.show_words())
        self.step.observe(lambda _: self._show_step(), "value")

    def _top(self) -> widgets.VBox:
        controls = widgets.HBox([self.prompt, self.seed, self.button])
        controls.add_class("daam-lesson-controls")
        style = f"<style>{STYLE.read_text('utf-8')}</style>"
        below = [] if self.vocabulary is None else [self.vocabulary]
        self._read_prompt()
        return widgets.VBox(
            [widgets.HTML(style), controls, *below, self.progress, self.status, self.forming]
        )

    # --- work -------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the prompt, then show the explorer and both processes of this image."""
        text = self.prompt.value.strip()
        if not text:
            self._say("Write a prompt first: a few words that describe the image.", bad=True)
            return
        if len(text) > MAX_CHARACTERS:
            self._say(
                f"This prompt has {len(text)} characters; at most {MAX_CHARACTERS} are allowed "
                "here, and the model reads about 75 words. Shorten it.",
                bad=True,
            )
            return
        self.button.disabled = True
        self.progress.layout.visibility = "visible"
        before = self.recording
        try:
            self._work(text)
        except DaamError as error:
            self._say(f"{self._how_far(text, before)}{error}", bad=True)
        except BaseException as error:
            why = "stopped." if isinstance(error, KeyboardInterrupt) else _in_words(error)
            self._say(f"{self._how_far(text, before)}{why}", bad=True)
            raise
        finally:
            self.button.disabled = False
            self.progress.value = 0
            self.progress.layout.visibility = "hidden"  # its place stays: nothing jumps
            self.forming.value = ""

    def to_figure(self) -> Figure:
        """Draw both processes of the last image at some of their steps, for print.

        Raises
        ------
        NothingRecordedError
            Before the first image.
        """
        if self.recording is None:
            raise NothingRecordedError("Nothing has been drawn yet. Press Draw, or call draw().")
        if not self._images:
            raise NothingRecordedError(
                f"Both processes of “{self.recording.prompt.text}” were not walked to their "
                "end. Press Draw again, or call draw()."
            )
        return process_sheet(self._chain, self._images, self.recording)

    def _work(self, text: str) -> None:
        steps, seed = self._chain.steps, self.seed.value
        _check_unchanged(self._pipe)
        self._say(f"Drawing “{text}” …")
        with _no_bar_of_its_own(self._pipe):
            run = self._recorded(text, seed)
        self._explore(run)
        self._say("Running the reverse process, step by step …")
        back = reverse(
            self._pipe,
            self._chain,
            text,
            seed=seed,
            guidance_scale=self._guidance,
            progress=lambda t: setattr(self.progress, "value", 2 * steps - t + 1),
        )
        assert run.latents is not None  # generate keeps them
        away = forward(self._chain, run.latents[-1], seed=seed)
        walked = {"forward": away, "noisy": back.noisy, "guesses": back.guesses}
        images = {name: decoded_images(self._pipe, latents) for name, latents in walked.items()}
        self._show_processes(images)
        drawn = run.facts.num_steps
        counted = (
            f"{steps} steps" if drawn == steps else f"drawn in {drawn} steps; a chain of {steps}"
        )
        self._say(f"“{text}”, seed {seed}, {counted}.")

    def _recorded(self, text: str, seed: int) -> Recording:
        """Draw, with the effects of the words; without where they cannot be had, or have room."""
        call: dict[str, Any] = {
            "seed": seed,
            "num_inference_steps": self._chain.steps,
            "guidance_scale": self._guidance,
            "callback_on_step_end": self._drawn_step,
        }
        try:
            run = generate(self._pipe, text, effects=True, **call)
        except (UnsupportedPipelineError, MemoryBudgetError):  # known before the first step
            run = generate(self._pipe, text, **call)
        assert isinstance(run, Recording)  # one text, one image
        return run

    def _how_far(self, text: str, before: Recording | None) -> str:
        """What is drawn and what is not, after something went wrong; nothing before any work."""
        if self.recording is not before:
            return f"“{text}” is drawn, but its forward and reverse processes are not: "
        if before is not None and before.prompt.text != text:
            return f"“{text}” was not drawn; below is still “{before.prompt.text}”: "
        return f"“{text}” was not drawn: "

    def _drawn_step(self, pipe: Any, step: int, timestep: Any, state: dict[str, Any]) -> Any:
        """Show how far the image is; called by the pipeline after each step."""
        image = decoded_images(pipe, state["latents"].detach()[:1])[0]
        self.forming.value = f'<img src="{data_url(image)}" alt="the image after step {step + 1}">'
        # Some schedulers look twice or more in each of the steps that they were asked for.
        every = max(int(getattr(pipe, "num_timesteps", 0) or 0), step + 1)
        self.progress.value = round((step + 1) / every * self._chain.steps)
        return state

    def show_words(self) -> None:
        """Show the explorer of the last image, and which words do most, in place of the image.

        Raises
        ------
        NothingRecordedError
            Before the first image.
        """
        run = self.recording
        if run is None:
            raise NothingRecordedError("Nothing has been drawn yet. Press Draw, or call draw().")
        if self.explorer is None:
            explorer = explore(run, images=forming_images(run, self._pipe))
            self.explorer, self.explored.children = explorer, [explorer]
            self.questions.value = questions_panel(run)

    def _explore(self, run: Recording) -> None:
        """Show a new image; what is below it, of another image, goes away."""
        earlier, self.explorer = self.explorer, None
        self._show_processes({})
        self.recording, self.questions.value = run, ""
        self.image.value = _guess(run)
        self.explored.children = [self.image, self.reveal]
        if earlier is not None:
            earlier.close()
        if self._show_words:
            self.show_words()

    def _read_prompt(self) -> None:
        """Say at once what the model does not know."""
        if self.vocabulary is not None:
            self.vocabulary.update(self.prompt.value[:MAX_CHARACTERS])

    def _replace(self, start: int, stop: int, word: str) -> None:
        text = self.prompt.value
        self.prompt.value = text[:start] + word + text[stop:]

    def _show_processes(self, images: dict[str, tuple[Image, ...]]) -> None:
        """Show both processes of `recording`; none without images."""
        urls = {name: [*map(data_url, frames)] for name, frames in images.items()}
        self._images, self._urls = images, urls
        if not images:
            self.forward.value = self.reverse.value = ""
        self._show_step()
        self.lesson.layout.display = "flex" if images else "none"

    def _show_step(self) -> None:
        if self._urls and self.recording is not None:
            t, urls = self.step.value, self._urls
            self.forward.value = forward_panel(self._chain, urls["forward"], t)
            text = self.recording.prompt.text
            self.reverse.value = reverse_panel(self._chain, urls["noisy"], urls["guesses"], t, text)

    def _submitted(self, _: Any, content: Any, __: Any) -> None:
        if isinstance(content, dict) and content.get("event") == "submit":  # the Enter key
            self.draw()

    def _say(self, text: str, *, bad: bool = False) -> None:
        role = "alert" if bad else "status"
        self.status.value = f'<div class="daam-lesson-status" role="{role}">{escape(text)}</div>'


def _check_unchanged(pipe: Any) -> None:
    """Raise an `InterventionError` inside a change of attention, which only a call would follow."""
    changes = [str(attached.change) for attached in open_changes(pipe)]
    if changes:
        raise InterventionError(
            f"{', then '.join(changes)} is open on this pipeline: it would change the image, but "
            "not the reverse process, which the classroom runs separately from the pipeline's "
            "call. Open the classroom outside it."
        )


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextmanager
def _no_bar_of_its_own(pipe: Any) -> Iterator[None]:
    """Hide the pipeline's progress bar meanwhile, since the page shows the progress."""
    before = dict(getattr(pipe, "_progress_bar_config", {}))
    pipe.set_progress_bar_config(**before | {"disable": True})
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**before)


def _guess(run: Recording) -> str:
    """The image alone and a question, as HTML."""
    assert run.image is not None  # generate keeps it
    text = escape(run.prompt.text)
    return (
        '<div class="daam-lesson-guess">'
        f'<img src="{data_url(run.image)}" alt="{escape(run.prompt.text, quote=True)}">'
        f"<p>“{text}”<br>Guess first: which part of the image belongs to which word?</p></div>"
    )


_LESSON = (
    '<h2 class="daam-lesson-title">How noise becomes an image</h2><p class="daam-lesson-lead">The '
    "model was trained on images to which noise was added step by step (forward). It draws by "
    "removing noise (reverse). Move t, or press play: further right there is more noise.</p>"
)
