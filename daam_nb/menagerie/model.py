"""The menagerie's model: a Stable Diffusion pipeline from the package's own files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.errors import MissingModelError

if TYPE_CHECKING:
    import torch
    from diffusers import StableDiffusionPipeline

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped pipeline, in diffusers' layout, with `card.json` beside its parts."""

NAME = "daam_nb/menagerie"


@dataclass(frozen=True)
class Card:
    """What is known about the shipped model.

    Attributes
    ----------
    name, revision, tier
        `revision` is the start of a SHA-256 over all weights; it changes with every training.
    samples
        Captioned pictures the UNet and text encoder were trained on, repetitions counted.
    licences
        Part of the model to its licence.
    checksums
        File, relative to the weights' folder, to its SHA-256.
    recommended
        Dotted names of the layers whose heat maps follow the objects best; None as long as they
        have not been chosen by measurement.
    """

    name: str
    revision: str
    tier: str
    samples: int
    licences: dict[str, str]
    checksums: dict[str, str]
    recommended: tuple[str, ...] | None

    @property
    def model_id(self) -> str:
        """What a recording notes as its model: name@revision."""
        return f"{self.name}@{self.revision}"


def card(folder: Path = WEIGHTS) -> Card:
    """The model card's facts as data.

    Parameters
    ----------
    folder
        Folder of a pipeline exported by `training`; by default the shipped one.

    Raises
    ------
    MissingModelError
        When the folder holds no exported pipeline.
    """
    path = folder / "card.json"
    if not path.exists() or not (folder / "model_index.json").exists():
        raise MissingModelError(
            f"the menagerie's weights are not in {folder}. Installed packages have them; in a "
            "source checkout without them, make them with `python -m training all`, or install "
            "daam_nb from its wheel."
        )
    facts: dict[str, Any] = json.loads(path.read_text())
    chosen = facts["recommended"]
    return Card(
        name=facts["name"],
        revision=facts["revision"],
        tier=facts["tier"],
        samples=facts["samples"],
        licences=facts["licences"],
        checksums=facts["checksums"],
        recommended=None if chosen is None else tuple(chosen),
    )


def load(
    dtype: torch.dtype | None = None, device: str = "cpu", *, folder: Path = WEIGHTS
) -> StableDiffusionPipeline:
    """Load the embedded model. No network, no token, no GPU is needed.

    Parameters
    ----------
    dtype
        Of the weights in memory; None is float32. The files hold float16.
    device
        Where the pipeline computes.
    folder
        Folder of a pipeline exported by `training`; by default the shipped one.

    Returns
    -------
    StableDiffusionPipeline
        An ordinary diffusers pipeline for 64 x 64 pictures. Its `config._name_or_path` is
        `card().model_id`, the same on every machine, so that recordings can name the model.

    Raises
    ------
    MissingModelError
        When the folder holds no exported pipeline.

    Examples
    --------
    >>> pipe = load()                                                # doctest: +SKIP
    >>> pipe("a red car on the grass", num_inference_steps=20).images[0]  # doctest: +SKIP
    """
    facts = card(folder)
    import torch
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(
        str(folder),
        local_files_only=True,
        safety_checker=None,
        requires_safety_checker=False,
    )
    for part in (pipe.text_encoder, pipe.unet, pipe.vae):
        # Cast here, because the option's name for it differs between versions of diffusers;
        # plainly, because diffusers' own `to` warns of parts to be kept in float32 - of none.
        torch.nn.Module.to(part, dtype=torch.float32 if dtype is None else dtype)
    pipe.to(device)
    # diffusers notes the folder, which differs between machines; the card's name does not.
    pipe.register_to_config(_name_or_path=facts.model_id)
    loaded: StableDiffusionPipeline = pipe
    return loaded
