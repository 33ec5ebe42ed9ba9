"""Importance of heads: each head ablated alone, with its attention to the words."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from daam_nb.prompt import Word
from daam_nb.recording import Recording
from daam_nb.studies.corpus.measuring import measured
from daam_nb.studies.corpus.runs import Corpus, Run
from daam_nb.studies.faithfulness.agreement import correlation
from daam_nb.studies.redraw.redrawing import difference, drawn_again
from daam_nb.studies.stats.intervals import interval
from daam_nb.tracing import ablate

COLUMNS: dict[str, str] = {
    "run": "key of the recording",
    "prompt": "its text",
    "seed": "of the image",
    "word": "the object's word",
    "layer": "dotted name",
    "head": "number of the head in its layer",
    "amount": "mean change of a pixel's channel without this head's cross-attention, 0 to 1",
    "attention_to_word": "mean attention of this head to the word, over steps and locations",
    "attention_to_text": "the same to all words together (not the start of text, not the end)",
}


def head_effects(
    runs: Corpus,
    pipe: Any,
    table: pd.DataFrame,
    *,
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Ablate every head of every layer in turn: all its columns, in the prompt's rows.

    Parameters
    ----------
    runs
        The images; each is drawn as often as the network has heads.
    pipe
        The pipeline that made them.
    table
        The table of `ablation_effects`, which names each image's word.
    path
        Where rows are kept; by default beside the recordings.

    Returns
    -------
    DataFrame
        One row per image and head, with `COLUMNS`.
    """
    words = table.drop_duplicates("run").set_index("run").object

    def measure(unit: tuple[Run, str]) -> list[dict[str, Any]]:
        run, layer_name = unit
        recording = run.load()
        assert recording.image is not None  # `ablation_effects` looked at it
        word = recording.prompt.find(words[run.key])
        layer = next(layer for layer in recording.layers if layer.name == layer_name)
        rows = []
        for head in range(layer.heads):
            without = drawn_again(pipe, recording, ablate(pipe, heads=head, layers=[layer]))
            to_word, to_text = attention_of(recording, layer.name, head, word)
            rows.append(
                {
                    "run": run.key,
                    "prompt": recording.prompt.text,
                    "seed": run.facts["seed"],
                    "word": word.text,
                    "layer": layer.name,
                    "head": head,
                    "amount": float(difference(recording.image, without).mean()),
                    "attention_to_word": to_word,
                    "attention_to_text": to_text,
                }
            )
        return rows

    units = [
        (f"{run.key} {words[run.key]} {layer.name}", (run, layer.name))
        for run in runs
        for layer in run.load().layers
    ]
    return measured(
        runs,
        measure,
        name="heads",
        columns=COLUMNS,
        units=units,
        content=lambda unit: unit[0].content(),
        path=path,
        progress=progress,
    )


def attention_of(run: Recording, layer: str, head: int, word: Word) -> tuple[float, float]:
    """Mean attention of one head to a word (its tokens together) and to all words, per step."""
    maps = run.attention[layer][:, head].float()  # (step, token, y, x)
    places = maps.mean(dim=(2, 3)).sum(dim=0) / len(run.steps)  # of "sum", one row is the sum
    ours = set(run.prompt.token_indices(word.span))
    texts = {t.index for t in run.prompt.tokens if t.role in ("text", "added")}
    by_column = dict(zip(run.columns, places.tolist(), strict=True))
    return (
        sum(by_column[column] for column in ours),
        sum(value for column, value in by_column.items() if column in texts),
    )


def ranking(heads: pd.DataFrame) -> pd.DataFrame:
    """One row per head: its mean effect and attention, and its rank by each, the effect first.

    The first ones were selected on these images: on others their effect is smaller.
    """
    means = heads.groupby(["layer", "head"], sort=False)[
        ["amount", "attention_to_word", "attention_to_text"]
    ].mean()
    frame = means.reset_index()
    for name in ("amount", "attention_to_word", "attention_to_text"):
        frame[f"rank_{name}"] = frame[name].rank(ascending=False, method="min").astype(int)
    return frame.sort_values("amount", ascending=False, ignore_index=True)


def rank_agreement(heads: pd.DataFrame) -> pd.DataFrame:
    """Spearman's rho, within each image, of a head's effect and its attention; mean, interval.

    Images of one prompt are one cluster.
    """
    rows = []
    for name in ("attention_to_word", "attention_to_text"):
        per_image, prompts = [], []
        for _, part in heads.groupby("run", sort=False):
            ranks = (part[of].rank().to_numpy()[None, :] for of in ("amount", name))
            per_image.append(correlation(*ranks))
            prompts.append(part.prompt.iloc[0])
        estimate = interval(per_image, clusters=prompts, bounds=(-1.0, 1.0))
        rows.append(
            {
                "ranking by": name,
                "pictures": estimate.n,
                "rho": estimate.mean,
                "rho_low": estimate.low,
                "rho_high": estimate.high,
            }
        )
    return pd.DataFrame(rows)
