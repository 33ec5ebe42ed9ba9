"""Captions and seeds -> recordings, each once."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from daam_nb.errors import DaamError, StudyError
from daam_nb.maps import heat_maps
from daam_nb.studies.corpus import generation as corpus
from daam_nb.studies.corpus.captions import Caption
from daam_nb.tracing import ablate
from daam_nb.tracing import generate as record
from tests.pipelines import sd1
from tests.studies.toy import SIZE
from tests.tiny_recordings import tiny_recording


@pytest.fixture(scope="module")
def pipe() -> Any:
    return sd1()


class Counting:
    """A pipeline that counts its calls."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.calls: list[str] = []

    def __call__(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        def counted(pipe: Any, prompt: str, **options: Any) -> Any:
            self.calls.append(f"{prompt} {options['seed']}")
            return record(pipe, prompt, **options)

        monkeypatch.setattr(corpus, "record", counted)
        return self


def test_every_prompt_with_every_seed_in_order(pipe: Any, tmp_path: Path) -> None:
    made = corpus.generate(
        pipe, ["a cat", Caption("a dog", {"kind": "pet"})], [3, 1], into=tmp_path / "c", **SIZE
    )
    assert [(r.facts["prompt"], r.facts["seed"]) for r in made] == [
        ("a cat", 3), ("a cat", 1), ("a dog", 3), ("a dog", 1),
    ]  # fmt: skip
    assert made[2].facts["kind"] == "pet"
    run = made[2].load()
    assert (run.prompt.text, run.facts.seed) == ("a dog", 3)
    assert run.image is not None
    alone = record(pipe, "a dog", seed=3, **SIZE)
    assert run.image.tobytes() == alone.image.tobytes()


def test_only_what_is_missing_is_made(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(pipe)(monkeypatch)
    first = corpus.generate(pipe, ["a cat", "a dog"], [0], into=tmp_path, **SIZE)
    assert counting.calls == ["a cat 0", "a dog 0"]
    more = corpus.generate(pipe, ["a dog", "a hat"], range(2), into=tmp_path, **SIZE)
    assert counting.calls[2:] == ["a dog 1", "a hat 0", "a hat 1"]
    assert more[0].key == first[1].key
    opened = corpus.Corpus.open(tmp_path)
    assert len(opened) == 5 and opened.missing == 0
    assert len({run.key for run in opened}) == 5


def test_a_failure_loses_nothing(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(pipe: Any, prompt: str, **options: Any) -> Any:
        if prompt == "a hat":
            raise KeyboardInterrupt
        return record(pipe, prompt, **options)

    monkeypatch.setattr(corpus, "record", fails)
    with pytest.raises(KeyboardInterrupt):
        corpus.generate(pipe, ["a cat", "a hat", "a dog"], [0], into=tmp_path, **SIZE)
    half = corpus.Corpus.open(tmp_path)
    assert (len(half), half.missing) == (1, 2)
    assert "2 still to be made" in repr(half)
    counting = Counting(pipe)(monkeypatch)
    again = corpus.generate(pipe, ["a cat", "a hat", "a dog"], [0], into=tmp_path, **SIZE)
    assert len(again) == 3
    assert counting.calls == ["a hat 0", "a dog 0"]


def test_the_small_recordings_give_the_maps_of_the_large_ones(pipe: Any, tmp_path: Path) -> None:
    small = corpus.generate(pipe, "a cat", into=tmp_path / "small", **SIZE)
    large = corpus.generate(
        pipe, "a cat", into=tmp_path / "large", keep="steps", latents=True, **SIZE
    )
    one, other = small[0].load(), large[0].load()
    np.testing.assert_allclose(
        heat_maps(one).word("cat").numpy(), heat_maps(other).word("cat").numpy(), rtol=2e-3
    )
    assert one.latents is None and other.latents is not None
    assert "latents of every step" in [skipped.what for skipped in one.manifest.skipped]


def test_other_settings_are_refused_by_name(pipe: Any, tmp_path: Path) -> None:
    corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)
    with pytest.raises(StudyError, match=r"num_inference_steps: 2 then, 3 now\. Use the same"):
        corpus.generate(pipe, "a dog", into=tmp_path, **{**SIZE, "num_inference_steps": 3})
    with pytest.raises(StudyError, match="keep: 'sum' then, 'steps' now"):
        corpus.generate(pipe, "a dog", into=tmp_path, keep="steps", **SIZE)
    with pytest.raises(StudyError, match=r"weights: '[0-9a-f]{16}' then, '[0-9a-f]{16}' now"):
        corpus.generate(sd1(seed=5), "a dog", into=tmp_path, **SIZE)
    assert len(corpus.Corpus.open(tmp_path)) == 1


def test_one_changed_weight_is_another_model(tmp_path: Path) -> None:
    changed = sd1()
    corpus.generate(changed, "a cat", into=tmp_path, **SIZE)
    _, parameter = next(iter(changed.unet.named_parameters()))
    parameter.data.view(-1)[0] += 0.5
    with pytest.raises(StudyError, match="weights"):
        corpus.generate(changed, "a cat", into=tmp_path, **SIZE)


def test_what_people_call_the_model_is_no_part_of_it(tmp_path: Path) -> None:
    first, other = sd1(), sd1()
    corpus.generate(first, "a cat", into=tmp_path, **SIZE)
    other.register_to_config(_name_or_path="moved/elsewhere")
    assert len(corpus.generate(other, ["a cat", "a dog"], into=tmp_path, **SIZE)) == 2
    assert corpus.Corpus.open(tmp_path).settings["model"] == "StableDiffusionPipeline"


def test_half_the_weights_of_the_vae_make_another_model(tmp_path: Path) -> None:
    changed = sd1()
    corpus.generate(changed, "a cat", into=tmp_path, **SIZE)
    for parameter in changed.vae.parameters():
        parameter.data *= 0.5
    with pytest.raises(StudyError, match=r"other settings: parts, vae, weights: '[0-9a-f]{16}' th"):
        corpus.generate(changed, ["a cat", "a dog"], into=tmp_path, **SIZE)


def test_under_an_intervention_is_another_corpus(pipe: Any, tmp_path: Path) -> None:
    corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)
    with (
        pytest.raises(StudyError, match=r"interventions: \[\] then, .*ablate\('cat'"),
        ablate(pipe, words="cat"),
    ):
        corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)


