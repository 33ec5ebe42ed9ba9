"""What an explorer has in Python to draw its image again: `what_if`."""

from __future__ import annotations

from daam_nb.errors import SelectionError
from daam_nb.recording import LayerChoice
from daam_nb.selection import HeadChoice, StepChoice
from daam_nb.show.explorer.model.engine import Engine
from daam_nb.show.explorer.model.selection import Selected
from daam_nb.show.explorer.page.drawing import Studio
from daam_nb.show.explorer.redrawing.change import How, read_change
from daam_nb.show.explorer.redrawing.result import WhatIf


class Redrawing:
    """The part of an explorer that draws again."""

    _studio: Studio
    _engine: Engine | None
    word: int
    threshold: float

    def what_if(
        self,
        word: object = None,
        how: How = "hide",
        *,
        factor: float | None = None,
        layers: LayerChoice | None = None,
        heads: HeadChoice = None,
        steps: StepChoice = None,
    ) -> WhatIf:
        """Draw the image again from its own noise, without a word or with more of it.

        The page's panel "What if" does the same. The pipeline that was given to `explore` draws,
        and is left as it was. Waits where another image is being drawn.

        Parameters
        ----------
        word
            A word by its text, number, `Word` or (start, end) in characters; None: the one that is
            shown; False: all of the text, in the layers, heads or steps chosen.
        how
            ``"hide"``: hidden in the text encoder, and attended to by nobody, so that nothing of it
            reaches the image (``ablate(text_encoder=True, renormalize=True)``). ``"ablate"``: the
            attention to it becomes 0 (`ablate`). ``"scale"``: `factor` times what it was
            (`reweight`).
        factor
            Of ``"scale"``: a finite number >= 0; 1 changes nothing, bit for bit.
        layers, heads, steps
            Where the attention is changed, as for `ablate`; everywhere by default. Not with
            ``"hide"``. ``**explorer.selection`` where maps of the attention are shown.

        Returns
        -------
        WhatIf
            Both images, their difference, numbers and words, and the new recording.

        Raises
        ------
        SelectionError
            Without a pipeline, or where the choices cannot be.
        ReproductionError, UnsupportedPipelineError
            Before anything is drawn, where this pipeline cannot draw the recording again.
        WordNotFoundError, AmbiguousWordError
            For a word that the prompt lacks, or has twice.
        """
        if self._engine is None:
            raise SelectionError("This explorer was closed. Open another: explore(run, pipe).")
        what = self.word if word is None else word
        subject = self._engine.subject
        change = read_change(
            subject, what, how, factor=factor, layers=layers, heads=heads, steps=steps
        )
        selected = self._selected_word(self.word if change.word < 0 else change.word)
        return self._studio.what_if(change, selected, self.threshold)

    @property
    def what_if_drawn(self) -> WhatIf | None:
        """What was drawn last, from the page or by `what_if`; None before."""
        return self._studio.last

    def _selected_word(self, word: int) -> Selected:
        raise NotImplementedError
