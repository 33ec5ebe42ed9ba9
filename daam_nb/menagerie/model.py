"""The menagerie's models: two Stable Diffusion pipelines that ship with the package."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from daam_nb.errors import MissingModelError, SelectionError, WrongKindError
from daam_nb.kinds import check_choice, check_path, kind_of, names_checked

if TYPE_CHECKING:
    import torch
    from diffusers import StableDiffusion3Pipeline, StableDiffusionPipeline

WEIGHTS = Path(__file__).parent / "weights"
"""Folder of the shipped pipeline, in diffusers' layout, with `card.json` beside its parts."""

JOINT = Path(__file__).parent / "joint"
"""Folder of the shipped pipeline with joint attention: transformer, text encoders and scheduler.
Its autoencoder and tokenizer are those in `WEIGHTS`."""

NAME = "daam_nb/menagerie"
JOINT_NAME = "daam_nb/menagerie-joint"

AUTOENCODER = "vae/diffusion_pytorch_model.safetensors"
"""File of the autoencoder's weights in `WEIGHTS`; the joint model's card has its checksum."""

CLASSES = {"unet": "StableDiffusionPipeline", "joint": "StableDiffusion3Pipeline"}
"""Architecture to the class of its pipeline in diffusers."""


@dataclass(frozen=True)
class Card:
    """Facts about a shipped model.

    Attributes
    ----------
    name, revision, tier
        `revision` is the start of a SHA-256 over all weights; it changes with every training.
    samples
        Captioned images the denoiser and text encoders were trained on, repetitions counted.
    licences
        License of each part of the model.
    checksums
        SHA-256 of each file, by its path relative to the weights' folder.
    recommended
        Dotted names of the layers whose heat maps follow the objects best; None until they are
        chosen by measurement.
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
        """The model's id in recordings: name@revision."""
        return f"{self.name}@{self.revision}"


