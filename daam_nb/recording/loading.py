"""A folder, read by `daam_nb.storage` -> a recording with every part checked."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from daam_nb.errors import DaamError, RecordingFormatError, WrongKindError
from daam_nb.kinds import check_path, kind_of
from daam_nb.recording import extras
from daam_nb.recording.extras import read_layer
from daam_nb.recording.facts import Facts, Manifest, Skipped
from daam_nb.recording.files import ATTENTION, IMAGE, LATENTS, NEGATIVE, largest
from daam_nb.recording.genuine import check_loaded
from daam_nb.recording.later import Later
from daam_nb.recording.recording import Recording
from daam_nb.storage import Fields, Folder, broken, read_folder

SAMPLE = Path(__file__).parent.parent / "sample_recording"
_FIELDS = (
    *("kept", "prompt", "columns", "steps", "timesteps", "layers", "source", "manifest"),
    *("negative_prompt", "negative_columns"),
)


def load(path: str | os.PathLike[str]) -> Recording:
    """Open a recording written by `Recording.save`; needs neither a model nor diffusers.

    Parameters
    ----------
    path
        The folder; ``~`` is the home folder.

    Returns
    -------
    Recording
        Its facts are read and checked. Arrays and image are read from disk on first use, compared
        with their checksums and checked then; they stay readable if the folder is replaced or
        removed in the meantime.

    Raises
    ------
    RecordingNotFoundError
        If there is no recording at `path`.
    RecordingFormatError
        If a file is missing, truncated, altered, malicious or of another version: here, or when an
        array is first used.
    """
    if isinstance(path, Recording):
        raise WrongKindError(
            "load() takes the path of a recording, not a recording that is already open."
        )
    if hasattr(path, "source") and callable(getattr(path, "load", None)):
        raise WrongKindError(
            f"load() takes a path, not {kind_of(path)}, which loads its own recording: run.load()."
        )
    folder = read_folder(check_path(path, "A recording"))
    where = f"{folder.path / 'recording.json'}"
    held = [field for field in extras.KINDS if field in folder.facts]
    fields = Fields(folder.facts, f"{where}: facts").known(*_FIELDS, *held)
    kept: Any = fields.text("kept")
    steps = fields.wholes("steps")
    layers = fields.each("layers")
    _check_names(folder, where)
    unguided = not fields.has("negative_prompt")
    try:
        source = _source(fields.fields("source"))
        bounds = {"low": 0.0, "high": largest(kept, len(steps), source)}
        run = Recording(
            prompt=extras.read_prompt(fields, "prompt"),
            layers=tuple(
                read_layer(layers.fields(i), version=folder.version) for i in layers.values
            ),
            attention=folder.arrays.under(ATTENTION, **bounds),
            columns=fields.wholes("columns"),
            steps=steps,
            timesteps=fields.numbers("timesteps"),
            facts=source,
            manifest=_manifest(fields.fields("manifest")),
            image=_image(folder),
            latents=_latents(folder),
            negative_prompt=None if unguided else extras.read_prompt(fields, "negative_prompt"),
            negative_attention=folder.arrays.under(NEGATIVE, **bounds),
            negative_columns=fields.wholes("negative_columns"),
            kept=kept,
            **extras.read(folder, fields, kept=kept, steps=len(steps)),
        )
    except RecordingFormatError:
        raise
    except DaamError as error:
        raise broken(where, f"its parts do not fit together: {str(error).rstrip('.')}") from None
    try:
        check_loaded(run)
    except RecordingFormatError as error:
        raise broken(where, str(error)) from None
    return run


def sample() -> Recording:
    """Load the recording that ships with the package, to try maps without a model."""
    return load(SAMPLE)


def _check_names(folder: Folder, where: str) -> None:
    """Nothing may travel with a recording that it does not name."""
    strange = [
        name
        for name in folder.arrays
        if name != LATENTS and not name.startswith((ATTENTION, NEGATIVE, *extras.prefixes(folder)))
    ]
    strange += [name for name in folder.images if name != IMAGE]
    if strange:
        raise broken(where, f"holds {strange[0]!r:.80}, which belongs to no recording")


def _manifest(fields: Fields) -> Manifest:
    fields.known("captured", "skipped")
    skipped = fields.each("skipped")
    skipped_modules = [skipped.fields(key).known("what", "why") for key in skipped.values]
    return Manifest(
        captured=fields.texts("captured"),
        skipped=tuple(Skipped(item.text("what"), item.text("why")) for item in skipped_modules),
    )


def _source(fields: Fields) -> Facts:
    lacking = {"digests", "derived"} - set(fields.values)  # in recordings of earlier versions
    fields.known(*({field.name for field in dataclasses.fields(Facts)} - lacking))
    versions = fields.fields("versions")
    return Facts(
        model=fields.text("model"),
        pipeline=fields.text("pipeline"),
        scheduler=fields.text("scheduler"),
        image_size=fields.size("image_size"),
        latent_size=fields.size("latent_size"),
        num_steps=fields.whole("num_steps", low=1),
        guidance=fields.number("guidance") if fields.has("guidance") else None,
        seed=fields.whole("seed", -(2**63), 2**64) if fields.has("seed") else None,
        dtype=fields.text("dtype"),
        device=fields.text("device"),
        batch=fields.fields("batch").values,
        call=fields.fields("call").values,
        omitted=fields.texts("omitted"),
        versions={name: versions.text(name) for name in versions.values},
        duration=fields.number("duration"),
        created=fields.text("created"),
        digests=_digests(fields),
        derived=fields.text("derived") if "derived" in fields.values else "",
    )


def _digests(fields: Fields) -> dict[str, str]:
    if "digests" not in fields.values:  # of an earlier version
        return {}
    digests = fields.fields("digests")
    return {name: digests.text(name) for name in digests.values}


def _image(folder: Folder) -> Any:
    images = folder.images  # not the folder, which keeps the arrays read from it
    known = images.described().get(IMAGE)
    return known and Later(lambda: images[IMAGE], known.size)


def _latents(folder: Folder) -> Any:
    known = folder.arrays.described().get(LATENTS)
    return known and Later(lambda: folder.arrays[LATENTS], known.shape, known.nbytes)
