"""Where a place of the image looks: the self-attention of a recording, from its explorer."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from daam_nb.maps.places import by_steps, self_attention_map
from daam_nb.maps.wordmap import WordHeatMap
from daam_nb.recording import Recording


class Looking:
    """The part of an explorer that asks for self-attention."""

    steps: Any

    @property
    @abstractmethod
    def run(self) -> Recording:
        """The recording."""

    def looks_from(self, y: float, x: float) -> WordHeatMap:
        """Map what a place of the image attends to in the image itself: `self_attention_map`.

        Of all layers of self-attention that were recorded, averaged over heads, whatever layers and
        heads are chosen for words. Over the chosen steps where each was kept
        (``self_attention="steps"``), else over all steps of the recording.

        Parameters
        ----------
        y, x
            0 to 1 from the top left corner.

        Returns
        -------
        WordHeatMap
            (grid y, grid x), float32, >= 0; 1 is attention to all cells alike.

        Raises
        ------
        NotKeptError
            Where the recording holds no self-attention: it says how to record it.
        SelectionError
            For a place outside of the image.
        """
        steps = self.steps if by_steps(self.run) else None
        return self_attention_map(self.run, (y, x), steps=steps)
