from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daam_nb.errors import RecordingExistsError, RecordingFormatError, RecordingNotFoundError
from daam_nb.recording import Layer, Recording, load, sealed
from daam_nb.recording.later import Later, not_fetched
from tests.storage.contents import arrays_file, image_file, resign
from tests.tiny_recordings import joint_layers, tiny_layers, tiny_recording

ROOT = Path(__file__).parents[2]
MID = "mid_block.attentions.0.transformer_blocks.0.attn2"


def assert_same(left: Recording, right: Recording) -> None:
    """Every field of two recordings, bit for bit."""
    for field in dataclasses.fields(Recording):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if field.name in {"attention", "negative_attention"}:
            assert set(a) == set(b)
            for name in a:
                assert a[name].dtype == b[name].dtype
                assert torch.equal(a[name], b[name]), name
        elif field.name == "latents" and a is not None:
            assert a.dtype == b.dtype and torch.equal(a, b)
        elif field.name == "image" and a is not None:
            assert (a.mode, a.size, a.tobytes()) == (b.mode, b.size, b.tobytes())
        else:
            assert a == b, field.name


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    steps = draw(st.integers(1, 3))
    length = draw(st.integers(3, 8))
    places = st.sets(st.integers(0, steps - 1), min_size=1)
    columns = st.sets(st.integers(0, length - 1), min_size=1)
    kept = draw(st.sampled_from(["steps", "sum", "replay"]))
    return tiny_recording(
        draw(st.text(max_size=30)),
        steps=steps,
        length=length,
        heads=(draw(st.integers(1, 2)), draw(st.integers(1, 3))),
        kept_steps=sorted(draw(places)),
        tokens=draw(st.none() | columns.map(tuple)) if kept != "replay" else None,
        kept=kept,
        negative=draw(st.none() | st.text(max_size=10)),
        image=draw(st.booleans()),
        latents=draw(st.booleans()),
        dtype=draw(st.sampled_from([torch.float16, torch.bfloat16, torch.float32])),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


@given(run=recordings())
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_what_is_saved_is_loaded(tmp_path: Path, run: Recording) -> None:
    folder = run.save(tmp_path / "run", overwrite=True)
    assert_same(load(folder), run)
    assert len(os.listdir(folder)) == (2 if run.image is None else 3)


def test_layers_of_any_family_come_back(tmp_path: Path) -> None:
    layers = [Layer("x.0.attn", "refiner", (8, 12), 2, attention="joint", block="x", label="x 0")]
    run = sealed(tiny_recording(layers=layers))
    assert load(run.save(tmp_path / "run")).layers == tuple(layers)


@pytest.mark.parametrize("layers", [tiny_layers(), joint_layers()], ids=["cross", "joint"])
def test_format_1_is_read(tmp_path: Path, layers: tuple[Layer, ...]) -> None:
    run = sealed(tiny_recording(layers=layers))

    def as_in_format_1(document: dict[str, Any]) -> None:
        document["version"] = 1
        for layer in document["facts"]["layers"]:
            for name in ("attention", "block", "label"):
                del layer[name]

    folder = resign(run.save(tmp_path / "run"), as_in_format_1)
    assert_same(load(folder), run)
    assert load(folder).layers == layers
    again = load(load(folder).save(tmp_path / "again"))
    assert again.layers == layers and again.facts.digests == run.facts.digests


def test_save_gives_the_folder_and_load_takes_text(tmp_path: Path) -> None:
    run = tiny_recording("naïve 🦓 مرحبا é")
    folder = run.save(str(tmp_path / "runs" / "zebra-0"))
    assert folder == tmp_path / "runs" / "zebra-0"
    assert_same(load(str(folder)), run)


def test_save_refuses_what_exists_and_overwrites_when_asked(tmp_path: Path) -> None:
    run, other = tiny_recording(seed=1), tiny_recording(seed=2)
    run.save(tmp_path / "run")
    with pytest.raises(RecordingExistsError, match="overwrite=True"):
        other.save(tmp_path / "run")
    assert_same(load(tmp_path / "run"), run)
    other.save(tmp_path / "run", overwrite=True)
    assert_same(load(tmp_path / "run"), other)


def test_opening_reads_no_array_and_no_image(tmp_path: Path) -> None:
    run = load(tiny_recording(negative="bad").save(tmp_path / "run"))
    assert isinstance(not_fetched(run, "latents"), Later)
    assert isinstance(not_fetched(run, "image"), Later)
    total = run.nbytes
    repr(run), repr(run.attention), run.words, run.tokens, list(run.attention), len(run.attention)
    assert run.attention.are_read() == run.negative_attention.are_read() == frozenset()
    assert "(0.0 KiB read)" in repr(run)
    run.at("mid", token=1)
    assert run.attention.are_read() == {MID}
    assert isinstance(not_fetched(run, "latents"), Later)
    assert run.latents is run.latents and run.image is run.image
    assert not isinstance(not_fetched(run, "latents"), Later)
    assert run.nbytes == total == tiny_recording(negative="bad").nbytes


def test_a_loaded_recording_can_be_changed_and_saved_over_itself(tmp_path: Path) -> None:
    run = tiny_recording(negative="bad")
    folder = run.save(tmp_path / "run")
    lazily = load(folder)
    dataclasses.replace(lazily, facts=dataclasses.replace(run.facts, seed=7)).save(
        folder, overwrite=True
    )
    assert load(folder).facts.seed == 7
    assert_same(dataclasses.replace(load(folder), facts=run.facts), run)
    assert_same(lazily, run)


def test_an_open_recording_outlives_its_folder(tmp_path: Path) -> None:
    run = tiny_recording()
    opened = load(run.save(tmp_path / "run"))
    shutil.rmtree(tmp_path / "run")
    assert_same(opened, run)


def test_a_moved_folder_opens(tmp_path: Path) -> None:
    run = tiny_recording()
    shutil.copytree(run.save(tmp_path / "run"), tmp_path / "elsewhere" / "copy")
    assert_same(load(tmp_path / "elsewhere" / "copy"), run)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingNotFoundError, match="does not exist"):
        load(tmp_path / "run")


