"""DAAM 0.2.0's `GenerationExperiment`: a picture with its maps in a folder."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daam_nb.compat.heatmaps import GlobalHeatMap
from daam_nb.errors import (
    RecordingExistsError,
    RecordingFormatError,
    RecordingNotFoundError,
)
from daam_nb.recording import Recording, load
from daam_nb.storage import told

if TYPE_CHECKING:
    from PIL import Image

_FOLDER = "recording"


@dataclass(frozen=True, eq=False)
class GenerationExperiment:
    """A picture with its maps in a folder ``path/id/subtype``.

    Attributes
    ----------
    path, id, subtype
        The folder.
    recording
        Everything that was seen.
    global_heat_map
        The maps that were asked for.
    seed
        The picture's seed, where known.
    """

    path: Path
    recording: Recording
    global_heat_map: GlobalHeatMap
    seed: int | None = None
    id: str = "."
    subtype: str = "."

    @property
    def prompt(self) -> str:
        """The text."""
        return self.recording.prompt.text

    @property
    def image(self) -> Image.Image | None:
        """The picture."""
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

        No ``generation.pt``: pickles can run code when they are opened.

        Raises
        ------
        RecordingExistsError
            Where the folder holds an experiment already.
        """
        if path is not None:
            return dataclasses.replace(self, path=Path(path)).save()
        if (self.folder / _FOLDER).exists():
            raise RecordingExistsError(
                f"{self.folder} holds an experiment already. Choose another path or remove it."
            )
        with told(self.folder, "written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.recording.save(self.folder / _FOLDER)
            if self.image is not None:
                self.image.save(self.folder / "output.png")
            (self.folder / "prompt.txt").write_text(self.prompt, encoding="utf-8")
            if self.seed is not None:
                (self.folder / "seed.txt").write_text(f"{self.seed}\n", encoding="utf-8")
        return self.folder

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], subtype: str = ".", **compute_kwargs: Any
    ) -> GenerationExperiment:
        """Open what `save` wrote.

        Raises
        ------
        RecordingFormatError
            Where the folder holds DAAM's pickled ``generation.pt``, which is never opened.
        RecordingNotFoundError
            Where there is no experiment.
        """
        folder = Path(path) / subtype
        if not (folder / _FOLDER).exists():
            _refuse(folder)
        run = load(folder / _FOLDER)
        written = folder / "seed.txt"
        seed = run.facts.seed
        if written.exists():
            try:
                seed = int(written.read_text(encoding="utf-8"))
            except ValueError:
                raise RecordingFormatError(f"{written} holds no whole number.") from None
        maps = GlobalHeatMap.of(run, **compute_kwargs)
        return cls(Path(path), run, maps, seed, subtype=subtype)


def _refuse(folder: Path) -> None:
    if (folder / "generation.pt").exists():
        raise RecordingFormatError(
            f"{folder / 'generation.pt'} is a pickle, which can run code when it is opened, so it "
            "is refused. Make it anew from its prompt.txt and seed.txt: with trace(pipe) as tc: "
            "pipe(prompt, generator=set_seed(seed)); tc.to_experiment(path).save()."
        )
    raise RecordingNotFoundError(
        f"{folder} holds no experiment; expected a folder {_FOLDER!r} in it."
    )
