"""A name -> a pipeline that is ready to draw: the shipped model, a folder, an id on the Hub."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from daam_nb.errors import MissingModelError, SelectionError

if TYPE_CHECKING:
    import torch

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
Architecture = Literal["unet", "joint"]
SHIPPED: dict[str | None, Architecture] = {
    None: "unet",
    "daam_nb/menagerie": "unet",
    "daam_nb/menagerie-joint": "joint",
}
"""What names a model that ships with the package, as its card and its recordings do."""


def load_pipeline(
    name: str | None, *, device: str | None = None, dtype: str | None = None, quiet: bool = False
) -> Any:
    """Load a pipeline and move it to its device.

    Parameters
    ----------
    name
        A name of `SHIPPED`, a folder in diffusers' layout, or an id on the Hub, tried in this
        order; None: the shipped UNet model.
    device
        Torch's name of it; None: cuda if available, else the CPU.
    dtype
        Name of a floating-point type; None: float32 for a shipped model and on the CPU,
        else float16.
    quiet
        Whether to hide the progress bars of drawing and downloading.

    Raises
    ------
    MissingModelError
        If there is no such model, or it cannot be reached.
    SelectionError
        If the device does not exist here.
    """
    import torch

    device_name = _device(device)
    architecture = SHIPPED.get(name)
    whole = architecture is not None or device_name.type == "cpu"
    chosen = dtype or ("float32" if whole else "float16")
    weights: torch.dtype = getattr(torch, chosen)
    with _loading_quietly(downloads=not quiet):
        pipe = _named(name, weights) if architecture is None else _shipped(architecture, weights)
    pipe.to(device_name)
    pipe.set_progress_bar_config(disable=quiet)
    return pipe


def _device(name: str | None) -> torch.device:
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # no such name; none of it in this torch
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SelectionError(
            f"--device {name} cannot be used here ({reason}). Leave the option out to use CUDA "
            "where available, else the CPU."
        ) from None
    return device


def _shipped(architecture: Architecture, dtype: torch.dtype) -> Any:
    from daam_nb import menagerie

    return menagerie.load(dtype=dtype, architecture=architecture)


def _named(name: str | None, dtype: torch.dtype) -> Any:
    """A folder if there is one of this name, else an id on the Hub."""
    if not name:
        raise MissingModelError(
            "The name after --model is empty. Give a folder (the current one is '.'), or an id on "
            "the Hugging Face Hub; without --model the shipped model is used."
        )
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "model_index.json").is_file():
            raise MissingModelError(
                f"{name} is not a pipeline in diffusers' layout: it has no model_index.json. Give "
                "the folder that `pipe.save_pretrained` wrote, or the pipeline's id on the Hub."
            )
        return _from_pretrained(str(folder), name, dtype)
    if folder.exists():
        raise MissingModelError(
            f"{name} is a single file; --model takes a folder in diffusers' layout. Convert it: "
            "StableDiffusionPipeline.from_single_file(...).save_pretrained(FOLDER)."
        )
    if not _HUB_ID.fullmatch(name):
        raise MissingModelError(
            f"There is no folder {name}, and it is not an id on the Hugging Face Hub, such as "
            "stable-diffusion-v1-5/stable-diffusion-v1-5. Without --model the shipped model is "
            "used."
        )
    return _from_pretrained(name, name, dtype)


def _from_pretrained(source: str, name: str, dtype: torch.dtype) -> Any:
    import diffusers

    pipelines: Any = diffusers.DiffusionPipeline  # its methods carry no types
    try:
        return pipelines.from_pretrained(source, torch_dtype=dtype)
    except (OSError, ValueError) as error:
        raise MissingModelError(_why_not(name, error, local=source != name)) from error


def _why_not(name: str, error: Exception, *, local: bool) -> str:
    """What a failed download or a broken folder means for the user."""
    from huggingface_hub import errors as hub

    if local or Path(name).expanduser().is_dir():
        reason = " ".join(str(error).split())[:300]
        return f"The pipeline in {name} cannot be loaded: {reason}"
    causes = list(_causes(error))
    known = f"{name} is neither a folder here nor"
    if any(isinstance(cause, hub.GatedRepoError) for cause in causes):
        return (
            f"{name} is on the Hub, but its owners require you to accept their terms first: do so "
            f"on https://huggingface.co/{name}, then log in with `hf auth login`."
        )
    if any(isinstance(cause, hub.RepositoryNotFoundError) for cause in causes):
        return (
            f"{known} a model that you can access on the Hugging Face Hub. Check the id; for a "
            "private one log in with `hf auth login`."
        )
    if any(isinstance(cause, hub.EntryNotFoundError) for cause in causes) and not _offline():
        return f"{known} a diffusers pipeline on the Hub: it has no model_index.json there."
    return (
        f"{known} downloaded before, and the Hugging Face Hub cannot be "
        f"reached{' (HF_HUB_OFFLINE is set)' if _offline() else ''}. Connect to the internet once, "
        "or leave --model out: the shipped model needs no network."
    )


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@contextlib.contextmanager
def _loading_quietly(*, downloads: bool) -> Iterator[None]:
    """Silence the libraries' progress bars of loading; only a download takes long.

    Their warnings are about their own classes and options, which the user cannot change.
    """
    from diffusers.utils import logging as diffusers_logging
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars
    from transformers.utils import logging as transformers_logging

    libraries: list[Any] = [diffusers_logging, transformers_logging]
    verbosities = [library.get_verbosity() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    if not downloads:
        disable_progress_bars()
    try:
        with warnings.catch_warnings():
            # diffusers >= 0.41 calls it `dtype`, earlier ones know only this name.
            warnings.filterwarnings("ignore", "`torch_dtype` is deprecated", FutureWarning)
            yield
    finally:
        for library, verbosity in zip(libraries, verbosities, strict=True):
            library.set_verbosity(verbosity)
            library.enable_progress_bar()
        if not downloads:
            enable_progress_bars()