# --- what cannot be saved, and what cannot be trusted ---------------------------------------------


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "holds values that are not finite numbers; attention is a probability"),
        (1.5, r"holds values from .* to 1\.5, outside \[0, 1\.001\]; attention is a probability"),
        (-0.5, r"holds values from -0\.5 to "),
    ],
)
def test_attention_that_is_none_is_not_saved(tmp_path: Path, value: float, message: str) -> None:
    run = tiny_recording()
    run.attention[MID][0, 0, 0, 0, 0] = value
    with pytest.raises(RecordingFormatError, match=f"Nothing was saved: attention/{MID} {message}"):
        run.save(tmp_path / "run")
    assert os.listdir(tmp_path) == []


def test_a_sum_may_reach_the_number_of_steps_and_no_further(tmp_path: Path) -> None:
    run = tiny_recording(kept="sum")
    run.attention[MID][0, 0, 0, 0, 0] = 3.0
    assert load(run.save(tmp_path / "run")).at("mid", head=0, token=0)[0, 0] == 3
    run.attention[MID][0, 0, 0, 0, 0] = 3.1
    with pytest.raises(RecordingFormatError, match=r"to 3\.1, outside \[0, 3\.003\]"):
        run.save(tmp_path / "other")


def test_facts_that_are_not_plain_are_not_saved(tmp_path: Path) -> None:
    run = tiny_recording()
    facts = dataclasses.replace(run.facts, call={"generator": torch.Generator()})
    with pytest.raises(RecordingFormatError, match=r"facts\.source\.call\.generator is <torch"):
        dataclasses.replace(run, facts=facts).save(tmp_path / "run")


Change = Callable[[dict[str, Any]], object]


