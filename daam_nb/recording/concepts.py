"""`Concepts`: attention to words that are not in the prompt, as plain data beside a recording.

A second text, the attribution prompt, is read by the pipeline's encoders and projected to keys by
each layer; the queries are those that made the image. The softmax is over the second text's own
keys, so that it does not affect the image (OVAM, Marcos-Manchón et al. 2024, section 3.2,
https://arxiv.org/abs/2403.14291). In joint attention the tokens of the concepts are a stream of
their own, and what is kept is in the space of attention outputs, of all heads together
(ConceptAttention, Helbling et al. 2025, section 4, https://arxiv.org/abs/2502.04320).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from daam_nb.errors import SelectionError
from daam_nb.kinds import whole_numbers
from daam_nb.prompt import Word
from daam_nb.recording.extra import Extra
from daam_nb.recording.limits import MAX_LINES, check_count

if TYPE_CHECKING:
    from torch import Tensor

    from daam_nb.prompt import Prompt
    from daam_nb.recording.layers import Layer


@dataclass(frozen=True, eq=False)
class Concepts(Extra):
    """Attention of each image location to a text other than the prompt.

    Attributes
    ----------
    prompt
        The attribution prompt: the text in which the concepts stand, as it was tokenized.
    spans
        The characters of each concept in that text: half-open ranges.
    columns
        The key positions in the softmax, all of them kept: start of text, the text's tokens, end of
        text, not the padding; in joint attention the tokens of the concepts alone.
    attention
        Layer name -> (step, head, token, y, x): attention probability in the conditional pass; the
        sum over tokens is 1. Token i has the key position ``columns[i]``. A layer of joint
        attention has one head here: softmax over the tokens of the inner products of attention
        outputs, which are of all heads together.

    Raises
    ------
    SelectionError, ShapeError
        At construction, if the parts do not fit together.

    Notes
    -----
    If the recording kept only the sum over its steps, the step axis has length 1 and holds sums.
    """

    PARTS: ClassVar[tuple[str, ...]] = ("attention",)
    TITLE: ClassVar[str] = "The concepts"

    prompt: Prompt
    spans: tuple[tuple[int, int], ...]
    columns: tuple[int, ...]
    attention: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        spans = tuple(whole_numbers(span, "character") for span in self.spans)
        check_count(spans, "concepts", MAX_LINES)
        if not spans or len(set(spans)) < len(spans) or any(len(span) != 2 for span in spans):
            raise SelectionError("Concepts must be at least one, each listed once.")
        columns = whole_numbers(self.columns, "column")
        known = range(len(self.prompt.tokens))
        ascending = list(columns) == sorted(set(columns))
        if not columns or not ascending or any(column not in known for column in columns):
            raise SelectionError(
                f"The columns of concepts must be in ascending order, within the {len(known)} of "
                f"their text, not {list(columns)!r:.100}."
            )
        object.__setattr__(self, "spans", spans)
        object.__setattr__(self, "columns", columns)
        for span in spans:
            tokens = self.prompt.token_indices((span[0], span[1]))
            if not set(tokens) <= set(columns):
                raise SelectionError(
                    f"The concept at the characters {span[0]}-{span[1]} has tokens that are not "
                    "among the columns."
                )

    @property
    def words(self) -> tuple[Word, ...]:
        """The concepts as words of the attribution prompt."""
        return tuple(Word(self.prompt.text[a:b], a, b) for a, b in self.spans)

    def facts(self) -> dict[str, Any]:
        """Labels of the token axis, as plain data."""
        return {
            "prompt": self.prompt.to_dict(),
            "spans": [list(span) for span in self.spans],
            "columns": list(self.columns),
        }

    @staticmethod
    def bounds(most: float) -> dict[str, tuple[float, float]]:
        """Range of the values, given that a probability (or a sum of them) is at most `most`."""
        return {"attention": (0.0, most)}

    def check(self, layers: tuple[Layer, ...], *, steps: int) -> None:
        """Raise `ShapeError` unless the arrays fit their recording."""
        tokens = len(self.columns)
        self.check_arrays(
            {
                layer.name: {"attention": (steps, concept_heads(layer), tokens, *layer.size)}
                for layer in layers
            }
        )


def concept_heads(layer: Layer) -> int:
    """Heads that the concepts' array of a layer has."""
    return 1 if layer.attention == "joint" else layer.heads
