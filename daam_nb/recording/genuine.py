"""Whether a recording still holds what the pipeline made, or something that replaced it.

A trace notes the SHA-256 of each array, of the image, and of the labels of their axes in
``facts.digests``. They travel with every copy: an array that was replaced or written into no longer
has its digest, and the recording is saved only with a statement of what was done to it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch.utils.weak import WeakIdKeyDictionary

from daam_nb.errors import RecordingFormatError
from daam_nb.recording import format_1
from daam_nb.recording.extras import extras_of
from daam_nb.recording.facts import Provenance
from daam_nb.recording.later import not_fetched
from daam_nb.storage.arrays import ArrayFacts, LazyArrays

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from daam_nb.recording.facts import Facts
    from daam_nb.recording.layers import Layer
    from daam_nb.recording.recording import Recording

TEXT, IMAGE, LATENTS = "text", "image", "latents"
ATTENTION, NEGATIVE = "attention/", "negative_attention/"

_digests_seen: Any = WeakIdKeyDictionary()  # tensor -> (version, digest)


def sealed(run: Recording) -> Recording:
    """Add the digests of what a recording holds now: for the code that has just made it."""
    facts = dataclasses.replace(run.facts, digests=dict(_digests(run)))
    return dataclasses.replace(run, facts=facts)


def altered(run: Recording) -> tuple[str, ...]:
    """List what a recording holds that is not what the pipeline made, by name.

    Returns
    -------
    tuple of str
        Empty if everything is genuine, or if nothing is known: for recordings assembled by hand or
        by an earlier version. What was left out is not altered.
    """
    known = run.facts.digests
    if not known:
        return ()
    return tuple(name for name, digest in _digests(run) if known.get(name) != digest)


def attention_altered(run: Recording | Provenance) -> bool:
    """Whether the attention, or the labels of its axes, differ from what the pipeline made.

    Quick after the first time: an array is read again only if it was changed in place, which
    writing through numpy hides. False if nothing is known; `altered` reads everything.
    """
    known = run.facts.digests
    if not known:
        return False
    if isinstance(run, Provenance):
        return run.attention_altered
    for prefix, arrays in ((ATTENTION, run.attention), (NEGATIVE, run.negative_attention)):
        names = arrays.written_into() if isinstance(arrays, LazyArrays) else arrays
        if any(known.get(prefix + name) != _known_digest(arrays[name]) for name in names):
            return True
    return known.get(TEXT) != _text_digest(run)


def provenance_of(run: Recording) -> Provenance:
    """Return the `Provenance` of a recording; reads nothing from disk."""
    image = not_fetched(run, "image")
    return Provenance(run.prompt, run.facts, run.negative_prompt, attention_altered(run), image)


def image_altered(run: Recording | Provenance) -> bool:
    """Whether the image is not the one that the pipeline made; False if nothing is known."""
    if not run.facts.digests or run.image is None:
        return False
    return run.facts.digests.get(IMAGE) != _image_digest(run.image)


def facts_to_save(run: Recording, derived: str | None) -> Facts:
    """Return the facts to save with a recording.

    Raises
    ------
    RecordingFormatError
        If something was altered and no statement says how.
    """
    names = altered(run)
    if derived is not None and (not isinstance(derived, str) or not derived.strip()):
        raise RecordingFormatError(
            f"Nothing was saved: derived={derived!r}; it must be a text that states what was done "
            "to the recording after the pipeline made it."
        )
    if names and derived is None:
        rest = f" and {len(names) - 1} others" if len(names) > 1 else ""
        raise RecordingFormatError(
            f"Nothing was saved: {names[0]!r}{rest} of this recording was replaced or written into "
            "after the pipeline made it; saved as it is, it would pass as the model's own. State "
            "what was done, which is kept in its facts: save(path, derived='...')."
        )
    if derived is None:
        return run.facts
    derivations = "; ".join(filter(None, (run.facts.derived, derived.strip())))
    digests = dict(_digests(run)) if run.facts.digests else {}
    return dataclasses.replace(run.facts, derived=derivations, digests=digests)


def check_loaded(run: Recording) -> None:
    """Compare the digests with the file's own checksums, without reading arrays.

    Raises
    ------
    RecordingFormatError
        If they differ: the arrays were changed without `Recording.save`.
    """
    known = run.facts.digests
    for name, digest in _described(run) if known else ():
        if known.get(name) != digest:
            raise RecordingFormatError(
                f"{name!r} is not what the pipeline made, and how it was changed is not stated: "
                "its sha256 differs from the one in the recording's facts"
            )


def _arrays(run: Recording) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Prefix of the names, and the arrays of each layer."""
    yield ATTENTION, run.attention
    yield NEGATIVE, run.negative_attention
    for field, extra in extras_of(run):
        for part, arrays in extra.arrays.items():
            yield f"{field}/{part}/", arrays


def _digests(run: Recording) -> Iterator[tuple[str, str]]:
    yield TEXT, _text_digest(run)
    yield from _extra_names(run)
    for prefix, arrays in _arrays(run):
        for name, tensor in arrays.items():
            yield prefix + name, _array_digest(tensor)
    if run.latents is not None:
        yield LATENTS, _array_digest(run.latents)
    if run.image is not None:
        yield IMAGE, _image_digest(run.image)


def _described(run: Recording) -> Iterator[tuple[str, str]]:
    yield TEXT, _text_digest(run)
    yield from _extra_names(run)
    for prefix, arrays in _arrays(run):
        described: Any = getattr(arrays, "described", dict)
        for name, facts in described().items():
            yield prefix + name, facts.sha256


def _extra_names(run: Recording) -> Iterator[tuple[str, str]]:
    """Of what names the axes of effects and concepts."""
    for field, extra in extras_of(run):
        facts = json.dumps(extra.facts(), sort_keys=True)
        yield f"{field}/names", hashlib.sha256(facts.encode()).hexdigest()


def _text_digest(run: Recording) -> str:
    """Of everything that names what the arrays hold."""
    negative = run.negative_prompt
    names = [
        run.prompt.to_dict(),
        None if negative is None else negative.to_dict(),
        [_layer_names(layer) for layer in run.layers],
        [list(run.columns), list(run.negative_columns)],
        [run.kept, list(run.steps), list(run.timesteps)],
        [run.facts.model, run.facts.pipeline, run.facts.seed],
    ]
    return hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()


def _layer_names(layer: Layer) -> list[Any]:
    """What names a layer's array; as in format 1 where that says it all, so that digests hold."""
    names = [layer.name, layer.stage, list(layer.size), layer.heads]
    if format_1.is_told_by(layer):
        return names
    return [*names, layer.attention, layer.block, layer.label]


def _array_digest(tensor: Tensor) -> str:
    digest = ArrayFacts.of(tensor.detach().cpu().contiguous()).sha256
    if not tensor.is_inference():  # which count no versions
        _digests_seen[tensor] = tensor._version, digest
    return digest


def _known_digest(tensor: Tensor) -> str:
    """The digest of an array, worked out again only where its version is another."""
    version, digest = _digests_seen.get(tensor, (None, ""))
    same = not tensor.is_inference() and version == tensor._version
    return digest if same else _array_digest(tensor)


def _image_digest(image: Image) -> str:
    head = f"{image.mode} {image.size} ".encode()
    return hashlib.sha256(head + image.tobytes()).hexdigest()
