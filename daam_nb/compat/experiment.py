"""DAAM 0.2.0's `GenerationExperiment`: an image with its maps in a folder."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from daam_nb.compat.heatmaps import GlobalHeatMap
from daam_nb.errors import (
    DaamError,
    RecordingExistsError,
    RecordingFormatError,
    RecordingNotFoundError,
    SelectionError,
)
from daam_nb.kinds import check_path, check_text, number_between
from daam_nb.recording import Recording, load
from daam_nb.storage import told, whole_file, write_file

if TYPE_CHECKING:
    from PIL import Image

_FOLDER = "recording"
_IMAGE, _PROMPT, _SEED, _MAPS = "output.png", "prompt.txt", "seed.txt", "maps.json"
_LONGEST = 100_000  # bytes of a file of ours beside the recording


@dataclass(frozen=True, eq=False)
class GenerationExperiment:
    """An image with its maps in a folder ``path/id/subtype``.

    Attributes
    ----------
    path, id, subtype
        The folder.
    recording
        The whole recording.
    global_heat_map
        The requested maps.
    seed
        The image's seed, if known.

    Raises
    ------
    SelectionError
        If `id` or `subtype` is not the name of one folder, or the seed differs from the
        recording's.
    """

    path: Path
    recording: Recording
    global_heat_map: GlobalHeatMap
    seed: int | None = None
    id: str = "."
    subtype: str = "."

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", check_path(self.path, "The place of an experiment"))
        _check_name(self.id, "id")
        _check_name(self.subtype, "subtype")
        if self.seed is None:
            return
        seed = number_between(self.seed, "seed", low=0, high=2**64 - 1)
        own = self.recording.facts.seed
        if own is not None and own != seed:
            raise SelectionError(
                f"seed={seed}, but the recording states that the image was drawn with the seed "
                f"{own}. Leave seed out."
            )
        object.__setattr__(self, "seed", seed)

    @property
    def prompt(self) -> str:
        """The text."""
        return self.recording.prompt.text

    @property
    def image(self) -> Image.Image | None:
        """The image."""
        return self.recording.image

    @property
    def folder(self) -> Path:
        """Where `save` writes."""
        return self.path / self.id / self.subtype

    def heat_map(self) -> GlobalHeatMap:
        """The maps."""
        return self.global_heat_map

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write ``output.png``, ``prompt.txt``, ``seed.txt`` and the folder ``recording``.

        If maps were chosen (``head_idx=0``), also ``maps.json`` with the choice. No
        ``generation.pt``: pickles can run code when opened.

        Raises
        ------
        RecordingExistsError
            If the folder already holds an experiment, or a file of one of these names.
        SelectionError
            If the maps are not those of their choice, so that others would be loaded.
        """
        if path is not None:
            return dataclasses.replace(self, path=check_path(path, "path")).save()
        if (self.folder / _FOLDER).exists():
            raise RecordingExistsError(
                f"{self.folder} already holds an experiment. Choose another path or remove it."
            )
        names = (_IMAGE, _PROMPT, _SEED, _MAPS)
        if existing := [name for name in names if (self.folder / name).exists()]:
            raise RecordingExistsError(
                f"{self.folder} already holds {', '.join(existing)}, which would be replaced. "
                "Choose another path, or move them away."
            )
        choice = dict(self.global_heat_map.choice)
        again = GlobalHeatMap.of(self.recording, **choice).heat_maps
        if not torch.equal(again, self.global_heat_map.heat_maps):
            raise SelectionError(
                "These maps differ from those that loading would make from the recording "
                f"({choice or 'the defaults'}). Make them with tc.to_experiment(path, "
                "head_idx=...), or save only the recording: recording.save(path)."
            )
        with told(self.folder, "written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.recording.save(self.folder / _FOLDER)
            if self.image is not None:
                with whole_file(self.folder / _IMAGE) as part:
                    self.image.save(part, format="PNG")
            write_file(self.folder / _PROMPT, self.prompt.encode("utf-8"))
            if self.seed is not None:
                write_file(self.folder / _SEED, f"{self.seed}\n".encode())
            if choice:
                write_file(self.folder / _MAPS, (json.dumps(choice) + "\n").encode())
        return self.folder

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], subtype: str = ".", **compute_kwargs: Any
    ) -> GenerationExperiment:
        """Open what `save` wrote, with the maps that were chosen then.

        Parameters
        ----------
        path, subtype
            The folder.
        **compute_kwargs
            Another choice of maps, as in `trace.compute_global_heat_map`.

        Raises
        ------
        RecordingFormatError
            If the folder holds DAAM's pickled ``generation.pt``, which is never opened; if its seed
            is not the recording's, or its choice of maps cannot be read.
        RecordingNotFoundError
            If there is no experiment.
        """
        _check_name(subtype, "subtype")
        path = check_path(path, "An experiment")
        folder = path / subtype
        if not (folder / _FOLDER).exists():
            _refuse(folder)
        run = load(folder / _FOLDER)
        seed = _read_seed(folder / _SEED, run)
        if compute_kwargs:
            maps = GlobalHeatMap.of(run, **compute_kwargs)
        else:
            maps = _read_maps(folder / _MAPS, run)
        return cls(path, run, maps, seed, subtype=subtype)


def _check_name(name: object, what: str) -> None:
    """Raise unless this is the name of one folder, which is created below the path."""
    text = check_text(name, what)
    if not text or text == ".." or any(sign in text for sign in "/\\\0") or Path(text).drive:
        raise SelectionError(
            f"{what}={text!r} must name one folder below the path, without separators. Put parent "
            "folders into the path."
        )


def _read_seed(file: Path, run: Recording) -> int | None:
    """The seed written beside a recording, which is the recording's own where that is known."""
    own = run.facts.seed
    if not file.exists():
        return own
    try:
        seed = int(_text(file))
    except ValueError:
        raise RecordingFormatError(f"{file} does not hold a whole number.") from None
    if not 0 <= seed < 2**64 or (own is not None and own != seed):
        known = "a seed is 0 or more" if own is None else f"the recording holds {own}"
        raise RecordingFormatError(
            f"{file} holds {seed}, but {known}. Remove the file, or copy the folder again from its "
            "source."
        )
    return seed


def _read_maps(file: Path, run: Recording) -> GlobalHeatMap:
    """The maps that were chosen when the experiment was saved."""
    if not file.exists():
        return GlobalHeatMap.of(run)
    try:
        choice = json.loads(_text(file))
        if not isinstance(choice, dict):
            raise ValueError("it holds no object")
        return GlobalHeatMap.of(run, **choice)
    except (ValueError, RecursionError, DaamError) as error:
        raise RecordingFormatError(
            f"{file} does not hold a choice of maps: {error}. Name one: load(path, head_idx=0)."
        ) from None


def _text(file: Path) -> str:
    with told(file, "read"), file.open("rb") as opened:
        raw = opened.read(_LONGEST + 1)
    if len(raw) > _LONGEST:
        raise RecordingFormatError(f"{file} is longer than {_LONGEST} bytes.")
    return raw.decode("utf-8")


def _refuse(folder: Path) -> None:
    if (folder / "generation.pt").exists():
        raise RecordingFormatError(
            f"{folder / 'generation.pt'} is a pickle, which can run code when opened, so it is "
            "refused. Draw the image again from prompt.txt and seed.txt: with trace(pipe) as tc: "
            "pipe(prompt, generator=set_seed(seed)); tc.to_experiment(path).save()."
        )
    raise RecordingNotFoundError(f"{folder} holds no experiment: it has no folder {_FOLDER!r}.")