@names_checked
def card(folder: Path | None = None, *, architecture: Literal["unet", "joint"] = "unet") -> Card:
    """Read the facts of the model card.

    Parameters
    ----------
    folder
        Folder of a pipeline exported by `training`; None is the shipped one of the architecture.
    architecture
        Of the shipped model, as `load` takes it. A folder has its own.

    Raises
    ------
    MissingModelError
        If the folder holds no exported pipeline.
    SelectionError
        If the architecture does not exist.
    UnknownOptionError
        For an unknown argument.
    """
    check_choice(architecture, "architecture", CLASSES)
    if folder is None:
        folder = WEIGHTS if architecture == "unet" else JOINT
    folder = check_path(folder, "folder")
    path, stages = folder / "card.json", "export-joint" if folder == JOINT else "all"
    if not path.exists() or not (folder / "model_index.json").exists():
        raise MissingModelError(
            f"The menagerie's weights are not in {folder}. Installed packages have them; in a "
            f"source checkout without them, make them with `python -m training {stages}`, or "
            "install daam_nb from its wheel."
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


@overload
def load(
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    *,
    architecture: Literal["unet"] = "unet",
    folder: Path | None = None,
    shared: Path = WEIGHTS,
) -> StableDiffusionPipeline: ...


@overload
def load(
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    *,
    architecture: Literal["joint"],
    folder: Path | None = None,
    shared: Path = WEIGHTS,
) -> StableDiffusion3Pipeline: ...


@names_checked
def load(
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    *,
    architecture: Literal["unet", "joint"] = "unet",
    folder: Path | None = None,
    shared: Path = WEIGHTS,
) -> StableDiffusionPipeline | StableDiffusion3Pipeline:
    """Load a shipped model; needs no network, token or GPU.

    Parameters
    ----------
    dtype
        Dtype of the weights in memory; None is float32. The files hold float16.
    device
        Device of the pipeline.
    architecture
        "unet" is a Stable Diffusion with cross-attention. "joint" is a Stable Diffusion 3 of the
        same world, whose patches and words attend to each other in joint attention.
    folder
        Folder of a pipeline exported by `training`; None is the shipped one of the architecture.
    shared
        Folder with the autoencoder and tokenizer of "joint", which are the other model's.

    Returns
    -------
    StableDiffusionPipeline or StableDiffusion3Pipeline
        An ordinary diffusers pipeline for 64 x 64 images. Its `config._name_or_path` is
        `card().model_id`, the same on every machine, so that recordings can name the model. The
        third text encoder of "joint" is None, which diffusers provides for: columns of zeros
        stand for its words, `max_sequence_length` of them; it was trained with 32 to 256.

    Raises
    ------
    MissingModelError
        If a folder holds no exported pipeline, or a pipeline of the other architecture.
    SelectionError
        If the architecture does not exist.
    WrongKindError
        If dtype is not a `torch.dtype`, as in ``load("cuda")``, or a folder is not a path.
    UnknownOptionError
        For an unknown argument.

    Examples
    --------
    >>> pipe = load()                                                # doctest: +SKIP
    >>> pipe("a red car on the grass", num_inference_steps=20).images[0]  # doctest: +SKIP
    """
    check_choice(architecture, "architecture", CLASSES)
    _check_dtype(dtype)
    _check_device(device)
    if folder is None:
        folder = WEIGHTS if architecture == "unet" else JOINT
    folder, shared = check_path(folder, "folder"), check_path(shared, "shared")
    facts = card(folder)
    class_name = json.loads((folder / "model_index.json").read_text())["_class_name"]
    if class_name != CLASSES[architecture]:
        other = next((a for a, name in CLASSES.items() if name == class_name), None)
        way_out = "" if other is None else f" Load it with architecture={other!r}."
        raise MissingModelError(
            f"The model in {folder} is a {class_name}; architecture={architecture!r} needs a "
            f"{CLASSES[architecture]}.{way_out}"
        )
    import torch

    pipe: Any = (
        _unet_pipeline(folder) if architecture == "unet" else _joint_pipeline(folder, shared)
    )
    for part in pipe.components.values():
        # Cast here, because the option's name for it differs between versions of diffusers;
        # plainly, because diffusers' own `to` warns of parts to be kept in float32 - of none.
        if isinstance(part, torch.nn.Module):
            torch.nn.Module.to(part, dtype=torch.float32 if dtype is None else dtype)
    pipe.to(device)
    # diffusers notes the folder, which differs between machines; the card's name does not.
    pipe.register_to_config(_name_or_path=facts.model_id)
    loaded: StableDiffusionPipeline | StableDiffusion3Pipeline = pipe
    return loaded


def _check_dtype(dtype: object) -> None:
    """Raise a `WrongKindError` unless it is None or a floating `torch.dtype`."""
    if dtype is None:
        return
    import torch

    if isinstance(dtype, torch.dtype) and dtype.is_floating_point:
        return
    dtype_name = str(dtype).removeprefix("torch.")
    way_out = ""
    if isinstance(dtype, str) and isinstance(getattr(torch, dtype_name, None), torch.dtype):
        way_out = f" Give the dtype itself: load(torch.{dtype_name})."
    elif isinstance(dtype, str | torch.device):
        way_out = f" The device is another argument: load(device={str(dtype)!r})."
    elif not isinstance(dtype, torch.dtype):
        way_out = " Name the argument: load(device=..., architecture=..., folder=...)."
    raise WrongKindError(
        "dtype must be a floating-point dtype of torch, such as torch.float16, or None for "
        f"float32, not {kind_of(dtype) if not isinstance(dtype, torch.dtype) else dtype}.{way_out}"
    )


def _check_device(device: object) -> None:
    """Raise a `SelectionError` unless torch computes there, before anything is loaded."""
    import torch

    architectures: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    try:
        kind = torch.device(device).type if isinstance(device, str | torch.device) else ""
    except RuntimeError:
        kind = ""
    if not kind or (kind in architectures and not architectures[kind]()):
        known = ", ".join(["'cpu'", *(repr(name) for name, has in architectures.items() if has())])
        raise SelectionError(
            f"device={device!r:.60} is not an available torch device. Available: {known}."
        )


def _unet_pipeline(folder: Path) -> StableDiffusionPipeline:
    from diffusers import StableDiffusionPipeline

    pipe: StableDiffusionPipeline = StableDiffusionPipeline.from_pretrained(
        str(folder),
        local_files_only=True,
        safety_checker=None,
        requires_safety_checker=False,
    )
    return pipe


def _joint_pipeline(folder: Path, shared: Path) -> StableDiffusion3Pipeline:
    """The parts in `folder`, joined with the autoencoder and the tokenizer in `shared`."""
    needed = json.loads((folder / "card.json").read_text())["needs"]
    if not needed.items() <= card(shared).checksums.items():
        raise MissingModelError(
            f"The model in {folder} was trained with a different autoencoder from that in "
            f"{shared}. Name the folder to which `training` exported its own: shared=..."
        )
    from diffusers import AutoencoderKL, StableDiffusion3Pipeline
    from transformers import CLIPTokenizer

    vae = AutoencoderKL.from_pretrained(str(shared), subfolder="vae", local_files_only=True)
    # Stable Diffusion 3 adds a shift after it divides by the scaling factor; this one has none.
    vae.register_to_config(shift_factor=0.0)
    tokenizer = CLIPTokenizer.from_pretrained(str(shared / "tokenizer"), local_files_only=True)
    pipe: StableDiffusion3Pipeline = StableDiffusion3Pipeline.from_pretrained(
        str(folder),
        local_files_only=True,
        vae=vae,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder_3=None,
        tokenizer_3=None,
        image_encoder=None,
        feature_extractor=None,
    )
    return pipe