def test_a_corpus_that_knew_its_model_by_samples_is_read_and_not_gone_on_with(
    pipe: Any, tmp_path: Path
) -> None:
    corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)
    about = json.loads((tmp_path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps({**about, "version": 1}))
    assert len(corpus.Corpus.open(tmp_path)) == 1
    with pytest.raises(StudyError, match=r"made by an earlier version, .* another folder: into="):
        corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)


@pytest.mark.parametrize("name", ["callback_on_step_end", "latents", "ip_adapter_image"])
def test_options_that_are_no_plain_data_count_by_content(name: str) -> None:
    """Two lambdas, two tensors whose corners are alike, two images: each is itself."""
    values: dict[str, list[Any]] = {
        "callback_on_step_end": [lambda *a: a[-1], lambda *a: {**a[-1], "latents": 0}],
        "latents": [torch.zeros(1, 4, 64, 64), torch.zeros(1, 4, 64, 64)],
        "ip_adapter_image": [Image.new("RGB", (9, 9), "red"), Image.new("RGB", (9, 9), "blue")],
    }
    values["latents"][1][0, 2, 30, 30] = 1.0
    first, other = (corpus.fingerprint(value) for value in values[name])
    assert first != other
    assert first == corpus.fingerprint(copy.deepcopy(values[name][0]))
    json.dumps([first, other])


def test_the_same_image_twice_is_refused(pipe: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"'a cat' with the seed 3798283203 occurs more than once"):
        corpus.generate(pipe, ["a cat", "a cat"], into=tmp_path, **SIZE)
    with pytest.raises(StudyError, match="seed 1 occurs more than once"):
        corpus.generate(pipe, ["a cat"], [1, 1], into=tmp_path, **SIZE)