def put(value: object, *path: str | int) -> Change:
    """A change of one field of the facts."""

    def change(found: dict[str, Any]) -> None:
        inner: Any = found["facts"]
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("some", "kept"), "kept is 'some'; it must be one of"),
        (put("sum", "kept"), r"its parts do not fit together: attention of .* with 1 step\(s\)"),
        (put([0, 1, 99], "steps"), "steps hold 99"),
        (put([0, True, 2], "steps"), r"steps\.1: is True where a whole number"),
        (put(2**50, "columns", 0), r"columns\.0: is 1125899906842624 where"),
        (put([], "layers"), "needs at least one layer"),
        (put(7, "layers", 0, "stage"), r"layers\.0\.stage: is 7 where text"),
        (put("side", "layers", 0, "attention"), "has the attention 'side'"),
        (put(None, "layers", 0, "label"), r"layers\.0\.label: is None where text"),
        (put([12, 8], "layers", 0, "size"), r"has the shape \(3, 2, 7, 8, 12\)"),
        (put([2**20, 2**20], "layers", 0, "size"), "has the shape"),
        (put(2**30, "layers", 0, "heads"), r"heads of .* is 1073741824; .* within \[1, 1000\]"),
        (put(999, "layers", 0, "heads"), "has the shape"),
        (put("other", "layers", 0, "name"), "attention holds what is no layer|lacks the layer"),
        (put("x", "timesteps", 0), r"timesteps\.0: is 'x' where a number is needed"),
        (put(None, "prompt"), "prompt: is None where an object"),
        (put("7", "prompt", "text"), "Token 1|prompt"),
        (put([], "prompt", "tokens"), "columns hold 0"),
        (put([5, 1], "prompt", "tokens", 1, "span"), "prompt: .*"),
        (put("x", "source", "seed"), r"source\.seed: is 'x' where a whole number"),
        (put(2**64 - 1, "source", "num_steps"), r"source\.num_steps: is 18446744073709551615"),
        (put([64, 97], "source", "image_size"), "The image is 64 x 96 and"),
        (put([8, 11], "source", "latent_size"), "latents have the shape"),
        (put(10**6, "source", "duration"), None),
        (put(-0.5, "source", "duration"), r"duration is -0\.5; it must be within"),
        (put(1e300, "source", "guidance"), r"guidance is 1e\+300; it must be within"),
        (put(1e300, "timesteps", 0), r"A timestep is 1e\+300; it must be within"),
        (put("x" * 5001, "source", "model"), "model is 5001 characters long"),
        (put("x" * 301, "source", "scheduler"), "scheduler is 301 characters long"),
        (put("x" * 301, "layers", 0, "name"), "The name of a layer is 301 characters long"),
        (put("x" * 301, "source", "versions", "torch"), "versions is 301 characters long"),
        (put("half \ud800", "source", "scheduler"), "scheduler holds half a character"),
        (put(["x" * 100_001], "manifest", "captured"), "is 100001 characters long"),
        (put(["x"] * 1001, "manifest", "captured"), "1002 lines of the manifest; at most 1000"),
        (put("a " * 5001, "prompt", "text"), "The prompt is 10002 characters long"),
        (put("x" * 1001, "prompt", "tokens", 1, "piece"), "token 1 has 1001 characters"),
        (put(2**31, "prompt", "tokens", 1, "id"), "Token 1 has the id 2147483648"),
        (put(5, "source", "batch", "prompts"), r"batch\['prompts'\] is 5, not a list"),
        (put([5], "source", "batch", "negative_prompts"), "is 5 of type int, not text"),
        (put("0", "source", "batch", "index"), r"batch\['index'\] is '0' of type str"),
        (put([1.5], "source", "batch", "seeds"), r"is 1\.5, not a whole number"),
        (put([], "source", "versions"), "versions: is .* where an object"),
        (put({"torch": 2}, "source", "versions"), "versions.torch: is 2 where text"),
        (put(1, "source", "more"), "source: holds 'more', unknown to this version"),
        (put([{"what": "x"}], "manifest", "skipped"), r"skipped\.0: lacks 'why'"),
        (lambda d: d["facts"].pop("manifest"), "lacks 'manifest'"),
        (lambda d: d["pictures"]["image"].update(size=[96, 64]), "The image is 96 x 64"),
        (lambda d: d["facts"].update(negative_columns=[0]), "without the negative_prompt"),
    ],
)
def test_facts_that_lie(tmp_path: Path, change: Change, message: str | None) -> None:
    folder = resign(tiny_recording().save(tmp_path / "run"), change)
    if message is None:
        load(folder)
        return
    with pytest.raises(RecordingFormatError, match=message) as caught:
        load(folder)
    assert str(caught.value).startswith(str(folder / "recording.json"))
    assert str(caught.value).endswith("or record again.")


