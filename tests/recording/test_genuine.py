"""What was put in the place of what the pipeline made is not saved as if it had made it."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import daam_nb as dnb
from daam_nb.errors import RecordingFormatError
from daam_nb.recording import Recording, altered, sealed
from daam_nb.tracing import generate
from tests.pipelines import sd1
from tests.tiny_recordings import tiny_prompt, tiny_recording

SIZE: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 96}


@pytest.fixture(scope="module")
def drawn() -> Recording:
    run = generate(sd1(), "a cat", seed=0, negative=True, **SIZE)
    assert isinstance(run, Recording)
    return run


def copy_of(run: Recording) -> Recording:
    return pickle.loads(pickle.dumps(run))  # type: ignore[no-any-return]


def zeroed(run: Recording) -> Recording:
    """The example of the issue: attention replaced in memory."""
    return dataclasses.replace(
        run, attention={name: torch.zeros_like(t) for name, t in run.attention.items()}
    )


def one_value(run: Recording) -> Recording:
    first = next(iter(run.attention.values()))
    first.view(-1)[first.numel() // 3] += 0.01
    return run


def through_numpy(run: Recording) -> Recording:
    next(iter(run.negative_attention.values())).numpy()[0] = 0
    return run


def another_image(run: Recording) -> Recording:
    return dataclasses.replace(run, image=Image.new("RGB", (96, 64), "red"))


def another_prompt(run: Recording) -> Recording:
    columns = len(run.prompt.tokens)
    return dataclasses.replace(run, prompt=tiny_prompt("a dog", length=columns))


def another_seed(run: Recording) -> Recording:
    return dataclasses.replace(run, facts=dataclasses.replace(run.facts, seed=1))


def written_latents(run: Recording) -> Recording:
    assert run.latents is not None
    run.latents.mul_(2)
    return run


CHANGES: dict[str, Callable[[Recording], Recording]] = {
    "attention/": zeroed,
    "attention/d": one_value,
    "negative_attention/": through_numpy,
    "image": another_image,
    "text": another_prompt,
    "text'": another_seed,
    "latents": written_latents,
}


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("name", CHANGES)
def test_what_was_replaced_is_not_saved_without_a_word(
    drawn: Recording, tmp_path: Path, name: str, loaded: bool
) -> None:
    run = copy_of(drawn)
    if loaded:
        run = copy_of(dnb.load(run.save(tmp_path / "genuine")))
    changed = CHANGES[name](run)
    assert altered(changed)[0].startswith(name.rstrip("'"))
    with pytest.raises(
        RecordingFormatError, match=r"Nothing was saved: .*derived='\.\.\.'"
    ) as said:
        changed.save(tmp_path / "run")
    assert name.rstrip("'") in str(said.value)
    assert not (tmp_path / "run").exists()
    again = dnb.load(changed.save(tmp_path / "run", derived="something else is in it"))
    assert again.facts.derived == "something else is in it"
    assert "something else is in it" in again._repr_html_()
    assert altered(again) == ()
    for key, tensor in changed.attention.items():
        assert again.attention[key].equal(tensor)


def test_what_the_pipeline_made_is_saved_and_loaded_as_it_is(
    drawn: Recording, tmp_path: Path
) -> None:
    assert altered(drawn) == () and drawn.facts.derived == ""
    again = dnb.load(drawn.save(tmp_path / "run"))
    assert altered(again) == () and again.facts.digests == drawn.facts.digests
    less = dataclasses.replace(again, latents=None, negative_attention={}, negative_columns=())
    assert altered(dataclasses.replace(again, latents=None)) == ()
    assert altered(less) == ("text",)  # other columns are named than were made
    twice = dnb.load(again.save(tmp_path / "twice"))
    assert altered(twice) == ()


def test_changed_twice_both_are_said(drawn: Recording, tmp_path: Path) -> None:
    first = dnb.load(zeroed(copy_of(drawn)).save(tmp_path / "a", derived="all zero"))
    first.save(tmp_path / "b")  # nothing was changed since
    second = another_image(copy_of(first))
    with pytest.raises(RecordingFormatError, match="'image' of this recording was replaced"):
        second.save(tmp_path / "c")
    assert dnb.load(second.save(tmp_path / "c", derived="red")).facts.derived == "all zero; red"


def test_made_by_hand_and_by_earlier_versions(tmp_path: Path) -> None:
    hand = tiny_recording()
    assert hand.facts.digests == {} and altered(zeroed(hand)) == ()
    zeroed(hand).save(tmp_path / "hand")
    assert altered(dnb.sample()) == ()
    assert altered(one_value(sealed(tiny_recording()))) != ()


@pytest.mark.parametrize("derived", ["", "  ", 3, True])
def test_what_was_done_is_said_in_words(drawn: Recording, tmp_path: Path, derived: Any) -> None:
    with pytest.raises(RecordingFormatError, match="it must be a text that states what was done"):
        copy_of(drawn).save(tmp_path / "run", derived=derived)


def test_arrays_exchanged_on_disk_are_noticed(drawn: Recording, tmp_path: Path) -> None:
    """With all checksums of the file made anew: only the digests of the trace tell."""
    from daam_nb.storage.strict_json import decode, encode

    genuine = drawn.save(tmp_path / "genuine")
    forged = zeroed(copy_of(drawn)).save(tmp_path / "forged", derived="forged")
    file = forged / "recording.json"
    document = decode(file.read_bytes(), file)
    theirs = decode((genuine / "recording.json").read_bytes(), file)
    document["facts"]["source"] = theirs["facts"]["source"]
    document.pop("sha256", None)
    file.write_bytes(encode(document))
    with pytest.raises(RecordingFormatError, match="is not what the pipeline made, and how"):
        dnb.load(forged)