def test_captions_may_bring_their_own_seeds(pipe: Any, tmp_path: Path) -> None:
    captions = [Caption("a cat", {"seed": 7}), Caption("a cat", {"seed": 8})]
    made = corpus.generate(pipe, captions, None, into=tmp_path, **SIZE)
    assert [run.load().facts.seed for run in made] == [7, 8]


@pytest.mark.parametrize("seeds", [[1.5], [True], ["1"]])
def test_seeds_are_whole_numbers(pipe: Any, tmp_path: Path, seeds: list[Any]) -> None:
    with pytest.raises(StudyError, match="it must be a whole number"):
        corpus.generate(pipe, "a cat", seeds, into=tmp_path, **SIZE)


def test_no_seed_at_all(pipe: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="No seed was given"):
        corpus.generate(pipe, "a cat", [], into=tmp_path, **SIZE)


def test_a_folder_of_something_else_is_left_alone(pipe: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StudyError, match="is neither an empty folder nor a corpus"):
        corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_kill_in_the_first_write_leaves_is_cleared(pipe: Any, tmp_path: Path) -> None:
    (tmp_path / ".corpus.json.0123456789ab.part").write_text("{")
    assert len(corpus.generate(pipe, "a cat", into=tmp_path, **SIZE)) == 1
    assert not list(tmp_path.glob(".corpus*"))


def test_prompts_that_differ_in_signs_alone_have_their_own_folders() -> None:
    names = {
        corpus.name_of(p, 0) for p in ("a cat!", "a cat?", "A cat", "../a cat", "a cat\n", "猫", "")
    }
    assert len(names) == 7
    assert all(re.fullmatch(r"[a-z0-9-]+\.0\.[0-9a-f]{12}", name) for name in names)


def test_the_pipelines_own_bar_comes_back(tmp_path: Path) -> None:
    pipe = sd1()
    pipe.set_progress_bar_config(disable=False, desc="mine")
    corpus.generate(pipe, "a cat", into=tmp_path, progress=False, **SIZE)
    assert pipe._progress_bar_config == {"disable": False, "desc": "mine"}


def test_recordings_in_memory_and_any_folder_of_them(tmp_path: Path) -> None:
    runs = [tiny_recording("a cat", seed=1), tiny_recording("a dog", seed=2)]
    held = corpus.runs_of(runs)
    assert [run.facts["prompt"] for run in held] == ["a cat", "a dog"]
    assert held[0].load() is runs[0]
    assert held.place("study") is None
    for place, run in enumerate(runs):
        run.save(tmp_path / "some" / f"{place}")
    found = corpus.runs_of(tmp_path)
    assert [run.key for run in found] == ["some/0", "some/1"]
    assert found[1:][0].load().prompt.text == "a dog"
    assert corpus.runs_of(held) is held
    assert len(corpus.runs_of(runs[0])) == 1


