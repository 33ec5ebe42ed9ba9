"""Batches of stored latents and captions: which scenes a step of training sees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPTokenizer

from daam_nb.menagerie.taxonomy import COLORS, SIZES
from training.scenes import facts


def is_plain(caption: str) -> bool:
    """Whether no object in a caption has its own color or is small, as in scenes learnt first."""
    objects = re.sub(r"on an? \w+ background", "", caption).replace(",", " ").split()
    return not {*COLORS, *SIZES["small"]} & set(objects)


def states_a_direction(caption: str) -> bool:
    """Whether a caption says on which side of another an object is."""
    return bool({"left", "right", "above", "over", "below", "under"} & set(caption.split()))


class Batches:
    """The stored scenes, on the device that trains; grows while others are still encoded.

    Parameters
    ----------
    work
        Holds `scenes` and `latents`.
    config
        `batch`, `caption_dropout`; `single_early`, `single_until`, `plain_early`, `plain_until`:
        early on more single objects and more plain ones than in the world; and, if it has
        `directed`, at least that share of captions that state a direction.
    tokenizer
        Encodes the empty caption.
    device
        The device of latents, token ids and batches.
    """

    def __init__(
        self, work: Path, config: dict[str, Any], tokenizer: CLIPTokenizer, device: str
    ) -> None:
        self._work, self._config, self._device = work, config, device
        empty = tokenizer("", padding="max_length").input_ids
        self._empty = torch.tensor(empty, dtype=torch.long, device=device)
        self._paths: list[Path] = []
        self._latents = torch.empty(0, device=device)
        self._tokens = torch.empty(0, device=device)
        self._single, self._plain, self._direction = (np.empty(0, bool) for _ in range(3))
        self.refresh()

    def __len__(self) -> int:
        """The number of scenes."""
        return len(self._single)

    def refresh(self) -> None:
        """Add the shards of latents that appeared since."""
        folder = self._work / "latents"
        new = [p for p in sorted(folder.glob("[0-9]*.npz")) if p not in self._paths]
        if not new:
            return
        read = [dict(np.load(path)) for path in new]
        captions = [
            caption
            for path in new
            for caption in facts(self._work / "scenes" / f"{path.stem}.npy")["captions"]
        ]
        latents, tokens = (
            [torch.from_numpy(r[name]).to(self._device) for r in read]
            for name in ("latents", "tokens")
        )
        self._latents = torch.cat([self._latents, *latents] if len(self) else latents)
        self._tokens = torch.cat([self._tokens, *tokens] if len(self) else tokens)
        self._single = np.concatenate([self._single, *(r["single"] for r in read)])
        self._plain = np.append(self._plain, [is_plain(c) for c in captions])
        self._direction = np.append(self._direction, [states_a_direction(c) for c in captions])
        # Rows by (one object?, plain?).
        self._rows = {
            (one, easy): np.flatnonzero((self._single == one) & (self._plain == easy))
            for one in (True, False)
            for easy in (True, False)
        }
        self._directed = np.flatnonzero(self._direction)
        self._paths += new

    def draw(self, rng: np.random.Generator, progress: float) -> tuple[Tensor, Tensor]:
        """A random batch.

        Parameters
        ----------
        rng
            Source of every choice.
        progress
            Share of the run that is done, 0..1.

        Returns
        -------
        latents
            (scene, channel, y, x), float32, on the device.
        tokens
            (scene, token), int64, on the device; those of the empty caption if it is dropped.
        """
        if not len(self):
            raise FileNotFoundError(f"no latents in {self._work}. Run the stage `latents` first.")
        count = self._config["batch"]
        own = {key: len(rows) / len(self) for key, rows in self._rows.items()}
        one = self._share(own[True, True] + own[True, False], "single", progress)
        easy = self._share(own[True, True] + own[False, True], "plain", progress)
        kinds = np.stack([rng.random(count) < one, rng.random(count) < easy], axis=1)
        chosen = np.empty(count, np.int64)
        for (single, plain), rows in self._rows.items():
            here = (kinds == (single, plain)).all(axis=1)
            chosen[here] = rng.choice(rows, here.sum())
        directed = rng.random(count) < self._config.get("directed", 0.0)
        if directed.any():
            chosen[directed] = rng.choice(self._directed, directed.sum())
        dropped = torch.from_numpy(rng.random(count) < self._config["caption_dropout"])
        rows = torch.from_numpy(chosen).to(self._device)
        tokens = self._tokens[rows].long()
        blank = dropped.to(self._device)[:, None]
        return self._latents[rows].float(), torch.where(blank, self._empty, tokens)

    def _share(self, own: float, name: str, progress: float) -> float:
        """A group's share now: from `<name>_early` to its own, over `<name>_until` of the run."""
        early = max(1 - progress / self._config[f"{name}_until"], 0.0)
        return float(own + (self._config[f"{name}_early"] - own) * early)
