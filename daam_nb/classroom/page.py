"""The page: a prompt, a picture, its explorer, and both directions of diffusion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from PIL.Image import Image

from daam_nb.classroom.chain import chain_of
from daam_nb.classroom.panels import data_url, forward_panel, reverse_panel
from daam_nb.classroom.processes import check, check_guidance, forward, reverse
from daam_nb.classroom.sheet import process_sheet
from daam_nb.errors import DaamError, NothingRecordedError, WrongKindError
from daam_nb.kinds import kind_of, names_checked, number_between
from daam_nb.recording import Recording
from daam_nb.show.explorer import explore
from daam_nb.show.figures.figure import Figure
from daam_nb.tracing import generate
from daam_nb.tracing.forming import decoded_pictures, forming_pictures

STYLE = Path(__file__).parent / "style.css"
_MILLISECONDS_PER_STEP = 900
MAX_CHARACTERS = 1000  # of a prompt: anyone may write into the box


class Classroom(widgets.VBox):  # type: ignore[misc]
    """A page to teach with. It shows itself as the result of a cell, and in Voila.

    Parameters
    ----------
    pipe
        A Stable Diffusion 1.x or 2.x pipeline.
    prompt, seed
        What the page starts with; both can be changed on it.
    num_inference_steps
        Steps of the picture, and of the two processes below it.
    guidance_scale
        Classifier-free guidance of both.
    draw
        Draw the first picture at once.

    Attributes
    ----------
    recording
        What was seen while the last picture was drawn; None before the first.

    Raises
    ------
    UnsupportedPipelineError
        For a pipeline whose two processes cannot be walked.
    WrongKindError, SelectionError, UnknownOptionError
        For a prompt that is no text, a seed or a number of steps that is no whole number of its
        range, a guidance that is no number, or a name that is none of these.
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
    ) -> None:
        check(pipe)
        if not isinstance(prompt, str):
            raise WrongKindError(f"The prompt is a text, not {kind_of(prompt)}.")
        seed = number_between(seed, "seed", low=0, high=2**32 - 1)
        check_guidance(guidance_scale)
        self._pipe = pipe
        self._guidance = guidance_scale
        self._chain = chain_of(pipe, num_inference_steps)
        self._pictures: dict[str, tuple[Image, ...]] = {}
        self._urls: dict[str, list[str]] = {}
        self.recording: Recording | None = None
        self._make_controls(prompt, seed, num_inference_steps)
        super().__init__([self._top(), self.explored, self.lesson])
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
        self.explored = widgets.VBox()
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
        self.step.observe(lambda _: self._show_step(), "value")

    def _top(self) -> widgets.VBox:
        controls = widgets.HBox([self.prompt, self.seed, self.button])
        controls.add_class("daam-lesson-controls")
        style = f"<style>{STYLE.read_text('utf-8')}</style>"
        return widgets.VBox(
            [widgets.HTML(style + _TITLE), controls, self.progress, self.status, self.forming]
        )

    # --- work -------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the prompt, then show the explorer and both processes of this picture."""
        text = self.prompt.value.strip()
        if not text:
            self._say(
                "Write a prompt first: a few words that say what the picture shows.", bad=True
            )
            return
        if len(text) > MAX_CHARACTERS:
            self._say(
                f"This prompt has {len(text)} characters; {MAX_CHARACTERS} are the most here, and "
                f"the model reads about 75 words. Shorten it.",
                bad=True,
            )
            return
        self.button.disabled = True
        self.progress.layout.visibility = "visible"
        try:
            self._work(text)
        except DaamError as error:
            self._say(str(error), bad=True)
        finally:
            self.button.disabled = False
            self.progress.value = 0
            self.progress.layout.visibility = "hidden"  # its place stays: nothing jumps
            self.forming.value = ""

    def to_figure(self) -> Figure:
        """Both processes of the last picture at some of their steps, for paper.

        Raises
        ------
        NothingRecordedError
            Before the first picture.
        """
        if self.recording is None or not self._pictures:
            raise NothingRecordedError("Nothing was drawn yet. Press Draw, or call draw().")
        return process_sheet(self._chain, self._pictures, self.recording.prompt.text)

    def _work(self, text: str) -> None:
        steps = self._chain.steps
        self._say(f"Drawing “{text}” …")
        with _no_bar_of_its_own(self._pipe):
            run = generate(
                self._pipe,
                text,
                seed=self.seed.value,
                num_inference_steps=steps,
                guidance_scale=self._guidance,
                callback_on_step_end=self._drawn_step,
            )
        assert isinstance(run, Recording)  # one text, one picture
        self._explore(run)
        self._say("Walking back from noise, step by step …")
        back = reverse(
            self._pipe,
            self._chain,
            text,
            seed=self.seed.value,
            guidance_scale=self._guidance,
            progress=lambda t: setattr(self.progress, "value", 2 * steps - t + 1),
        )
        assert run.latents is not None  # generate keeps them
        away = forward(self._chain, run.latents[-1], seed=self.seed.value)
        walked = {"forward": away, "noisy": back.noisy, "guesses": back.guesses}
        self._pictures = {
            name: decoded_pictures(self._pipe, latents) for name, latents in walked.items()
        }
        self._urls = {name: [*map(data_url, found)] for name, found in self._pictures.items()}
        self._show_step()
        self.lesson.layout.display = "flex"
        self._say(f"“{text}”, seed {self.seed.value}, {steps} steps.")

    def _drawn_step(self, pipe: Any, step: int, timestep: Any, state: dict[str, Any]) -> Any:
        """Show how far the picture is; called by the pipeline after each step."""
        picture = decoded_pictures(pipe, state["latents"].detach()[:1])[0]
        self.forming.value = (
            f'<img src="{data_url(picture)}" alt="the picture after step {step + 1}">'
        )
        self.progress.value = step + 1
        return state

    def _explore(self, run: Recording) -> None:
        for one in self.explored.children:
            one.close()
        self.recording = run
        self.explored.children = [explore(run, pictures=forming_pictures(run, self._pipe))]

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


@contextmanager
def _no_bar_of_its_own(pipe: Any) -> Iterator[None]:
    """The page shows the progress, so the pipeline's bar stays away meanwhile."""
    before = dict(getattr(pipe, "_progress_bar_config", {}))
    pipe.set_progress_bar_config(**before | {"disable": True})
    try:
        yield
    finally:
        pipe.set_progress_bar_config(**before)


_TITLE = (
    '<h2 class="daam-lesson-title">What the words paint</h2>'
    '<p class="daam-lesson-lead">A model draws the prompt in small steps, and at every step each '
    "place of the picture looks at the words. Draw one, then look which words were looked at, and "
    "where.</p>"
)
_LESSON = (
    '<h2 class="daam-lesson-title">How noise becomes a picture</h2>'
    '<p class="daam-lesson-lead">The model was trained on pictures that were lost in noise step '
    "by step (forward). It draws by going the other way (reverse). Move t, or press play: to the "
    "right there is more noise.</p>"
)