def _of_a_size(latent: tuple[int, int], image: tuple[int, int]) -> Change:
    def change(found: dict[str, Any]) -> None:
        found["facts"]["source"] |= {"latent_size": list(latent), "image_size": list(image)}

    return change


@pytest.mark.parametrize(
    ("latent", "image", "message"),
    [
        (
            (8192, 8192),
            (8192, 8192),
            "latent_size is 8192 x 8192; a recording may have at most 1048576 cells",
        ),
        (
            (20_000, 20_000),
            (20_000, 20_000),
            "image_size is 20000 x 20000; a recording may have at most 67108864",
        ),
        ((1024, 1024), (8192, 8192), "8 x 12; a latent must be as high as that, or up to 64 times"),
        ((4, 6), (64, 96), "a latent must be as high as that, or up to 64 times as high"),
        ((12, 18), (8, 12), "a latent must not be larger than its image"),
        ((8, 12), (640, 96), "their aspect ratios must agree"),
    ],
)
def test_sizes_that_no_array_bears_out(
    tmp_path: Path, latent: tuple[int, int], image: tuple[int, int], message: str
) -> None:
    run = tiny_recording(latents=False, image=False)
    folder = resign(run.save(tmp_path / "run"), _of_a_size(latent, image))
    with pytest.raises(RecordingFormatError, match=message):
        load(folder)


def test_nothing_travels_with_a_recording_that_it_does_not_name(tmp_path: Path) -> None:
    folder = tiny_recording().save(tmp_path / "run")
    resign(folder, lambda found: found["pictures"].update(other=found["pictures"]["image"]))
    with pytest.raises(RecordingFormatError, match="holds 'other', which belongs to no recording"):
        load(folder)


@pytest.mark.parametrize("which", ["attention", "image", "latents"])
def test_damage_shows_when_it_is_read_and_not_before(tmp_path: Path, which: str) -> None:
    folder = tiny_recording().save(tmp_path / "run")
    file = image_file(folder) if which == "image" else arrays_file(folder)
    raw = bytearray(file.read_bytes())
    place = raw.find(b"IDAT") + 6 if which == "image" else -1
    if which == "latents":  # the widest dtype comes first in a safetensors file
        place = 8 + int.from_bytes(raw[:8], "little")
    raw[place] ^= 255
    file.write_bytes(raw)
    run = load(folder)
    with pytest.raises(RecordingFormatError, match=f"{file.name}.*sha256 differs"):
        dict(run.attention) if which == "attention" else getattr(run, which)
    repr(run)


def test_loading_needs_no_model_library(tmp_path: Path) -> None:
    folder = tiny_recording(negative="bad").save(tmp_path / "run")
    code = (
        "import sys, daam_nb\n"
        f"run = daam_nb.load({str(folder)!r})\n"
        "run.at('mid', word='cat', step=0, head=1), run.image, run.latents, run._repr_html_()\n"
        f"run.save({str(tmp_path / 'again')!r})\n"
        "names = ('diffusers', 'transformers', 'tokenizers', 'accelerate', 'plotly', 'pandas',\n"
        "         'ipywidgets', 'spacy', 'matplotlib', 'pickle5', 'huggingface_hub')\n"
        "print([name for name in names if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n", done.stdout + done.stderr
    assert_same(load(tmp_path / "again"), load(folder))


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pickle

    folder = tiny_recording(negative="bad").save(tmp_path / "run")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    run = load(folder)
    dict(run.attention), dict(run.negative_attention), run.image, run.latents