def test_what_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"holds no recordings\. Make some"):
        corpus.Corpus.open(tmp_path)
    with pytest.raises(StudyError, match="not a int"):
        corpus.runs_of(3)  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="There are no recordings to study"):
        corpus.runs_of([])
    with pytest.raises(StudyError, match="takes recordings, not a str"):
        corpus.runs_of(["a"])  # type: ignore[list-item]
    (tmp_path / "corpus.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(StudyError, match=r"is not what corpus\.generate wrote"):
        corpus.Corpus.open(tmp_path)


def test_rows_of_other_settings_stand_apart(tmp_path: Path) -> None:
    tiny_recording().save(tmp_path / "a")
    found = corpus.Corpus.open(tmp_path)
    assert found.place("x", {"tau": 0.3}) != found.place("x", {"tau": 0.4})
    assert found.place("x", {"tau": 0.3}) == found.place("x", {"tau": 0.3})


def test_some_images_and_no_pipeline(pipe: Any, tmp_path: Path) -> None:
    made = corpus.generate_some(
        pipe, ["a cat", "a dog", "a hat"], range(2), into=tmp_path, images=4, **SIZE
    )
    assert len(made) == 4
    assert len(corpus.generate_some(None, None, None, into=tmp_path)) == 4
    with pytest.raises(StudyError, match="No captions were given"):
        corpus.generate_some(pipe, None, range(2), into=tmp_path, **SIZE)


def test_several_at_once_each_with_its_own_prompt_and_seed(pipe: Any, tmp_path: Path) -> None:
    captions = ["a cat", "a dog", "a hat"]
    made = corpus.generate(pipe, captions, [4, 2], into=tmp_path, batch=4, **SIZE)
    assert len(made) == 6
    for run in made:
        found = run.load()
        assert (found.prompt.text, found.facts.seed) == (run.facts["prompt"], run.facts["seed"])
        alone = record(pipe, found.prompt.text, seed=found.facts.seed, **SIZE)
        assert found.image is not None
        far = np.asarray(found.image, dtype=int) - np.asarray(alone.image, dtype=int)
        assert np.abs(far).max() <= 1
    with pytest.raises(StudyError, match="batch: 4 then, None now"):
        corpus.generate(pipe, captions, [4, 2], into=tmp_path, **SIZE)
    with pytest.raises(StudyError, match="batch is 0"):
        corpus.generate(pipe, captions, into=tmp_path, batch=0, **SIZE)


def test_a_batch_that_was_stopped_is_drawn_with_the_same_neighbors(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = ["a cat", "a dog", "a hat"]
    whole = corpus.generate(pipe, captions, into=tmp_path / "whole", batch=2, **SIZE)
    broken = corpus.generate(pipe, captions, into=tmp_path / "broken", batch=2, **SIZE)
    shutil.rmtree(broken[1].source)
    asked: list[Any] = []

    def watched(pipe: Any, prompt: Any, **options: Any) -> Any:
        asked.append(prompt)
        return record(pipe, prompt, **options)

    monkeypatch.setattr(corpus, "record", watched)
    again = corpus.generate(pipe, captions, into=tmp_path / "broken", batch=2, **SIZE)
    assert asked == [["a cat", "a dog"]]
    for one, other in zip(whole, again, strict=True):
        first, second = one.load(), other.load()
        assert first.image.tobytes() == second.image.tobytes()
        for name in first.attention:
            assert first.attention[name].equal(second.attention[name])


def test_a_mistake_before_the_first_image_pins_nothing(pipe: Any, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    options: dict[str, Any] = {"into": folder, "progress": False, **SIZE}
    mistakes: list[dict[str, Any]] = [
        {"tokens": "dog"},
        {"num_inference_steps": "2"},
        {"num_inference_steps": 0},
        {"seeds": [-1]},
        {"latents": torch.zeros(1)},
        {"into": None},
        {"height": 63},
    ]
    for mistake in mistakes:
        with pytest.raises((DaamError, ValueError)):
            corpus.generate(pipe, ["a cat"], **{**options, **mistake})
        assert not folder.exists()
    with pytest.raises(DaamError, match="NoneType is not a diffusers pipeline"):
        corpus.generate(None, ["a cat"], **options)
    assert len(corpus.generate(pipe, ["a cat"], **options)) == 1
    listed = (folder / "list.jsonl").read_bytes()
    with pytest.raises(DaamError, match="must be a whole number from 0"):
        corpus.generate(pipe, ["a dog"], [-1], **options)
    assert (folder / "list.jsonl").read_bytes() == listed
    (tmp_path / "file").write_text("")
    with pytest.raises(DaamError, match="is a file; a corpus needs a folder"):
        corpus.generate(pipe, ["a cat"], **{**options, "into": tmp_path / "file"})


def test_weights_that_change_while_a_corpus_is_drawn_stop_it(tmp_path: Path) -> None:
    pipe = sd1()

    def edit(_pipe: Any, _step: int, _t: Any, _tensors: Any) -> dict[str, Any]:
        pipe.unet.conv_in.weight.data.mul_(0.5)
        return {}

    with pytest.raises(StudyError, match="weights of the model were changed while the corpus was"):
        corpus.generate(
            pipe, ["a cat", "a dog"], [1], into=tmp_path / "c", callback_on_step_end=edit, **SIZE
        )
    assert len(list((tmp_path / "c" / "runs").iterdir())) == 1
